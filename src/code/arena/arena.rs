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

use super::edges::Edges;
use super::kept::Kept;
use super::stats::CodeStats;
use crate::code::store::{CodeStore, Ground, Prefix, Protection, Returns, StoreOptions};
use crate::code::value::{Name, SiteCounter, SitePool};
use crate::error::Error;
use crate::pages::Source;
use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

/// Memory for code that is built once and then only read.
///
/// Blocks are allocated through a [`Loader`](crate::Loader), read through plain references, and protected by the
/// hardware once sealed. Threads may share the arena (`Sync`): they load, seal and look up at once, and no call takes a
/// lock. So a child that is forked in the middle of another thread's load can do all of it too. Dropping the arena
/// gives everything back in one system call.
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
    /// The arenas that this one keeps. Dropped first: its records lie in the store.
    pub(super) edges: Edges,
    /// Values that end with the arena. Dropped before the store, too: they lie there.
    pub(super) kept: Kept,
    store: CodeStore,
    /// The arena's place after it is leaked: memory in the ledger, so that leaking needs none.
    home: NonNull<Self>,
}

// SAFETY: `home` is memory of the arena's own that nothing but `go_home`, which owns the arena, writes to. Edges hold shares, which are counted
// by an atomic, in arenas, which may go to any thread as this one may. What is kept may end on any thread: see `kept.rs`. Every other field is
// `Send`.
unsafe impl Send for CodeArena {}
// SAFETY: as above; what threads share changes by atomics only.
unsafe impl Sync for CodeArena {}

impl CodeArena {
    /// An empty arena, with so many bytes of code pages populated.
    pub(super) fn new_in(ground: Ground, options: StoreOptions, prefault: usize) -> Result<Self, Error> {
        let store = CodeStore::new(ground, options);
        if options.level >= Protection::SealedFile {
            // As a seal does: what an image was copied to is to reach the level too.
            let replaced = store.prefix().map_or(Ok(()), |prefix| store.pages().replace_prefix(prefix));
            if options.strict {
                replaced?;
            }
        }
        let home = store.claim_record(Layout::new::<Self>())?.cast();
        store.prefault(prefault)?;
        Ok(Self { edges: Edges::new(), kept: Kept::new(), store, home })
    }

    #[inline]
    pub(in crate::code) fn store(&self) -> &CodeStore {
        &self.store
    }

