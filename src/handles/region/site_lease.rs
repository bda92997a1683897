//! The site numbers of one `Transients`: a pool that the arena lends, so that numbers outlive whoever used them.
//!
//! ```text
//!   CodeArena { pools that wait } ──first need──▶ SiteLease { pool } ──end──▶ CodeArena { pools that wait }
//! ```
//!
//! The arena is asked once, before the first numbers are made. Without a record in its ledger there is no lease: the
//! numbers are then lost with their owner.

use crate::code::{CodeArena, Returns, SitePool, SiteRange};
use crate::error::Error;
use core::cell::Cell;

/// A pool, and the right to leave it to the arena. It belongs to one arena, which each call names.
#[derive(Default)]
pub(in crate::handles) struct SiteLease {
    pool: SitePool,
    returns: Cell<Option<Returns>>,
    asked: Cell<bool>,
}

impl SiteLease {
    #[inline]
    pub(in crate::handles) fn pool(&self) -> &SitePool {
        &self.pool
    }

    /// A range of at least `count` numbers; whether it has to be cleared, because it was somebody's before.
    #[inline(always)]
    pub(in crate::handles) fn take(&self, code: &CodeArena, count: usize) -> Result<(SiteRange, bool), Error> {
        match self.pool.take(count)? {
            Some(taken) => Ok(taken),
            None => self.more(code, count),
        }
    }

    /// A range that was another owner's, or a new one.
    #[cold]
    fn more(&self, code: &CodeArena, count: usize) -> Result<(SiteRange, bool), Error> {
        if !self.asked.replace(true) {
            if let Some((pool, returns)) = code.take_spare_sites() {
                self.returns.set(Some(returns));
                // Nothing was made yet, so nothing is replaced.
                self.pool.replace(pool);
                if let Some(taken) = self.pool.take(count)? {
                    return Ok(taken);
                }
            }
        }
        Ok((self.pool.make(code.site_counter(), count)?, false))
    }

    /// Leaves the numbers that wait to their next owner.
    ///
    /// # Safety
    ///
    /// `code` is the arena of every call.
    pub(in crate::handles) unsafe fn end(&self, code: &CodeArena) {
        if let Some(returns) = self.returns.take() {
            let pool = self.pool.replace(SitePool::default());
            // SAFETY: 1. This arena gave the right (the caller's promise). 2. Numbers that wait are nobody's, and this was their only owner.
            unsafe { code.leave_spare_sites(pool, returns) };
        }
    }
}
