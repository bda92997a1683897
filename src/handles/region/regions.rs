//! All regions of one `Transients`, in a list: a sweep runs no destructor, and yet the regions that it frees must end.
//!
//! ```text
//!   Regions { newest ─▶ Region ⇄ Region ⇄ Region }       being filled, held, kept by what was patched from it, or lost
//! ```
//!
//! A region ends when its last handle is dropped. A handle in an object that a collector sweeps is never dropped: its region is *lost*, and
//! its count too high for ever. So before a sweep marks decide, and counts do not:
//!
//! 1. A region whose first piece is marked stays, whoever set the mark. All of it is marked, and what it keeps on this
//!    heap, each region once (`region/marks.rs`). One that a lowering function is filling has no handle, and stays as
//!    well.
//! 2. Every other region leaves the list, gives its site numbers back, and counts out what it was patched from. It lets go of the arenas that
//!    it kept. Its memory is the sweep's.
//!
//! As long as a region is listed, its own objects are live, and so is what it keeps on the same heap, down the chain. A
//! sweep finds them marked (1), and counts do not let them go before the region is counted out (2). A kept region on
//! *another* heap may be gone: that heap may have been swept, or dropped, after the last handle was lost. The walk
//! never looks there.
//!
//! The list knows no lifetime, so that `Transients` stays covariant. A lost region was made at a lifetime that may be over: its owner may
//! have been moved since. So the walk asks no region for its owner, and works with the heap and the numbers that it is given.

use super::region::Region;
use super::shares::Shares;
use super::survey::Survey;
use crate::code::SitePool;
use crate::heap::HeapArena;
use alloc::boxed::Box;
use core::cell::Cell;
use core::iter;
use core::ptr::NonNull;

/// A list of regions, by the newest, and counts of them.
#[derive(Default)]
pub(in crate::handles) struct Regions {
    newest: Place,
    len: Cell<usize>,
    made: Cell<u64>,
    bytes: Cell<usize>,
    /// Of a region in the list, and which one: an address, for comparing.
    survey: Cell<Option<Box<Survey>>>,
    surveyed: Cell<Option<NonNull<()>>>,
    /// Shares that ended regions kept. It is empty but while regions end.
    loose: Shares,
}

/// The neighbours of a region in the list.
#[derive(Default)]
pub(in crate::handles) struct Neighbours {
    above: Place,
    below: Place,
}

/// A place for a region, its lifetime forgotten.
type Place = Cell<Option<NonNull<()>>>;

/// The neighbours of a listed region.
///
/// # Safety
///
/// The region is live as long as the result is used.
unsafe fn neighbours<'n>(region: NonNull<()>) -> &'n Neighbours {
    // SAFETY: the caller's promise. Whatever lifetime the region was made at, its layout is the same, and no lifetime is in what comes out.
    unsafe { region.cast::<Region<'n>>().as_ref() }.neighbours()
}

impl Regions {
    pub(in crate::handles) fn len(&self) -> usize {
        self.len.get()
    }

    /// Regions ever added.
    pub(in crate::handles) fn made(&self) -> u64 {
        self.made.get()
    }

    /// Bytes that the blocks of all regions lie in.
    pub(in crate::handles) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Counts bytes of a new piece.
    pub(in crate::handles) fn add_bytes(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    /// Shares that wait to be dropped.
    pub(in crate::handles) fn loose(&self) -> &Shares {
        &self.loose
    }

    /// Adds a region.
    ///
    /// # Safety
    ///
    /// 1. The region is in no list.
    /// 2. It is live until it is [removed](Self::remove).
    pub(in crate::handles) unsafe fn add(&self, region: NonNull<Region<'_>>) {
        let region = region.cast::<()>();
        let below = self.newest.replace(Some(region));
        // SAFETY: a new region, and one that is listed, hence live.
        unsafe {
            neighbours(region).below.set(below);
            below.iter().for_each(|below| neighbours(*below).above.set(Some(region)));
        }
        self.len.set(self.len.get() + 1);
        self.made.set(self.made.get() + 1);
    }

    /// Takes a region out, with so many bytes.
    ///
    /// # Safety
    ///
    /// The region is in this list.
    #[inline]
    pub(in crate::handles) unsafe fn remove(&self, region: NonNull<Region<'_>>, bytes: usize) {
        // SAFETY: the caller's promise; neighbours are listed, hence live.
        unsafe {
            let Neighbours { above, below } = neighbours(region.cast());
            match above.get() {
                Some(above) => neighbours(above).below.set(below.get()),
                None => self.newest.set(below.get()),
            }
            below.get().iter().for_each(|below| neighbours(*below).above.set(above.get()));
        }
        self.len.set(self.len.get() - 1);
        self.bytes.set(self.bytes.get() - bytes);
        // Another region may come to lie at its place.
        if self.surveyed.get() == Some(region.cast()) {
            self.forget_survey();
        }
    }

    /// Takes the survey of a region out, if it was kept.
    pub(in crate::handles) fn take_survey(&self, region: NonNull<()>) -> Option<Box<Survey>> {
        if self.surveyed.get() == Some(region) { self.survey.take() } else { None }
    }

    /// Keeps the survey of a region in the list.
    pub(in crate::handles) fn keep_survey(&self, region: NonNull<()>, survey: Box<Survey>) {
        self.surveyed.set(Some(region));
        self.survey.set(Some(survey));
    }

    #[cold]
    fn forget_survey(&self) {
        self.surveyed.set(None);
        self.survey.set(None);
    }

    /// Ends every region of which no handle was marked, but for its memory. How many there were.
    ///
    /// # Safety
    ///
    /// 1. `heap` and `numbers` are those of each region in the list.
    /// 2. No handle of a region of which none was marked is used or dropped any more.
    /// 3. No sweep of the heap has freed an object of a region in the list.
    /// 4. If it was `traced`, all marks of the heap are those of one collection: see [`mark_in`](Region::mark_in).
    pub(in crate::handles) unsafe fn retire_unmarked(
        &self,
        heap: &HeapArena,
        numbers: &SitePool,
        traced: bool,
    ) -> usize {
        for region in self.all() {
            // SAFETY: listed, hence live (3), and of this heap (1).
            unsafe {
                // What was traced is marked as a whole (4).
                if region.as_ref().is_being_filled() || !traced && heap.is_marked(region.as_ptr()) {
                    region.as_ref().mark_run(heap);
                }
            }
        }
        let mut retired = 0;
        for region in self.all() {
            if !heap.is_marked(region.as_ptr()) {
                // SAFETY: listed, and nobody uses it any more (2); the iterator has its successor already.
                unsafe { Region::retire(region, self, heap, numbers) };
                retired += 1;
            }
        }
        // SAFETY: the heap of each region (1). Code that is called here may retire regions itself: no list of them is walked any more.
        unsafe { self.loose.let_go(heap) };
        retired
    }

    /// All regions, the newest first. The one that came last may be removed.
    fn all<'r>(&self) -> impl Iterator<Item = NonNull<Region<'r>>> + use<'r> {
        // SAFETY: listed regions are live.
        let below = |region: NonNull<()>| unsafe { neighbours(region) }.below.get();
        let mut next = self.newest.get();
        iter::from_fn(move || {
            let region = next?;
            next = below(region);
            Some(region.cast())
        })
    }
}
