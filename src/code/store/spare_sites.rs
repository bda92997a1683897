//! Pools of site numbers that nobody uses: left by one owner of transient code for the next.
//!
//! ```text
//!   first ─▶ ┌ pool ┐ ─▶ ┌ taken ┐ ─▶ ┌ pool ┐        records: one for each owner that there was at once
//! ```
//!
//! An owner takes a pool that waits, or a new berth if none does, and leaves its pool in the same berth. So there are about as
//! many berths as there were owners at once, and about as many numbers as these needed. A berth whose owner vanished stays taken. A list only grows, and each of its
//! steps is one atomic operation (invariant 5).

use super::berth::Berth;
use super::record::{AtomicRecord, Record};
use crate::code::value::SitePool;
use core::ptr::NonNull;

/// The pools that wait in an arena, and the places of those that are taken.
pub(in crate::code) struct SpareSites {
    first: AtomicRecord<PoolRecord>,
}

/// The ledger's record of a pool.
pub(in crate::code) struct PoolRecord {
    berth: Berth<SitePool>,
    next: AtomicRecord<Self>,
}

impl PoolRecord {
    /// A berth that is the caller's.
    ///
    /// # Safety
    ///
    /// The record goes to a ledger whose records alone follow it.
    unsafe fn new() -> Self {
        // SAFETY: the caller's promise.
        Self { berth: Berth::taken(), next: unsafe { AtomicRecord::empty() } }
    }
}

/// The right to leave one pool in its berth. It does not borrow the arena.
#[must_use = "a pool that is not left is lost"]
pub(crate) struct Returns(NonNull<PoolRecord>);

impl SpareSites {
    /// # Safety
    ///
    /// 1. The list becomes part of an arena.
    /// 2. The records that [`take`](Self::take) is given come from that arena's ledger.
    pub(in crate::code) const unsafe fn new() -> Self {
        // SAFETY: the caller's promise.
        Self { first: unsafe { AtomicRecord::empty() } }
    }

    /// Takes a pool that waits, or an empty one, with the right to leave it here later. `None` if no pool waits and
    /// there is no room for a record.
    ///
    /// Costs a look at each berth up to the first pool that waits.
    pub(in crate::code) fn take<'l>(
        &'l self,
        record: impl FnOnce(PoolRecord) -> Option<Record<'l, PoolRecord>>,
    ) -> Option<(SitePool, Returns)> {
        let mut place = &self.first;
        while let Some(found) = place.get() {
            if let Some(pool) = found.get().berth.take() {
                return Some((pool, Returns(NonNull::from(found.get()))));
            }
            place = &found.get().next;
        }
        // SAFETY: the record goes to the ledger of the arena of this list, as do all that are put behind it here.
        let new = record(unsafe { PoolRecord::new() })?;
        while let Err(found) = place.set_if_empty(new) {
            place = &found.get().next;
        }
        Some((SitePool::default(), Returns(NonNull::from(new.get()))))
    }

    /// Leaves a pool in its berth.
    ///
    /// # Safety
    ///
    /// 1. `returns` is of this list.
    /// 2. Nobody uses the numbers that wait in the pool.
    pub(in crate::code) unsafe fn leave(&self, pool: SitePool, returns: Returns) {
        // SAFETY: a record lives as long as this list (1). The right to leave it was the caller's alone, and is used up.
        unsafe { returns.0.as_ref().berth.leave(pool) };
    }
}

impl Drop for SpareSites {
    /// Drops the pools that wait. A pool that is taken is its owner's.
    fn drop(&mut self) {
        let records = core::iter::successors(self.first.get(), |found| found.get().next.get());
        records.for_each(|found| drop(found.get().berth.take()));
    }
}
