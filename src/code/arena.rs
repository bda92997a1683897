//! The code arena: one reservation, what lies in it, and what can be asked of it.
//!
//! ```text
//!   ┌── page table ──┬── records ──┬──────────────── code ─────────────────┬ more ──────┬ more ────────┐
//!   │ owners, bits ◀ │ written ▶   │ sealed │ closed │ open │ no access ▶  │ ◀ records  │ page table ▶ │
//!   └────────────────┴─────────────┴───────────────────────────────────────┴────────────┴──────────────┘
//!    written by load  written once   only ever read, after load
//!    and seal
//! ```
//!
//! Code shares no page with the rest (invariant 1). An arena that holds little touches a page where table and records meet and the first of
//! code, both writable from the beginning. The `CodeArena` value itself holds a few atomics and lies wherever its owner puts it.

use super::code_pages::{Choices, CodePages};
use super::directory::Directory;
use super::extent::{Extent, ModuleRecord};
use super::hardening::Hardening;
use super::ledger::{CHUNK, Ledger};
use super::name::Name;
use super::names::Names;
use super::page_table::PageTable;
use super::published::Record;
use super::shelf::Board;
use super::sites::{SiteCounter, Sites};
use super::stats::{Counters, Stats};
use crate::error::Error;
use crate::layout::Geometry;
use crate::pages::Reservation;
use core::alloc::Layout;
use core::ffi::c_void;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Memory for code that is built once and then only read.
///
/// Blocks are allocated through a [`Loader`](crate::Loader), read through plain references, and protected by the hardware once sealed. The arena may be
/// shared by threads (`Sync`): they load, seal and look up at once, no call takes a lock, and a child forked in the middle of another
/// thread's load can do all of it too (invariant 5). Dropping the arena gives everything back in one system call.
///
/// ```
/// use permacode::CodeArena;
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = CodeArena::new()?;
/// let loader = arena.load("hello")?;
/// let text: &str = loader.alloc_str("hello, world")?;
/// let module = loader.seal()?; // from here on a stray store to `text` is fatal
/// assert_eq!(text, "hello, world");
/// assert!(arena.contains(text));
/// assert_eq!(arena.locate(text.as_ptr()).map(|at| at.module), Some(module));
/// # Ok(())
/// # }
/// ```
pub struct CodeArena {
    modules: Directory,
    names: Names,
    sites: SiteCounter,
    ledger: Ledger,
    next_module: AtomicU32,
    counters: Counters,
    /// Where the arena moves when it is leaked: memory in the ledger, so that leaking needs none.
    home: NonNull<Self>,
    /// Dropped last: all of the above may point into it.
    pages: CodePages,
}

// SAFETY: `home` is memory of the arena's own that nothing but `leak`, which owns the arena, writes to; every other field is `Send`.
unsafe impl Send for CodeArena {}
// SAFETY: as above; what threads share changes by atomics only.
unsafe impl Sync for CodeArena {}

impl CodeArena {
    pub(super) fn with_pages(reservation: Reservation, geometry: Geometry, choices: Choices) -> Result<Self, Error> {
        // SAFETY: whole pages of a reservation that nothing was done with yet.
        unsafe { reservation.commit(0..geometry.start + CodePages::ready(&reservation, geometry)) }?;
        let ledger = Ledger::new(geometry.table..geometry.start, geometry.rest, geometry.back);
        // SAFETY: the reservation was made for this geometry; the page table's part and the first code are committed and untouched.
        let pages = unsafe { CodePages::new(reservation, geometry, choices) };
        let home = ledger.claim(&pages, Layout::new::<Self>())?.cast();
        // SAFETY: the directory is this arena's, and `enlist` appends modules of this arena only.
        let modules = unsafe { Directory::new() };
        Ok(Self {
            modules,
            names: Names::new(),
            sites: SiteCounter::new(),
            ledger,
            next_module: AtomicU32::new(0),
            counters: Counters::default(),
            home,
            pages,
        })
    }

    /// Claims and populates `bytes` ahead of the first load.
    pub(super) fn prefault(&self, bytes: usize) -> Result<(), Error> {
        if bytes != 0 {
            self.pages.prefault(bytes, || self.board())?;
        }
        Ok(())
    }