    /// Returns `true` if an address lies in the arena's code pages: one subtraction and one comparison.
    ///
    /// True for the whole part of the reservation that is [set aside for code](Self::address_range), used or not. The code of an image that the
    /// arena began with lies there too. Values of size zero lie nowhere, so the answer for them is false.
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
        self.store.pages().position(ptr.cast::<u8>().addr()).is_some()
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
        let names = self.store.names();
        let known = self.store.prefixed_name(text).or_else(|| names.find(names.hash(text), text).ok());
        known.map(Name::new)
    }

    /// Returns the address space that is set aside for code, used or not. [`contains`](Self::contains) compares with
    /// it. It is for tools that look at the process from outside. Costs nothing.
    ///
    /// Its beginning never changes. Its end falls if records need more than [their
    /// part](crate::code::CodeArenaBuilder::reservation). No block was ever there.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let text = arena.load("m")?.alloc_str("inside")?;
    /// assert!(arena.address_range().contains(&text.as_ptr().addr()));
    /// assert_eq!(arena.address_range().len(), arena.stats().reserved);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address_range(&self) -> core::ops::Range<usize> {
        let pages = self.store.pages();
        let start = pages.prefix_at(0).addr().get();
        start..start + pages.prefix() + pages.len()
    }

    /// Returns the bytes of address space that the arena takes, those for its records and its page table included.
    ///
    /// Without a [chosen size](crate::code::CodeArenaBuilder::reservation) it says what the system granted. It never changes;
    /// [`address_range`](Self::address_range) is the part for code. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let [front, back] = arena.bookkeeping_ranges();
    /// assert_eq!(arena.address_space(), front.len() + arena.address_range().len() + back.len());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address_space(&self) -> usize {
        self.store.pages().reservation().len()
    }

    /// Returns the address ranges of the arena's bookkeeping, in front of the code and behind it. Loads and seals write
    /// there. They are for tools that look at the process from outside. Unsealed code and the bookkeeping in front of
    /// it may be one mapping. The tables of an image at its window lie in front too: a file's pages, which nobody writes to. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let [front, back] = arena.bookkeeping_ranges();
    /// assert!(front.end == arena.address_range().start && back.start == arena.address_range().end);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn bookkeeping_ranges(&self) -> [core::ops::Range<usize>; 2] {
        let (code, (front, back)) = (self.address_range(), self.store.pages().around());
        [code.start - front..code.start, code.end..code.end + back]
    }

    /// Returns the contents of the arena and their cost. Counts are exact when no loader is open. An open loader's
    /// bytes are counted when it closes.
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
    pub fn stats(&self) -> CodeStats {
        CodeStats::of(&self.store)
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
        // SAFETY: the arena lies there, and the reservation is moved, not dropped, so the memory stays mapped for ever.
        unsafe { self.go_home().as_ref() }
    }

    /// Moves the arena into memory of its own, where it stays until somebody reads it out again.
    pub(super) fn go_home(self) -> NonNull<Self> {
        let home = self.home;
        // SAFETY: `home` was claimed for one `Self` and is written to here only, because this consumes the arena. The reservation is moved, not
        // dropped, so the memory stays mapped.
        unsafe { home.write(self) };
        home
    }

    /// Returns the address space for code that is loaded, behind an image that the arena began with. Feature `testing`.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn loaded_range(&self) -> core::ops::Range<usize> {
        let range = self.address_range();
        range.start + self.store.pages().prefix()..range.end
    }

    /// Returns a pointer to the first byte of the code pages, for checks that read all that was claimed: gaps, too. Feature `testing`.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn base(&self) -> NonNull<u8> {
        self.store.pages().at(0)
    }

    /// Shows each stretch of sealed code, as addresses that ascend.
    #[cfg(all(feature = "residency", target_os = "linux"))]
    pub(crate) fn each_sealed<E>(
        &self,
        mut show: impl FnMut(core::ops::Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (pages, base) = (self.store.pages(), self.address_range().start);
        let own = base + pages.prefix();
        // Code may begin right behind what the arena began with.
        let mut last = base..own;
        pages.each_sealed(|stretch| {
            let stretch = own + stretch.start..own + stretch.end;
            if stretch.start == last.end {
                last.end = stretch.end;
                return Ok(());
            }
            let whole = core::mem::replace(&mut last, stretch);
            if whole.is_empty() { Ok(()) } else { show(whole) }
        })?;
        if last.is_empty() { Ok(()) } else { show(last) }
    }

    /// The addresses of machine code: of all that was claimed for it so far.
    #[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
    pub(crate) fn machine_code(&self) -> core::ops::Range<usize> {
        let pages = self.store.pages();
        let ([_, back], start) = (pages.claimed_ranges(), pages.at(0).addr().get());
        start + back.start..start + back.end
    }

    /// The source of its pages, for what belongs to it and lies beside it.
    pub(crate) fn page_source(&self) -> &Source {
        self.store().pages().reservation().source()
    }

    /// The sealed code that the arena began with.
    #[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
    pub(crate) fn prefix(&self) -> Option<&dyn Prefix> {
        self.store.prefix()
    }

    /// Lets [`look`](crate::code::look) find the arena's code, until the arena is dropped.
    #[cfg(all(feature = "fault-report", target_os = "linux"))]
    pub(crate) fn post_lookout(&self) -> Result<(), Error> {
        self.store.post_lookout()
    }

    /// Returns the distance of an address from the first byte of the code pages, if it lies in them.
    pub(crate) fn offset_of<T: ?Sized>(&self, ptr: *const T) -> Option<usize> {
        self.store.pages().position(ptr.cast::<u8>().addr())
    }

    /// Takes a pool of site numbers that its last owner left, or an empty one, with the right to leave it here.
    pub(crate) fn take_spare_sites(&self) -> Option<(SitePool, Returns)> {
        self.store.take_spare_sites()
    }

    /// Leaves a pool of site numbers to its next owner.
    ///
    /// # Safety
    ///
    /// 1. The right is of this arena.
    /// 2. Nobody uses the numbers that wait in the pool.
    pub(crate) unsafe fn leave_spare_sites(&self, pool: SitePool, returns: Returns) {
        // SAFETY: the caller's promise.
        unsafe { self.store.leave_spare_sites(pool, returns) };
    }

    /// The numbers that sites of this arena have.
    pub(crate) fn site_counter(&self) -> &SiteCounter {
        self.store.sites()
    }
}

impl fmt::Debug for CodeArena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeArena").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
