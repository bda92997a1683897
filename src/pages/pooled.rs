//! Pages of the system whose address space is kept when an arena is dropped, for the next of the same size.
//!
//! ```text
//!   live     ├┄┄┄┬ committed, at some time ┬┄┄┄┄┄┄┄┄┄┤
//!   released     └───── mapped anew ───────┘              one system call: contents and protection are gone, as with `munmap`
//!   spare    ├┄┄┄┄┄┄┄┄┄┄┄┄ no access ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤
//!   live     the same range again                         no system call
//! ```
//!
//! A program that makes an arena a case gives the kernel the same work again and again. It searches the same gigabytes
//! for pages, and builds and takes down the same page tables. That costs more than all else that is done for such an
//! arena. Here only what was committed is mapped anew.
//!
//! A reservation that is kept has a [`PoolSlot`], which it gets once and for good. A forked child has the places of its
//! parent, each with a mapping of its own. A place that another thread was making, or mapping anew, is nobody's there.

use super::pool_slot::PoolSlot;
use super::{PageSource, Step, SystemPages, leak_sanitizer};
use crate::error::{Error, PageError};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use core::ptr::NonNull;

/// Pages of the system ([`SystemPages`]) that keep the address space of dropped arenas for the next of the same size.
///
/// They are for programs that make arenas again and again: tests and fuzzers with an arena a case, servers with one a
/// request. Making and dropping a [`DualArena`](crate::DualArena) costs some two thirds of what it does without
/// (`benches/lifecycle.rs`). Nothing of a dropped arena is left: its pages are mapped anew, without contents, without
/// access, executable or sealed ones too.
///
/// Arenas, heaps and side tables of any size, on any thread, share it by an [`Arc`](std::sync::Arc). It keeps address
/// space, which counts against a limit (`RLIMIT_AS`), and a few page tables of the kernel's. They go back when the last
/// owner of the pages is gone.
///
/// A kernel keeps advice about address space (`madvise`, `mbind`, `mlock`) with it. So advice about an arena's [whole
/// range](crate::CodeArena::address_range) holds for the next arena there, beyond what the first had committed.
///
/// Costs what [`SystemPages`] do, and a look at each place with every commit. A reservation that is there costs no
/// system call, though an arena's statistics count it as one. A release costs one, or none if nothing was committed.
///
/// ```
/// use permacode::pages::PooledPages;
/// use permacode::{DualArena, Error};
/// use std::sync::Arc;
///
/// let pages = Arc::new(PooledPages::new(2)?); // a code arena and a heap
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
pub struct PooledPages {
    places: Box<[PoolSlot]>,
}