    /// What the ledger keeps of a module, for one that is to be opened.
    pub(super) fn module_record(&self, name: &str) -> Result<Record<'_, ModuleRecord>, Error> {
        self.ledger.insert_named(&self.pages, name, |name| {
            // SAFETY: the ledger copied the name and puts the record in front of it. Its loader adds what it records in this arena.
            unsafe { ModuleRecord::new(self.next_module.fetch_add(1, Relaxed), name) }
        })
    }

    /// Whether an address lies in the arena's code pages: one subtraction and one comparison.
    ///
    /// True for the whole part of the reservation that is [set aside for code](Self::address_range), used or not. Values of size zero lie
    /// nowhere, so the answer for them is false.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let text = arena.load("m")?.alloc_str("inside")?;
    /// assert!(arena.contains(text));
    /// assert!(!arena.contains("in the program's own constants"));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn contains<T: ?Sized>(&self, ptr: *const T) -> bool {
        self.pages.offset(ptr.cast::<u8>().addr()).is_some()
    }

    /// Returns the name with this text, if a loader of the arena has interned it.
    ///
    /// It adds nothing, so text from outside can be looked up without filling the arena. Names of transient code are not found: those
    /// are the region's own until they are [promoted](crate::CodeRef::promote). The empty name is always found.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// assert_eq!(arena.interned("print"), None);
    /// let print = arena.load("m")?.intern_name("print")?;
    /// assert_eq!(arena.interned("print"), Some(print));
    /// assert!(std::ptr::eq(arena.interned("print").unwrap().as_str(), print.as_str()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// A hash and a descent of some ten loads. No write, no lock.
    pub fn interned(&self, text: &str) -> Option<Name<'_>> {
        if text.is_empty() {
            return Some(Name::new(""));
        }
        self.names.find(self.names.hash(text), text).ok().map(Name::new)
    }

    /// The address space set aside for code, used or not, from its first byte to behind its last: what
    /// [`contains`](Self::contains) compares with, for tools that look at the process from outside. Costs nothing.
    ///
    /// Its beginning never changes. Its end falls where records need more than [what is reserved for them](crate::CodeArenaBuilder::reservation);
    /// no block was ever there.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let text = arena.load("m")?.alloc_str("inside")?;
    /// assert!(arena.address_range().contains(&text.as_ptr().addr()));
    /// assert_eq!(arena.address_range().len(), arena.stats().reserved);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address_range(&self) -> core::ops::Range<usize> {
        let start = self.pages.at(0).addr().get();
        start..start + self.pages.len()
    }

    /// Returns the bytes of address space that the arena takes, those for its records and its page table included.
    ///
    /// Without a [chosen size](crate::CodeArenaBuilder::reservation) it says what the system granted. It never changes;
    /// [`address_range`](Self::address_range) is the part for code. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let [front, back] = arena.bookkeeping_ranges();
    /// assert_eq!(arena.address_space(), front.len() + arena.address_range().len() + back.len());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address_space(&self) -> usize {
        self.pages.reservation().len()
    }

    /// Where what the arena knows of its code lies: pages that loads and seals write to, in front of the code and behind it. For tools that
    /// look at the process from outside: unsealed code and what lies in front of it may be one mapping. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let [front, back] = arena.bookkeeping_ranges();
    /// assert!(front.end == arena.address_range().start && back.start == arena.address_range().end);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn bookkeeping_ranges(&self) -> [core::ops::Range<usize>; 2] {
        let (code, (front, back)) = (self.address_range(), self.pages.around());
        [code.start - front..code.start, code.end..code.end + back]
    }

    /// What the arena holds and what it cost. Counts are exact when no loader is open; what open loaders fill is counted when they
    /// close.
    ///
    /// Costs a look at two bits for each claimed page, a word at a time; no system call, no allocation.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// arena.load("m")?.alloc_slice_copy(&[1u8; 100])?;
    /// let stats = arena.stats();
    /// assert_eq!((stats.modules, stats.used), (1, 100));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn stats(&self) -> Stats {
        self.counters.stats(&self.pages, &self.sites)
    }

    /// Gives the arena away for the rest of the process, so that its blocks are `&'static`.
    ///
    /// Costs one move of the arena's few words into memory of its own, no system call and no allocation; it cannot fail.
    ///
    /// ```
    /// let arena: &'static permacode::CodeArena = permacode::CodeArena::new()?.leak();
    /// let text: &'static str = arena.load("m")?.alloc_str("for ever")?;
    /// assert!(arena.contains(text));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn leak(self) -> &'static Self {
        let home = self.home;
        // SAFETY: `home` was claimed for one `Self` and is written to here only, because `leak` consumes the arena. The reservation is
        // moved, not dropped, so the memory stays mapped for ever.
        unsafe {
            home.write(self);
            home.as_ref()
        }
    }

    /// Returns a pointer to the first byte of the code pages, for checks that read all that was claimed: gaps, too. Feature `testing`.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn base(&self) -> NonNull<u8> {
        self.pages.at(0)
    }

    /// Shows each stretch of sealed code, as addresses that ascend.
    #[cfg(all(feature = "residency", target_os = "linux"))]
    pub(crate) fn each_sealed<E>(
        &self,
        mut show: impl FnMut(core::ops::Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        let base = self.address_range().start;
        self.pages.each_sealed(|stretch| show(base + stretch.start..base + stretch.end))
    }

    pub(super) fn pages(&self) -> &CodePages {
        &self.pages
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.modules
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn site_counter(&self) -> &SiteCounter {
        &self.sites
    }

    /// How far behind the first byte of the code pages an address lies, if it is among them.
    pub(crate) fn offset_of<T: ?Sized>(&self, ptr: *const T) -> Option<usize> {
        self.pages.offset(ptr.cast::<u8>().addr())
    }

    /// Site numbers for transient code, which shares them with others: where they begin.
    pub(crate) fn number_sites(&self, count: usize) -> Result<u32, Error> {
        self.sites.number(count)
    }

    /// What tells this arena's sites from those of others.
    pub(crate) fn site_tag(&self) -> u16 {
        self.sites.tag()
    }

    /// Sites given out so far.
    pub(crate) fn sites_given(&self) -> usize {
        self.sites.given()
    }

    /// A part of such numbers.
    pub(crate) fn part_of_sites(&self, start: u32, len: u16) -> Sites {
        self.sites.part(start, len)
    }

    /// A board for more tails to wait on, if there is room for it.
    pub(super) fn board(&self) -> Option<Record<'_, Board>> {
        // SAFETY: the board goes to this arena's ledger, and so to its own shelves only.
        self.record(unsafe { Board::new() }).ok()
    }

    pub(super) fn record<T: Sync>(&self, value: T) -> Result<Record<'_, T>, Error> {
        self.ledger.insert(&self.pages, value)
    }

    /// Adds a closed module to the list of finished ones.
    pub(super) fn enlist<'l>(&'l self, module: Record<'l, ModuleRecord>, filled: usize, gaps: usize, lost: usize) {
        let pages = module.get().extents().map(|extent| self.pages.fresh(&extent)).sum();
        self.counters.add(filled, gaps, lost, pages);
        self.modules.append(module);
    }

    /// What holds for every page of these extents.
    pub(super) fn hardening_of<'l>(&'l self, extents: impl Iterator<Item = Record<'l, Extent>>) -> Hardening {
        let filled = extents.filter(|extent| extent.start() != extent.end());
        let least = filled.map(|extent| self.pages.hardening(extent.start()..extent.end())).min();
        // Of what has no bytes, nothing can change.
        least.unwrap_or(if self.pages.reservation().protects() { Hardening::Protect } else { Hardening::ByType })
    }
}

