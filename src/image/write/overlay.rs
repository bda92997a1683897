//! Pieces that lie in each other, and what is written once for them.
//!
//! ```text
//!   memory   ├──────── Code ────────┤   ├─────── u8 ×9 ──────┤
//!                 ├ &str ┤                    ├─ u8 ×3 ─┤            inside, where the description has the type: no block of their own
//!                                                  ├─── u8 ×7 ───┤   longer, of the same type: one block for all
//! ```
//!
//! Pieces outside of the arena are not compared: a linker may lay constants over each other, or not.
//!
//! Some pieces lie in another one whose description has no such type there. Such a piece is written for itself if it leads nowhere: only its
//! address tells the two apart. If it leads on, it may be something whose address is its identity, and is refused.

use super::survey::Piece;
use crate::image::format::ImageError;
use crate::image::shape::Shape;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// The place of a piece: a block, and the distance from its beginning.
#[derive(Clone, Copy, Default)]
pub(super) struct Placement {
    pub(super) block: u32,
    pub(super) offset: usize,
    /// `true` if the piece is copied: not if it lies inside a longer one.
    pub(super) is_copied: bool,
}

/// Values of one type that are written together.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// The first of its pieces that was met, whose order and module it has.
    pub(super) first: u32,
    pub(super) of: u32,
    pub(super) bytes: usize,
}

pub(super) struct Overlay {
    pub(super) blocks: Vec<Block>,
    /// Of each piece.
    pub(super) placements: Vec<Placement>,
}

/// A block that the next piece may lie in.
struct Open {
    start: usize,
    end: usize,
    of: u32,
    block: u32,
    /// The piece that it began with.
    piece: u32,
}

impl Overlay {
    pub(super) fn new(pieces: &[Piece], types: &[&'static Shape]) -> Result<Self, ImageError> {
        let memory = |_| ImageError::Memory { bytes: size_of_val(pieces) };
        let bytes = |piece: &Piece| piece.len * types[piece.of as usize].size();
        // Longer ones first; of those alike, the one that was met first.
        let mut order = Vec::new();
        order.try_reserve_exact(pieces.len()).map_err(memory)?;
        order.extend((0u32..).zip(pieces).map(|(number, piece)| (piece.at.addr(), Reverse(bytes(piece)), number)));
        order.sort_unstable();
        let mut this = Self { blocks: Vec::new(), placements: Vec::new() };
        this.placements.try_reserve_exact(pieces.len()).map_err(memory)?;
        this.placements.resize(pieces.len(), Placement::default());
        this.blocks.try_reserve(pieces.len()).map_err(memory)?;
        let same = |one: &Shape, other: &Shape| one.id() == other.id();
        let mut open: Option<Open> = None;
        for (start, Reverse(bytes), number) in order {
            let (piece, end) = (&pieces[number as usize], start + bytes);
            let shape = types[piece.of as usize];
            if piece.is_foreign {
                // Where constants lie is the linker's choice.
                this.begin(number, piece.of, start..end);
                continue;
            }
            let Some(around) = open.as_mut().filter(|around| start < around.end) else {
                open = Some(this.begin(number, piece.of, start..end));
                continue;
            };
            let (outer, offset) = (types[around.of as usize], start - around.start);
            let is_same = around.of == piece.of && offset % shape.size() == 0;
            if end <= around.end && outer.holds(offset, shape, end - start, same) {
                this.place(number, around.block, offset, false);
            } else if is_same && end > around.end {
                around.end = end;
                this.blocks[around.block as usize].bytes = end - around.start;
                this.place(number, around.block, offset, true);
            } else if (start, end) == (around.start, around.end) && shape.holds(0, outer, end - start, same) {
                // The same bytes, seen as what the first is a part of.
                this.placements[around.piece as usize].is_copied = false;
                this.blocks[around.block as usize].of = piece.of;
                (around.of, around.piece) = (piece.of, number);
                this.place(number, around.block, 0, true);
            } else if shape.is_linked() {
                return Err(ImageError::Interior { of: outer.name(), to: shape.name() });
            } else {
                this.begin(number, piece.of, start..end);
            }
        }
        Ok(this)
    }

    fn begin(&mut self, piece: u32, of: u32, range: core::ops::Range<usize>) -> Open {
        let block = self.blocks.len() as u32;
        self.blocks.push(Block { first: piece, of, bytes: range.len() });
        self.placements[piece as usize] = Placement { block, offset: 0, is_copied: true };
        Open { start: range.start, end: range.end, of, block, piece }
    }

    fn place(&mut self, piece: u32, block: u32, offset: usize, is_copied: bool) {
        self.placements[piece as usize] = Placement { block, offset, is_copied };
        let first = &mut self.blocks[block as usize].first;
        *first = piece.min(*first);
    }
}
