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

use super::survey::{Piece, Survey};
use crate::image::format::{ImageError, filled, reserve, reserved};
use crate::image::shape::Shape;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Range;

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
    /// Its alignment if no type says it, or 0.
    pub(super) align: usize,
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
    pub(super) fn new(survey: &Survey<'_>) -> Result<Self, ImageError> {
        let pieces = &survey.pieces;
        let bytes = |piece: &Piece| piece.len * survey.types[piece.of as usize].size();
        let placements = filled(Placement::default(), pieces.len())?;
        let mut this = Self { blocks: reserved(pieces.len())?, placements };
        for (number, piece) in (0u32..).zip(pieces).filter(|(_, piece)| piece.is_foreign && !piece.is_part) {
            // Where constants lie is the linker's choice.
            this.begin(number, piece.of, 0..bytes(piece), 0);
        }
        let (mut open, mut near) = (None, Vec::new());
        for head in survey.places.ascending() {
            let list = core::iter::successors(pieces.get(head as usize), |piece| pieces.get(piece.next as usize));
            let numbers = core::iter::once(head).chain(list.clone().map(|piece| piece.next));
            let own = list.zip(numbers).filter(|(piece, _)| !piece.is_foreign);
            // Longer ones first; of those alike, the one that was met first.
            near.clear();
            reserve(&mut near, own.clone().count())?;
            near.extend(own.map(|(piece, number)| (piece.at.addr(), Reverse(bytes(piece)), number)));
            near.sort_unstable();
            for &(start, Reverse(bytes), number) in &near {
                this.add(survey, &mut open, number, start..start + bytes)?;
            }
        }
        // The longest first, so that each part has the place of the longest.
        for (&longer, &shorter) in survey.shorter.iter().rev() {
            let Placement { block, offset, .. } = this.placements[longer as usize];
            this.place(shorter, block, offset, false);
        }
        Ok(this)
    }

    /// Adds a piece with these addresses. None that was added before lies above it.
    fn add(
        &mut self,
        survey: &Survey<'_>,
        open: &mut Option<Open>,
        number: u32,
        range: Range<usize>,
    ) -> Result<(), ImageError> {
        let (piece, types) = (&survey.pieces[number as usize], &survey.types);
        let same = |one: &Shape, other: &Shape| one.id() == other.id();
        let shape = types[piece.of as usize];
        let Some(around) = open.as_mut().filter(|around| range.start < around.end) else {
            let align = survey.aligns.get(&number).copied().unwrap_or(0);
            *open = Some(self.begin(number, piece.of, range, align));
            return Ok(());
        };
        let (outer, offset) = (types[around.of as usize], range.start - around.start);
        let is_same = around.of == piece.of && offset % shape.size() == 0;
        if range.end <= around.end && outer.holds(offset, shape, range.len(), same) {
            self.place(number, around.block, offset, false);
        } else if is_same && range.end > around.end {
            around.end = range.end;
            self.blocks[around.block as usize].bytes = range.end - around.start;
            self.place(number, around.block, offset, true);
        } else if range == (around.start..around.end) && shape.holds(0, outer, range.len(), same) {
            // The same bytes, seen as what the first is a part of.
            self.placements[around.piece as usize].is_copied = false;
            self.blocks[around.block as usize].of = piece.of;
            (around.of, around.piece) = (piece.of, number);
            self.place(number, around.block, 0, true);
        } else if shape.is_linked() {
            return Err(ImageError::Interior { of: outer.name(), to: shape.name() });
        } else {
            self.begin(number, piece.of, range, 0);
        }
        Ok(())
    }

    fn begin(&mut self, piece: u32, of: u32, range: Range<usize>, align: usize) -> Open {
        let block = self.blocks.len() as u32;
        self.blocks.push(Block { first: piece, of, bytes: range.len(), align });
        self.placements[piece as usize] = Placement { block, offset: 0, is_copied: true };
        Open { start: range.start, end: range.end, of, block, piece }
    }

    fn place(&mut self, piece: u32, block: u32, offset: usize, is_copied: bool) {
        self.placements[piece as usize] = Placement { block, offset, is_copied };
        let first = &mut self.blocks[block as usize].first;
        *first = piece.min(*first);
    }
}
