//! Questions about blocks of bytes whose alignment no type says.

use super::arena::CodeArena;
use core::ops::Range;

impl CodeArena {
    /// The addresses of the arena's own, each with its alignment.
    pub(crate) fn aligned_blocks(&self) -> impl Iterator<Item = (Range<usize>, usize)> {
        self.store().aligned().map(|block| (block.start..block.start + block.len, block.align))
    }

    /// The same of the one in which an address lies, of the code that the arena began with.
    pub(crate) fn aligned_in_prefix(&self, address: usize) -> Option<(Range<usize>, usize)> {
        let (prefix, offset) = self.store().in_prefix(address)?;
        let (range, align) = prefix.aligned(offset)?;
        let start = address - (offset - range.start);
        Some((start..start + range.len(), align))
    }
}
