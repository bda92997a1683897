//! Pages of the system whose address space is kept when an arena is dropped, for the next of the same size.
//!
//! ```text
//!   live     ├┄┄┄┬ committed, at some time ┬┄┄┄┄┄┄┄┄┄┤
//!   released     └───── mapped anew ───────┘              one system call: contents and protection are gone, as with `munmap`
//!   spare    ├┄┄┄┄┄┄┄┄┄┄┄┄ no access ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤
//!   live     the same range again                         no system call
//! ```
//!
//! Whoever makes an arena a case lets the kernel search the same gigabytes for pages, and build and take down the same page tables, again
//! and again; that costs more than all else that is done for such an arena. Here only what was committed is mapped anew.
//!
//! A reservation that is kept has a **place**, which it gets once and for good:
//!
//! ```text
//!                            ┌──────────────────────┐
//!                            ▼                      │
//!   VACANT ◀──▶ BUSY ──▶ LIVE ──▶ BUSY ──▶ SPARE ──┘
//!                                  └ stays so if it could not be mapped anew: nobody's for ever
//! ```
//!
//! * Base and length are set once, before the place is first LIVE: whoever sees it LIVE or SPARE reads them as they are.
//! * Each step is one compare-exchange, or a store by the reservation's only owner: nobody waits (invariant 5). A forked child has the places
//!   of its parent, each with a mapping of its own; one that another thread was making, or mapping anew, is nobody's there.

use super::{PageSource, SystemPages};
use crate::error::PageError;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering::*};

/// Pages of the system ([`SystemPages`]) that keep the address space of what is dropped for the next of the same size.
///
/// For whoever makes arenas again and again: tests and fuzzers with an arena a case, servers with one a request. Making and dropping a
/// [`DualArena`](crate::DualArena) costs some two thirds of what it does without (`benches/lifecycle.rs`). Nothing of a dropped arena is
/// left: its pages are mapped anew, without contents, without access, executable or sealed ones too.
///
/// Arenas, heaps and side tables of any size, on any thread, share it by an [`Arc`](std::sync::Arc). What is kept is address space, which
/// counts against a limit (`RLIMIT_AS`), and a few page tables of the kernel's; it goes back when the last who shares the pages is gone. A
/// kernel keeps with address space what it was advised about it (`madvise`, `mbind`, `mlock`): what a program advised about an arena's
/// [whole range](crate::CodeArena::address_range) holds for the next arena there, beyond what the first had committed.
///
/// Costs what [`SystemPages`] do, and a look at each place with every commit. A reservation that is there costs no system call, though an
/// arena's statistics count it as one; a release costs one, or none where nothing was committed.
///
/// ```
/// use permacode::pages::PooledPages;
/// use permacode::{DualArena, Error};
/// use std::sync::Arc;
///
/// let pages = Arc::new(PooledPages::new(2)); // a code arena and a heap
/// let mut ranges = Vec::new();
/// for case in 0..3 {
///     let arenas = DualArena::with_pages(pages.clone())?;
///     let loader = arenas.code.load("case")?;
///     assert_eq!(loader.alloc(case), Ok(&case));
///     loader.seal()?;
///     ranges.push(arenas.code.address_range());
/// }
/// assert!(ranges.iter().all(|range| *range == ranges[0]));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct PooledPages {
    places: Box<[Place]>,
}

/// No reservation has it.
const VACANT: u8 = 0;
/// A thread is about to reserve what it is for, or to map it anew; or nothing comes of it any more.
const BUSY: u8 = 1;
/// Somebody uses its reservation.
const LIVE: u8 = 2;
/// Its reservation is nobody's, without access and contents.
const SPARE: u8 = 3;

/// Where one reservation is, and what becomes of it.
#[derive(Debug)]
struct Place {
    state: AtomicU8,
    base: AtomicPtr<u8>,
    len: AtomicUsize,
    /// What was committed since it is LIVE lies from the first of these to the second, addresses.
    used: [AtomicUsize; 2],
}

impl Place {
    const fn vacant() -> Self {
        Self {
            state: AtomicU8::new(VACANT),
            base: AtomicPtr::new(ptr::null_mut()),
            len: AtomicUsize::new(0),
            used: [const { AtomicUsize::new(0) }; 2],
        }
    }

