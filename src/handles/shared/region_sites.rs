//! The site numbers of a region of threads: ranges that its home lends.
//!
//! ```text
//!   RegionSites ─▶ Lent { 32 numbers: ███████░░░ } ─▶ Lent { 16 numbers: ████████ }      used up from the front, the latest range only
//! ```

use super::region::SharedRegion;
use super::site_boards::BoardRange;
use crate::code::Sites;
use crate::error::Error;
use core::cell::Cell;
use core::iter;
use core::ptr::NonNull;

/// A list of ranges, by the latest. It lies in the region whose they are, and its entries live as long.
pub(super) struct RegionSites {
    latest: Cell<Option<NonNull<Lent>>>,
}

/// A range of numbers.
struct Lent {
    below: Option<NonNull<Lent>>,
    range: BoardRange,
    /// The number of them that a block has.
    used: Cell<usize>,
}

impl RegionSites {
    pub(super) const fn new() -> Self {
        Self { latest: Cell::new(None) }
    }

    /// Numbers for a block of the region: the next ones of the latest range, or of a new one.
    pub(super) fn take(&self, region: &SharedRegion, count: usize) -> Result<Sites, Error> {
        let counter = region.home().arena().site_counter();
        let left = u16::MAX.into();
        let len = u16::try_from(count).map_err(|_| Error::Sites { asked: count, left })?;
        if len == 0 {
            // No range is taken, nor cleared, for code without any.
            return Ok(counter.part(0, 0));
        }
        let fits = |lent: &&Lent| lent.range.numbers().len() - lent.used.get() >= count;
        let latest = self.all().next();
        let lent = match latest.filter(fits) {
            Some(lent) => lent,
            None => {
                // Twice as many each time, so that a large program takes few ranges.
                let wish = latest.map_or(0, |lent| lent.range.numbers().len() * 2).min(1 << 15);
                self.add(region, count.max(wish))?
            }
        };
        let start = lent.range.numbers().start + lent.used.get();
        lent.used.set(lent.used.get() + count);
        Ok(counter.part(start as u32, len))
    }

    /// Adds a range of at least `count` numbers.
    fn add(&self, region: &SharedRegion, count: usize) -> Result<&Lent, Error> {
        let taken = region.home().take_sites(count)?;
        let lent = region.entry(Lent { below: self.latest.get(), range: taken.range(), used: Cell::new(0) })?;
        taken.keep();
        self.latest.set(Some(lent));
        // SAFETY: entries live as long as the list.
        Ok(unsafe { &*lent.as_ptr() })
    }

    fn all(&self) -> impl Iterator<Item = &Lent> {
        // SAFETY: entries live as long as the list.
        let entry = |lent: NonNull<Lent>| unsafe { &*lent.as_ptr() };
        iter::successors(self.latest.get().map(entry), move |lent| lent.below.map(entry))
    }

    /// Returns `true` if a number is one of these.
    pub(super) fn contains(&self, number: usize) -> bool {
        self.all().any(|lent| lent.range.numbers().contains(&number))
    }

    /// Gives the numbers back to the home, and the entries to the region.
    ///
    /// # Safety
    ///
    /// 1. The region is the one of every call.
    /// 2. Nobody uses the numbers any more.
    pub(super) unsafe fn give_back(&self, region: &SharedRegion) {
        while let Some(lent) = self.latest.get() {
            // SAFETY: the caller's promise. The list leads past an entry before that goes.
            unsafe {
                self.latest.set(lent.as_ref().below);
                region.home().give_back(lent.as_ref().range);
                region.free_entry(lent);
            }
        }
    }
}
