//! Blocks whose alignment and length no type says, noted for those who copy them.
//!
//! ```text
//!   newest ─▶ ┌ at 1000, 40 bytes, align 64 ┐ ─▶ ┌ at 400, 33 bytes, align 32 ┐      records; pushed by compare-exchange, never removed
//! ```

use super::record::{AtomicRecord, Record};

/// A block of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::code) struct AlignedBlock {
    /// The address.
    pub(in crate::code) start: usize,
    pub(in crate::code) len: usize,
    pub(in crate::code) align: usize,
}

/// The ledger's record of such a block.
pub(in crate::code) struct AlignedRecord {
    block: AlignedBlock,
    older: AtomicRecord<Self>,
}

impl AlignedRecord {
    /// # Safety
    ///
    /// The record goes to the ledger of the arena of the list that it is pushed to.
    pub(in crate::code) unsafe fn new(block: AlignedBlock) -> Self {
        // SAFETY: the caller's promise.
        Self { block, older: unsafe { AtomicRecord::empty() } }
    }
}

/// All that an arena has, the newest first.
pub(in crate::code) struct AlignedBlocks {
    newest: AtomicRecord<AlignedRecord>,
}

impl AlignedBlocks {
    /// # Safety
    ///
    /// 1. The list becomes part of an arena.
    /// 2. The records that [`push`](Self::push) is given come from that arena's ledger.
    pub(in crate::code) const unsafe fn new() -> Self {
        // SAFETY: the caller's promise.
        Self { newest: unsafe { AtomicRecord::empty() } }
    }

    pub(in crate::code) fn push(&self, record: Record<'_, AlignedRecord>) {
        self.newest.push(record, |record| &record.older);
    }

    #[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
    pub(in crate::code) fn all(&self) -> impl Iterator<Item = AlignedBlock> {
        core::iter::successors(self.newest.get(), |found| found.get().older.get()).map(|found| found.get().block)
    }
}
