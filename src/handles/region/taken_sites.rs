//! A range of site numbers on its way from a pool to a region.

use super::transients::Transients;
use crate::code::{SiteRange, Sites};
use crate::error::Error;
use core::ops::Range;

/// Sites that are cleared at once.
const LONGEST: usize = 1 << 15;

/// Site numbers that are nobody's yet; dropping them gives them back.
pub(in crate::handles) struct TakenSites<'t, 'a> {
    from: &'t Transients<'a>,
    numbered: Option<SiteRange>,
}

impl<'t, 'a> TakenSites<'t, 'a> {
    /// Takes a range of at least `count` numbers, cleared if it was used before.
    #[inline]
    pub(in crate::handles) fn new(from: &'t Transients<'a>, count: usize) -> Result<Self, Error> {
        let (numbered, used) = from.sites().take(from.code(), count)?;
        let taken = Self::of(from, numbered);
        if let (Some(clear), true) = (from.clear(), used) {
            taken.clear(clear);
        }
        Ok(taken)
    }

    /// A range of that pool.
    pub(in crate::handles) fn of(from: &'t Transients<'a>, numbered: SiteRange) -> Self {
        Self { from, numbered: Some(numbered) }
    }

    fn range(&self) -> Range<usize> {
        self.numbered.as_ref().map_or(0..0, SiteRange::range)
    }

    pub(in crate::handles) fn clear(&self, clear: &dyn Fn(Sites)) {
        let range = self.range();
        for start in range.clone().step_by(LONGEST) {
            let len = LONGEST.min(range.end - start);
            clear(self.from.code().site_counter().part(start as u32, len as u16));
        }
    }

    /// The numbers, for whoever gives them back.
    #[inline]
    pub(in crate::handles) fn keep(mut self) -> Option<SiteRange> {
        self.numbered.take()
    }
}

impl Drop for TakenSites<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(numbered) = self.numbered.take() {
            self.from.numbers().give_back(numbered);
        }
    }
}
