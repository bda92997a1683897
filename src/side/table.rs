//! Mutable data of sealed code, in memory of its own.
//!
//! ```text
//!   code, sealed      ┌ .. │ Sites { start, len, tag } │ .. ┐
//!                            │
//!   table             ├ entry ┼ entry ┼ entry ┼ ┄┄ demand-zero ┄┄ ┤┄┄ no access ┄┄┤
//!                     base    └ of(sites) ┘                  committed        capacity
//! ```
//!
//! * No entry lies on a page that holds code or heap objects (invariant 1).
//! * Entries begin as zeros, and a page costs memory from its first write on: of a large program only what runs does.
//! * The address space is reserved when the table is made, so it never moves, and code that is loaded later is served.

use super::entry::Entry;
use crate::code::{CodeArena, Sites};
use crate::error::Error;
use crate::pages::{Reservation, Writable};
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// Entries are made writable at least so many bytes at a time, of a large table more.
const CHUNK: usize = 64 << 10;

/// A table with an entry of type `T` for each site of a code arena.
///
/// A process, a thread or an isolate has one, or several for different purposes. It is `Send` and `Sync` as `T` is:
/// entries that are `Cell`s serve one thread, atomics serve all. A change of an entry changes nothing else. A forked
/// child copies the pages of those entries that it writes.
///
/// # Entries
///
/// An entry starts as zeros, and it is never dropped. So its type must be [`Zeroable`](crate::side::Zeroable): zeros are a value of it.
///
/// | you want | the entry is |
/// | --- | --- |
/// | a number or a flag | a `Cell<u32>`, a `Cell<bool>`, an atomic |
/// | what a lookup found | an [`InlineCache`](crate::side::InlineCache), a [`PolymorphicCache`](crate::side::PolymorphicCache) |
/// | a number or nothing, where you wrote `Option<usize>` | a `Cell<Option<NonZeroUsize>>`, or a `Cell<usize>` of the number plus 1 |
/// | a reference or nothing | a `Cell<Option<&'a T>>` |
/// | an enum | a `Cell<u8>` of its number, a [`Quickened`](crate::side::Quickened) |
/// | an object that owns memory | a [`LazyConstant`](crate::side::LazyConstant), or an index into a vector of yours |
/// | a struct of such entries | the struct, with the promise below |
///
/// ```
/// use permacode::side::Zeroable;
/// use permacode::{CodeArena, SideTable};
/// use std::cell::Cell;
///
/// struct Profile {
///     calls: Cell<u32>,
///     slow: Cell<bool>,
/// }
///
/// // SAFETY: zeros are a value of each field.
/// unsafe impl Zeroable for Profile {}
///
/// let arena = CodeArena::new()?;
/// let profiles: SideTable<'_, Profile> = SideTable::new(&arena)?;
/// let profile = &profiles.of(arena.load("m")?.sites(1)?)?[0];
/// assert_eq!((profile.calls.get(), profile.slow.get()), (0, false));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// Entries are changed through a shared reference, so a `u32` without a `Cell` cannot be changed. An entry has at least a byte, is aligned
/// to at most 64, and has no drop glue. The compiler refuses others:
///
/// ```compile_fail,E0080
/// # let arena = permacode::CodeArena::new().unwrap();
/// permacode::SideTable::<()>::new(&arena); // nothing to change
/// ```
///
/// ```compile_fail,E0080
/// # struct Owner(u8);
/// # impl Drop for Owner { fn drop(&mut self) {} }
/// # // SAFETY: zero is a number.
/// # unsafe impl permacode::side::Zeroable for Owner {}
/// # let arena = permacode::CodeArena::new().unwrap();
/// permacode::SideTable::<Owner>::new(&arena); // nobody would drop it
/// ```
///
/// ```compile_fail,E0080
/// # #[repr(align(128))]
/// # struct Wide(u8);
/// # // SAFETY: zero is a number.
/// # unsafe impl permacode::side::Zeroable for Wide {}
/// # let arena = permacode::CodeArena::new().unwrap();
/// permacode::SideTable::<Wide>::new(&arena); // aligned to more than 64 bytes
/// ```
///
/// # Examples
///
/// ```
/// use permacode::{CodeArena, Permanent, SideTable, Sites};
/// use std::cell::Cell;
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     ops: &'a [u8],
///     sites: Sites,
/// }
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = CodeArena::new()?;
/// let counts: SideTable<'_, Cell<u32>> = SideTable::new(&arena)?;
/// let loader = arena.load("m")?; // after the table was made
/// let code = loader.alloc(Code { ops: loader.alloc_slice_copy(&[7, 7])?, sites: loader.sites(2)? })?;
/// loader.seal()?;
/// let caches = counts.of(code.sites)?; // once per frame
/// caches[1].set(caches[1].get() + 1); // per instruction
/// assert_eq!(counts.of(code.sites)?[1].get(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Covariant in `'a` and in `T`, as a vector is. Entries with a cell are invariant by themselves.
pub struct SideTable<'a, T> {
    arena: &'a CodeArena,
    pub(super) pages: Reservation<Writable>,
    pub(super) base: NonNull<T>,
    /// Entries that are writable.
    committed: AtomicUsize,
    /// Entries that there may be.
    pub(super) capacity: usize,
    /// The arena's, in its sites.
    tag: u16,
    /// That of the image that the arena began with, in the sites there. The arena's if it began with none.
    #[cfg(feature = "image")]
    older_tag: u16,
    /// The number of these.
    #[cfg(feature = "image")]
    older: usize,
    owns: PhantomData<T>,
}

