//! The site numbers of one `SharedHome`: its boards, and the pool that the arena lends it, so that numbers outlive the home.
//!
//! ```text
//!   CodeArena { pools that wait } ──made──▶ SiteLease { boards │ rest of the pool } ──end──▶ CodeArena { pools that wait }
//! ```
//!
//! * The arena is asked before threads share the home. If they asked, one would make numbers while another one is about to bring some.
//! * Each range of the pool gets a place on the boards. Those for which there is no memory stay in the pool.
//! * Without a record in the arena's ledger there is no pool. The numbers are then lost with their home.

use super::site_boards::{BoardRange, SiteBoards};
use crate::code::{CodeArena, Returns, SitePool};
use crate::error::Error;

pub(super) struct SiteLease {
    boards: SiteBoards,
    /// Not looked at before the end.
    pool: Option<(SitePool, Returns)>,
}

impl SiteLease {
    pub(super) fn new(code: &CodeArena) -> Self {
        let (boards, pool) = (SiteBoards::new(), code.take_spare_sites());
        if let Some((pool, _)) = &pool {
            while let Some(range) = pool.pop() {
                if boards.adopt(range.clone()).is_err() {
                    // It has room for what was there.
                    _ = pool.adopt(range);
                    break;
                }
            }
        }
        Self { boards, pool }
    }

    /// A range of at least `count` numbers, at most 65,536; whether it was somebody's before, and has to be cleared.
    pub(super) fn take(&self, code: &CodeArena, count: usize) -> Result<(BoardRange, bool), Error> {
        match self.boards.take(count)? {
            Some(range) => Ok((range, true)),
            None => Ok((self.boards.make(code.site_counter(), count)?, false)),
        }
    }

    /// Takes a range back.
    ///
    /// # Safety
    ///
    /// 1. The range came from this lease.
    /// 2. Nobody uses its numbers any more.
    pub(super) unsafe fn give_back(&self, range: BoardRange) {
        // SAFETY: the caller's promise.
        unsafe { self.boards.give_back(range) };
    }

    /// Leaves the numbers that wait to the next owner in the arena. Those for which the pool has no room, and gets none, are lost.
    ///
    /// # Safety
    ///
    /// All that was done with this lease was done with this arena.
    pub(super) unsafe fn end(&mut self, code: &CodeArena) {
        if let Some((pool, returns)) = self.pool.take() {
            self.boards.drain(|range| _ = pool.adopt(range));
            // SAFETY: 1. This arena gave the right (the caller's promise). 2. Numbers that wait are nobody's, and this was their only owner.
            unsafe { code.leave_spare_sites(pool, returns) };
        }
    }
}