    fn becomes(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Acquire, Relaxed).is_ok()
    }

    /// The spare, if it is of this length: the caller's from here on.
    fn take(&self, len: usize) -> Option<NonNull<u8>> {
        let fits = self.state.load(Acquire) == SPARE && self.len.load(Relaxed) == len;
        if fits && self.becomes(SPARE, LIVE) { NonNull::new(self.base.load(Relaxed)) } else { None }
    }

    /// Reserves what this place is for. The caller has it BUSY.
    fn make(&self, len: usize) -> Result<NonNull<u8>, PageError> {
        let made = SystemPages.reserve(len);
        if let Ok(base) = made {
            self.base.store(base.as_ptr(), Relaxed);
            self.len.store(len, Relaxed);
            self.forget_use();
        }
        self.state.store(if made.is_ok() { LIVE } else { VACANT }, Release);
        made
    }

    /// Whether an address lies in what somebody uses.
    fn is_live_at(&self, at: NonNull<u8>) -> bool {
        self.state.load(Acquire) == LIVE
            && at.addr().get().wrapping_sub(self.base.load(Relaxed).addr()) < self.len.load(Relaxed)
    }

    fn forget_use(&self) {
        self.used[0].store(usize::MAX, Relaxed);
        self.used[1].store(0, Relaxed);
    }

    fn note_use(&self, at: NonNull<u8>, bytes: usize) {
        self.used[0].fetch_min(at.addr().get(), Relaxed);
        self.used[1].fetch_max(at.addr().get() + bytes, Relaxed);
    }

    /// Makes a spare of what is LIVE.
    ///
    /// # Safety
    ///
    /// Nobody uses it any more.
    unsafe fn leave(&self) -> Result<(), PageError> {
        // First: a refusal may leave a hole, and what somebody else is given there is not this place's.
        self.state.store(BUSY, Relaxed);
        let [start, end] = [&self.used[0], &self.used[1]].map(|bound| bound.load(Relaxed));
        let base = self.base.load(Relaxed);
        if start < end {
            // SAFETY: the caller's promise. All that was ever accessible lies there, within the reservation.
            let renewed = unsafe {
                let used = NonNull::new_unchecked(base.add(start - base.addr()));
                SystemPages::renew(used, end - start).map_err(|error| (error, used))
            };
            if let Err((error, used)) = renewed {
                // SAFETY: the range was reserved here, and nobody uses it any more. Linux refuses before it takes anything away, unless it has
                // no memory for its own records, when it may have taken the whole used part: that shows at its first page.
                return unsafe {
                    SystemPages.resident(used, SystemPages.page_size()).map_err(|_| error)?;
                    SystemPages.release(NonNull::new_unchecked(base), self.len.load(Relaxed))
                };
            }
        }
        self.forget_use();
        self.state.store(SPARE, Release);
        Ok(())
    }
}

impl PooledPages {
    /// Pages that keep so many reservations, spare or in use: two for a code arena and a heap at a time, and one for each side table.
    ///
    /// Each keeps the size that it had first. What is reserved while all so many are in use, or are of other sizes, is not kept. Costs one
    /// allocation, of some 40 bytes for each, and no system call.
    ///
    /// ```
    /// use permacode::{CodeArena, pages::PooledPages};
    /// use std::sync::Arc;
    ///
    /// let pages = Arc::new(PooledPages::new(1));
    /// let arena = |bytes| CodeArena::builder().reservation(bytes).pages(pages.clone()).build();
    /// let (kept, not_kept) = (arena(1 << 20)?, arena(1 << 20)?);
    /// let range = kept.address_range();
    /// drop((kept, not_kept));
    /// assert_ne!(arena(1 << 21)?.address_range().start, range.start); // of another size
    /// assert_eq!(arena(1 << 20)?.address_range(), range);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(places: usize) -> Self {
        Self { places: (0..places).map(|_| Place::vacant()).collect() }
    }
}

// SAFETY: all that touches pages is `SystemPages`'. A reservation is handed out again only when it was released, and mapped anew where it
// was ever committed: then it is as `mmap` gives it. No call takes a lock.
unsafe impl PageSource for PooledPages {
    fn page_size(&self) -> usize {
        SystemPages.page_size()
    }

    fn protects(&self) -> bool {
        SystemPages.protects()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        if let Some(spare) = self.places.iter().find_map(|place| place.take(bytes)) {
            return Ok(spare);
        }
        match self.places.iter().find(|place| place.becomes(VACANT, BUSY)) {
            Some(place) => place.make(bytes),
            None => SystemPages.reserve(bytes),
        }
    }

    unsafe fn commit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // Before, because a refusal may come half-way.
        if let Some(place) = self.places.iter().find(|place| place.is_live_at(at)) {
            place.note_use(at, bytes);
        }
        // SAFETY: the caller's contract.
        unsafe { SystemPages.commit(at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract: the whole reservation, which nobody uses any more.
        unsafe {
            match self.places.iter().find(|place| place.is_live_at(at)) {
                Some(place) => place.leave(),
                None => SystemPages.release(at, bytes),
            }
        }
    }

    unsafe fn populate(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.populate(at, bytes) }
    }

    unsafe fn seal(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.seal(at, bytes) }
    }

    unsafe fn seal_executable(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.seal_executable(at, bytes) }
    }

    unsafe fn replace(&self, at: NonNull<u8>, bytes: usize, executable: bool) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.replace(at, bytes, executable) }
    }

    unsafe fn fix(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.fix(at, bytes) }
    }

    unsafe fn huge(&self, at: NonNull<u8>, bytes: usize, sealed: bool) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.huge(at, bytes, sealed) }
    }

    unsafe fn decommit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.decommit(at, bytes) }
    }

    unsafe fn discard(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.discard(at, bytes) }
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.resident(at, bytes) }
    }
}

impl Drop for PooledPages {
    fn drop(&mut self) {
        for place in &self.places {
            let len = place.len.load(Relaxed);
            if let Some(base) = place.take(len) {
                // SAFETY: a whole reservation of this source that is nobody's. A refusal leaves address space mapped that nobody uses.
                let _ = unsafe { SystemPages.release(base, len) };
            }
        }
    }
}