impl fmt::Debug for CodeArena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeArena").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// [`CodeArena::contains`] for C: whether `ptr` lies in the code pages of `arena`. False for a null arena. `ptr` is not dereferenced.
///
/// ```c
/// bool permacode_code_contains(const void *arena, const void *ptr);
/// ```
///
/// Costs a subtraction and two comparisons: no system call, no write. It cannot fail. C finds it by its name with feature `c-symbols`.
///
/// ```
/// use permacode::{CodeArena, permacode_code_contains};
///
/// let arena = CodeArena::new()?;
/// let text = arena.load("m")?.alloc_str("inside")?;
/// // SAFETY: the arena outlives the call.
/// assert!(unsafe { permacode_code_contains(&arena, text.as_ptr().cast()) });
/// // SAFETY: null is allowed.
/// assert!(!unsafe { permacode_code_contains(std::ptr::null(), text.as_ptr().cast()) });
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Safety
///
/// `arena` is null or points to a [`CodeArena`] that is not dropped during the call.
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_code_contains(arena: *const CodeArena, ptr: *const c_void) -> bool {
    // SAFETY: the caller's promise.
    unsafe { arena.as_ref() }.is_some_and(|arena| arena.contains(ptr))
}

/// Where the parts of a reservation for `code` bytes lie, with at least one chunk of records.
pub(super) fn geometry(code: usize, page: crate::layout::PageSize) -> Option<Geometry> {
    Geometry::new(code, page, CHUNK, PageTable::bytes)
}