impl PooledPages {
    /// Makes pages that keep so many reservations, spare or in use. A code arena and a heap at a time take two, and
    /// each side table one.
    ///
    /// Each keeps the size that it had first. A reservation that is made while all of them are in use, or are of other
    /// sizes, is not kept. Costs one allocation, of some 40 bytes for each, and no system call.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for more than there is memory for.
    ///
    /// ```
    /// use permacode::{CodeArena, pages::PooledPages};
    /// use std::sync::Arc;
    ///
    /// let pages = Arc::new(PooledPages::new(1)?);
    /// let arena = |bytes| CodeArena::builder().reservation(bytes).pages(pages.clone()).build();
    /// let (kept, not_kept) = (arena(1 << 20)?, arena(1 << 20)?);
    /// let range = kept.address_range();
    /// drop((kept, not_kept));
    /// assert_ne!(arena(1 << 21)?.address_range().start, range.start); // of another size
    /// assert_eq!(arena(1 << 20)?.address_range(), range);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(places: usize) -> Result<Self, Error> {
        let mut all = Vec::new();
        all.try_reserve_exact(places).map_err(|_| Error::TooLarge { len: places, element: size_of::<PoolSlot>() })?;
        all.extend((0..places).map(|_| PoolSlot::vacant()));
        Ok(Self { places: all.into_boxed_slice() })
    }

    /// Reserves, and keeps what was reserved if a place is vacant.
    fn keep(
        &self,
        reserve: impl FnOnce() -> Result<NonNull<u8>, PageError>,
        bytes: usize,
    ) -> Result<NonNull<u8>, PageError> {
        let vacant = self.places.iter().find(|place| place.claim());
        let made = reserve();
        vacant.iter().for_each(|place| place.made(made.ok().map(|base| (base, bytes))));
        made
    }

    /// The place of a reservation in use that an address lies in.
    fn place_of(&self, at: NonNull<u8>) -> Option<&PoolSlot> {
        self.places.iter().find(|place| place.holds(at))
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

    fn room(&self) -> Option<usize> {
        // A reservation is kept to be used again, so that an arena gets the size of the one before it.
        let kept = || self.places.iter().filter_map(PoolSlot::spare).fold(0, usize::saturating_add);
        SystemPages.room().map(|left| left.saturating_add(kept()))
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        if let Some(spare) = self.places.iter().find_map(|place| place.take(bytes)) {
            return Ok(spare);
        }
        self.keep(|| SystemPages.reserve(bytes), bytes)
    }

    fn reserve_near(&self, bytes: usize, wish: usize) -> Result<NonNull<u8>, PageError> {
        if let Some(spare) = self.places.iter().find_map(|place| place.take_at(bytes, wish)) {
            return Ok(spare);
        }
        match SystemPages.reserve_near(bytes, wish) {
            // Somewhere else a spare is as good, and takes no place.
            Ok(made) if made.addr().get() != wish => match self.places.iter().find_map(|place| place.take(bytes)) {
                Some(spare) => {
                    // SAFETY: reserved just now, and nobody's. A refusal leaves address space mapped that nobody uses.
                    let _ = unsafe { SystemPages.release(made, bytes) };
                    Ok(spare)
                }
                None => self.keep(|| Ok(made), bytes),
            },
            Ok(made) => self.keep(|| Ok(made), bytes),
            // Under a limit, what is kept is all that there is.
            Err(refused) => self.places.iter().find_map(|place| place.take(bytes)).ok_or(refused),
        }
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // Noted before, because a refusal may come half-way. The kernel keeps the advice of `Plain` with the mapping, so that a part which is
        // mapped anew would not merge with the rest.
        if matches!(step, Step::Commit | Step::Plain | Step::MapFile { .. }) {
            self.place_of(at).iter().for_each(|place| place.note_use(at, bytes));
        }
        // SAFETY: the caller's contract.
        unsafe { SystemPages.apply(step, at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        let Some(place) = self.place_of(at) else {
            // SAFETY: the caller's contract.
            return unsafe { SystemPages.release(at, bytes) };
        };
        let used = place.stop();
        // SAFETY: the caller's contract: the whole reservation, which nobody uses any more, accessible in the used part only.
        unsafe {
            if !used.is_empty() {
                if let Err(error) = SystemPages::renew(at.add(used.start), used.len()) {
                    return give_up(at, bytes, used, error);
                }
            }
        }
        place.renewed();
        Ok(())
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: the caller's contract.
        unsafe { SystemPages.resident(at, bytes) }
    }
}

impl Drop for PooledPages {
    fn drop(&mut self) {
        for place in &self.places {
            if let Some((base, len)) = place.take_any() {
                // SAFETY: a whole reservation of this source that is nobody's. A refusal leaves address space mapped that nobody uses.
                let _ = unsafe { SystemPages.release(base, len) };
            }
        }
    }
}

impl fmt::Debug for PooledPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledPages").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

/// Gives a reservation back to the system of which the used part could not be mapped anew, and why.
///
/// # Safety
///
/// A whole reservation that nobody uses any more.
#[cold]
unsafe fn give_up(base: NonNull<u8>, len: usize, used: Range<usize>, refusal: PageError) -> Result<(), PageError> {
    leak_sanitizer::forget(base, len);
    let unmap = |part: Range<usize>| {
        if part.is_empty() {
            return Ok(());
        }
        // SAFETY: a part of the caller's reservation, whole pages that are there.
        unsafe { SystemPages::unmap(base.add(part.start), part.len()) }
    };
    unmap(0..used.start)?;
    unmap(used.end..len)?;
    // Other systems do not say whether the used part is there. If it is not, somebody else may be: it is lost, at most once for each place.
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return Err(refusal);
    }
    // Linux refuses before it takes anything away, unless it has no memory for its own records: then all of it is gone.
    // SAFETY: only asks.
    let there = unsafe { SystemPages.resident(base.add(used.start), SystemPages.page_size()) }.is_ok();
    if there { unmap(used) } else { Ok(()) }
}
