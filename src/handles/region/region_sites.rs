//! The site numbers of a region: ranges that its owner lends, each in a small object of the heap.
//!
//! ```text
//!   RegionSites ─▶ Lent { 32 numbers: ███████░░░ } ─▶ Lent { 16 numbers: ████████ }      used up from the front, the latest range only
//! ```

use super::taken_sites::TakenSites;
use super::transients::Transients;
use crate::code::{SitePool, SiteRange, Sites};
use crate::error::Error;
use crate::heap::HeapArena;
use core::alloc::Layout;
use core::cell::Cell;
use core::iter;
use core::ptr::NonNull;

/// A list of ranges, by the latest. It lies in the region whose they are, and its entries live as long.
pub(in crate::handles) struct RegionSites {
    latest: Cell<Option<NonNull<Lent>>>,
}

/// A range of numbers.
struct Lent {
    below: Option<NonNull<Lent>>,
    numbered: SiteRange,
    /// The number of them that a block has.
    used: Cell<usize>,
}

impl RegionSites {
    pub(in crate::handles) const fn new() -> Self {
        Self { latest: Cell::new(None) }
    }

    /// Numbers for a block: the next ones of the latest range, or of a new one.
    pub(in crate::handles) fn take(&self, owner: &Transients<'_>, count: usize) -> Result<Sites, Error> {
        let left = u16::MAX.into();
        let len = u16::try_from(count).map_err(|_| Error::Sites { asked: count, left })?;
        if len == 0 {
            // No range is taken, nor cleared, for code without any.
            return Ok(owner.code().site_counter().part(0, 0));
        }
        let fits = |lent: &&Lent| lent.numbered.range().len() - lent.used.get() >= count;
        let latest = self.all().next();
        let lent = match latest.filter(fits) {
            Some(lent) => lent,
            None => {
                // Twice as many each time, so that a large program takes few ranges.
                let wish = latest.map_or(0, |lent| lent.numbered.range().len() * 2).min(1 << 15);
                self.add(owner, count.max(wish))?.ok_or(Error::Sites { asked: count, left })?
            }
        };
        let start = lent.numbered.range().start + lent.used.get();
        lent.used.set(lent.used.get() + count);
        Ok(owner.code().site_counter().part(start as u32, len))
    }

    /// Adds a range of at least `count` numbers. `None` stands for no numbers, which does not happen.
    fn add(&self, owner: &Transients<'_>, count: usize) -> Result<Option<&Lent>, Error> {
        let taken = TakenSites::new(owner, count)?;
        let at = owner.heap().alloc(Layout::new::<Lent>())?.cast::<Lent>();
        // SAFETY: a new object of this layout, which is freed with the region.
        Ok(taken.keep().map(|numbered| unsafe {
            at.write(Lent { below: self.latest.get(), numbered, used: Cell::new(0) });
            self.latest.set(Some(at));
            at.as_ref()
        }))
    }

    fn all(&self) -> impl Iterator<Item = &Lent> {
        // SAFETY: entries live as long as the list.
        let entry = |lent: NonNull<Lent>| unsafe { &*lent.as_ptr() };
        iter::successors(self.latest.get().map(entry), move |lent| lent.below.map(entry))
    }

    /// Returns `true` if a number is one of these.
    pub(in crate::handles) fn contains(&self, number: usize) -> bool {
        self.all().any(|lent| lent.numbered.range().contains(&number))
    }

    /// Marks the entries, for a collector.
    pub(in crate::handles) fn mark(&self, heap: &HeapArena) {
        self.all().for_each(|lent| _ = heap.mark(lent));
    }

    /// Gives the numbers back to their owner. The entries stay.
    ///
    /// # Safety
    ///
    /// 1. They are given back once.
    /// 2. Nobody uses them any more.
    pub(in crate::handles) unsafe fn give_back(&self, numbers: &SitePool) {
        // SAFETY: an entry is read as it was written; the copy that stays in it is not used again (1).
        self.all().for_each(|lent| numbers.give_back(unsafe { (&raw const lent.numbered).read() }));
    }

    /// Frees the entries, whose numbers were given back.
    ///
    /// # Safety
    ///
    /// 1. They are freed once, to the heap of their owner.
    /// 2. Nobody looks at the list any more.
    pub(in crate::handles) unsafe fn free(&self, heap: &HeapArena) {
        while let Some(lent) = self.latest.get() {
            // SAFETY: an entry was made with this layout, and the list leads past it before it goes.
            unsafe {
                self.latest.set(lent.as_ref().below);
                heap.free(lent.cast(), Layout::new::<Lent>());
            }
        }
    }
}