// SAFETY: the table owns its reservation and the entries in it; what it gives out are shared references to them.
unsafe impl<T: Send> Send for SideTable<'_, T> {}
// SAFETY: as above; what the table itself changes is atomic.
unsafe impl<T: Sync> Sync for SideTable<'_, T> {}

impl<'a, T: Entry> SideTable<'a, T> {
    /// A table of `capacity` entries in a reservation that was made for them.
    pub(super) fn from_parts(arena: &'a CodeArena, pages: Reservation<Writable>, capacity: usize) -> Self {
        const {
            assert!(size_of::<T>() != 0, "an entry without bytes has nothing to change");
            assert!(!core::mem::needs_drop::<T>(), "entries are never dropped: their type must not need it");
            assert!(align_of::<T>() <= 64, "no page is smaller than 64 bytes, so the table is aligned to that");
        }
        let base = pages.base().cast();
        let sites = arena.site_counter();
        Self {
            arena,
            pages,
            base,
            committed: AtomicUsize::new(0),
            capacity,
            tag: sites.tag(),
            #[cfg(feature = "image")]
            older_tag: sites.older_tag(),
            #[cfg(feature = "image")]
            older: sites.older(),
            owns: PhantomData,
        }
    }

    /// Returns `true` for sites of the arena, and of an image that it began with.
    #[inline]
    fn is_own(&self, sites: Sites) -> bool {
        #[cfg(feature = "image")]
        let is_older = sites.tag() == self.older_tag && sites.range().end <= self.older;
        #[cfg(not(feature = "image"))]
        let is_older = false;
        sites.tag() == self.tag || is_older
    }

    /// Returns the entries of one code object. Do it once per frame, then index with the instruction's number.
    ///
    /// Costs two comparisons and an addition. If the entries are not writable yet, it also costs a system call. That
    /// makes the entries of all sites of the arena so far writable, and at least 64 KiB or a quarter of what there is.
    /// If the system refuses so many, a second call asks for what is needed now.
    ///
    /// The entries are those that the sites' numbers name, whoever holds the sites. Sites copied out of transient code
    /// that is gone name entries that other code may have by now. A tag of 15 bits tells arenas apart: the 32,769th
    /// arena has the tag of the first one again. Its sites then get entries of this table, never anything outside of
    /// it.
    ///
    /// # Errors
    ///
    /// [`Error::OtherArena`] for sites of another arena, [`Error::SideTable`] for sites above the table's capacity, [`Error::Pages`] when
    /// the system refuses memory. Nothing is lost. No sites at all have no entries, and are refused for their arena only.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, SideTable, testing::Pages};
    /// use std::cell::Cell;
    ///
    /// let (arena, other, pages) = (CodeArena::new()?, CodeArena::new()?, Pages::ordinary()); // feature `testing`: it counts calls
    /// let table: SideTable<'_, Cell<u32>> = SideTable::builder(&arena).pages(pages.clone()).build()?;
    /// let loader = arena.load("m")?;
    /// for _ in 0..1000 {
    ///     let sites = loader.sites(16)?;
    ///     assert_eq!(table.of(sites)?.len(), 16);
    /// }
    /// assert_eq!(pages.calls(), 2); // to reserve, and for 64 KiB of entries
    /// assert_eq!(table.of(other.load("m")?.sites(1)?).err(), Some(Error::OtherArena));
    /// # Ok::<(), Error>(())
    /// ```
    #[inline]
    pub fn of(&self, sites: Sites) -> Result<&[T], Error> {
        // Acquire: the pages were made writable before.
        if sites.range().end > self.committed.load(Acquire) || !self.is_own(sites) {
            return self.admit(sites);
        }
        // SAFETY: below `committed` entries are writable.
        Ok(unsafe { self.entries(sites.range().start, sites.len()) })
    }

    /// Returns the entries of sites as far as the table has got: all of them that can differ from zero. No entries for
    /// sites of another arena.
    ///
    /// Returns the entries to clear when code is gone. It cannot fail and makes nothing writable. [`of`](Self::of) may
    /// refuse a range that is part above the capacity, or that it would have to grow for. Costs three comparisons and
    /// an addition, and never a system call.
    ///
    /// ```
    /// use permacode::{CodeArena, SideTable};
    /// use std::cell::Cell;
    ///
    /// let arena = CodeArena::new()?;
    /// let table: SideTable<'_, Cell<u32>> = SideTable::builder(&arena).capacity(5).build()?;
    /// let (some, more) = (arena.load("m")?.sites(4)?, arena.load("m")?.sites(4)?);
    /// assert_eq!(table.present(some).len(), 0); // not asked for yet
    /// table.of(some)?[3].set(7);
    /// table.present(some).iter().for_each(|entry| entry.set(0));
    /// assert!(table.of(more).is_err());
    /// assert_eq!(table.present(more).len(), 1); // the fifth
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn present(&self, sites: Sites) -> &[T] {
        let (range, committed) = (sites.range(), self.committed.load(Acquire));
        if !self.is_own(sites) || range.start >= committed {
            return &[];
        }
        // SAFETY: below `committed` entries are writable.
        unsafe { self.entries(range.start, range.end.min(committed) - range.start) }
    }

    /// So many entries from one on.
    ///
    /// # Safety
    ///
    /// All of them are writable.
    #[inline]
    unsafe fn entries(&self, start: usize, len: usize) -> &[T] {
        // SAFETY: the caller's promise. They were zero to begin with, which is a `T`, and no `&mut` to them exists while the table is
        // borrowed.
        unsafe { slice::from_raw_parts(self.base.as_ptr().add(start), len) }
    }

    /// Makes the entries of sites writable, or says why not.
    #[cold]
    #[inline(never)]
    fn admit(&self, sites: Sites) -> Result<&[T], Error> {
        if !self.is_own(sites) {
            return Err(Error::OtherArena);
        }
        if sites.is_empty() {
            // They may begin anywhere, also behind the last entry.
            return Ok(&[]);
        }
        let (range, from) = (sites.range(), self.committed.load(Acquire));
        if range.end > self.capacity {
            return Err(Error::SideTable { needed: range.end, capacity: self.capacity });
        }
        if range.end > from {
            self.grow(from, range.end)?;
        }
        // SAFETY: made writable just now, or by another thread before `committed` said so.
        Ok(unsafe { self.entries(range.start, sites.len()) })
    }

    /// Makes entries writable from the first that is not up to `needed`, and more if the system grants it.
    fn grow(&self, from: usize, needed: usize) -> Result<(), Error> {
        // All that the arena has given so far, because they will come.
        let ahead = from + (CHUNK / size_of::<T>()).max(from / 4);
        let wish = needed.max(self.arena.site_counter().given()).max(ahead).min(self.capacity);
        let to = self
            .commit(from, wish)
            .or_else(|error| if needed < wish { self.commit(from, needed) } else { Err(error) })?;
        self.committed.fetch_max(to, Release);
        Ok(())
    }

    /// Makes entries writable, in whole pages. How many are then.
    fn commit(&self, from: usize, to: usize) -> Result<usize, Error> {
        let page = self.pages.page();
        let bytes = |entries: usize| entries * size_of::<T>();
        // Within the reservation, which is whole pages.
        let end = page.ceil(bytes(to)).unwrap_or(usize::MAX);
        // Another thread may have made some of them writable already and be using them: that keeps what they hold.
        self.pages.commit(page.floor(bytes(from))..end)?;
        Ok((end / size_of::<T>()).min(self.capacity))
    }

    /// Makes every entry zero and gives the memory back. Costs one system call, and a page fault for each page that is used again; none for
    /// a table that nobody asked for entries.
    ///
    /// The exclusive borrow ends every frame's, and those of transient code that [clears](crate::Transients::clearing) entries of this table:
    /// such code goes with its `Transients` first. To keep it, clear what is [present](Self::present) of each function's sites instead.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system does not take the memory back. Entries are zero all the same: every byte that was made writable is
    /// then written, and takes memory. If the system has taken write permission away and does not give it back, the table has no entries,
    /// until [`of`](Self::of) makes them anew.
    ///
    /// ```
    /// # use permacode::{CodeArena, SideTable};
    /// # use std::cell::Cell;
    /// let arena = CodeArena::new()?;
    /// let mut table: SideTable<'_, Cell<u32>> = SideTable::new(&arena)?;
    /// let sites = arena.load("m")?.sites(3)?;
    /// table.of(sites)?.iter().for_each(|entry| entry.set(7));
    /// table.reset()?;
    /// assert_eq!(table.present(sites), [0, 0, 0].map(Cell::new)); // still writable, and zero
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn reset(&mut self) -> Result<(), Error> {
        let bytes = self.bytes();
        // SAFETY: all of it is writable, and no entry is borrowed.
        let discarded = unsafe { self.pages.discard(bytes.clone()) };
        if discarded.is_err() {
            // What a refused discard leaves behind is unspecified, need not be a `T`, and may have no access.
            if self.pages.commit(bytes.clone()).is_ok() {
                // SAFETY: writable again.
                unsafe { self.pages.base().write_bytes(0, bytes.end) };
            } else {
                // Nobody has an entry until it can be made writable anew, which makes it zero; nor for good, if even that is not sure.
                self.committed.store(0, Release);
                // SAFETY: no entry is borrowed.
                if unsafe { self.pages.decommit(bytes) }.is_err() {
                    self.capacity = 0;
                }
            }
        }
        discarded.map_err(Error::Pages)
    }

    /// Bytes of pages that are writable.
    pub(super) fn bytes(&self) -> Range<usize> {
        let entries = self.committed.load(Acquire) * size_of::<T>();
        0..self.pages.page().ceil(entries).unwrap_or(0)
    }

    /// Returns the entries that `wanted` says yes to, with the numbers of their sites. A collector finds pointers so,
    /// and a version change its caches.
    ///
    /// Costs a read of every entry that was made writable: those asked for, those below them, and those made along with
    /// them. These may be all that the arena has sites for. Pages that nobody wrote to read as zeros, and on Linux take
    /// no memory for it. Entries never used are zero, so let `wanted` say no to those. No system call, no allocation.
    ///
    /// ```
    /// # use permacode::{CodeArena, SideTable};
    /// # use permacode::side::CallCounter;
    /// let arena = CodeArena::new()?;
    /// let calls: SideTable<'_, CallCounter> = SideTable::new(&arena)?;
    /// let loader = arena.load("m")?;
    /// let (_cold, hot) = (loader.sites(100)?, loader.sites(3)?);
    /// calls.of(hot)?[1].hit(10);
    /// let called: Vec<usize> = calls.walk(|calls| calls.count() != 0).map(|(number, _)| number).collect();
    /// assert_eq!(called, [101]); // the number of the site
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn walk(&self, mut wanted: impl FnMut(&T) -> bool) -> impl Iterator<Item = (usize, &T)> {
        // SAFETY: below `committed` entries are writable.
        let all = unsafe { self.entries(0, self.committed.load(Acquire)) };
        all.iter().enumerate().filter(move |(_, entry)| wanted(entry))
    }

    /// Returns the arena whose sites the table serves. Costs nothing.
    ///
    /// ```
    /// # use permacode::{CodeArena, SideTable};
    /// # use std::cell::Cell;
    /// # let arena = CodeArena::new()?;
    /// let table: SideTable<'_, Cell<u64>> = SideTable::new(&arena)?;
    /// let sites = table.arena().load("m")?.sites(1)?;
    /// assert!(table.of(sites).is_ok());
    /// assert!(!table.arena().contains(table.of(sites)?.as_ptr())); // entries lie elsewhere
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn arena(&self) -> &'a CodeArena {
        self.arena
    }
}

impl<T> fmt::Debug for SideTable<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SideTable").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
