//! The places of blocks: grouped by half, module and type, in the order in which they were met.

use super::overlay::Overlay;
use super::survey::Survey;
use crate::base::align;
use crate::base::page::PageSize;
use crate::image::format::{ImageError, Run, filled, reserved};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The alignment that an image has wherever it is mapped: the smallest page of all systems.
pub(super) const PAGE: usize = 4096;

pub(super) struct Layout {
    pub(super) runs: Vec<Run>,
    /// The types of runs with alignments of their own, and these: they are numbered behind the survey's types.
    pub(super) aligned_types: Vec<(u32, usize)>,
    /// The place of each piece, from the beginning of the code.
    pub(super) places: Vec<usize>,
    /// Bytes of both halves, whole pages.
    pub(super) linked: usize,
    pub(super) leaf: usize,
}

/// Blocks that make a run.
#[derive(Clone, Copy, Default)]
struct Group {
    bytes: usize,
    /// The place of the next of them.
    next: usize,
}

impl Layout {
    pub(super) fn new(survey: &Survey<'_>, overlay: &Overlay, page: PageSize) -> Result<Self, ImageError> {
        let is_leaf: Vec<bool> = survey.types.iter().map(|shape| !shape.is_linked()).collect();
        // The half, the module, the type; for a block with an alignment of its own that and its first piece. And the number of the group.
        let mut numbers = BTreeMap::<(bool, u32, u32, usize, u32), usize>::new();
        let (mut groups, mut of_block) = (Vec::<Group>::new(), reserved::<u32>(overlay.blocks.len())?);
        // For each type, the module and the group of the block before.
        let mut last = alloc::vec![(u32::MAX, 0); survey.types.len()];
        for block in &overlay.blocks {
            let (of, module) = (block.of as usize, survey.pieces[block.first as usize].module);
            if block.align != 0 || last[of].0 != module {
                let first = if block.align == 0 { 0 } else { block.first };
                let number =
                    *numbers.entry((is_leaf[of], module, block.of, block.align, first)).or_insert(groups.len());
                groups.resize(groups.len().max(number + 1), Group::default());
                // The next block without such an alignment looks for itself.
                last[of] = (if block.align == 0 { module } else { u32::MAX }, number);
            }
            let group = &mut groups[last[of].1];
            group.bytes = group.bytes.checked_add(block.bytes).ok_or(ImageError::TooLarge)?;
            of_block.push(last[of].1 as u32);
        }
        let (mut runs, mut at, mut linked) = (Vec::<Run>::new(), 0, None);
        let mut aligned_types = BTreeMap::<(u32, usize), usize>::new();
        numbers.keys().filter(|key| key.3 != 0).for_each(|key| {
            aligned_types.insert((key.2, key.3), 0);
        });
        aligned_types.values_mut().zip(survey.types.len()..).for_each(|(number, next)| *number = next);
        for (&(leaf, module, of, align, _), &number) in &numbers {
            let (shape, group) = (survey.types[of as usize], &mut groups[number]);
            if align > PAGE {
                return Err(ImageError::Alignment { of: shape.name(), align });
            }
            if leaf && linked.is_none() {
                at = page.ceil(at).ok_or(ImageError::TooLarge)?;
                linked = Some(at);
            }
            at = align::align_up(at, align.max(shape.align())).ok_or(ImageError::TooLarge)?;
            let of = aligned_types.get(&(of, align)).map_or(of, |&number| number as u32);
            runs.push(Run { of, module, start: at, len: group.bytes / shape.size() });
            group.next = at;
            at = at.checked_add(group.bytes).ok_or(ImageError::TooLarge)?;
        }
        let end = page.ceil(at).ok_or(ImageError::TooLarge)?;
        let linked = linked.unwrap_or(end);
        // At least a page, so that there is something to map.
        let leaf = if end == 0 { page.bytes() } else { end - linked };
        let aligned_types = aligned_types.into_keys().collect();
        Ok(Self { runs, aligned_types, places: places(overlay, &of_block, &mut groups)?, linked, leaf })
    }
}

/// The places of all pieces. Blocks of a group follow each other in the order in which they were met, each with its first piece.
fn places(overlay: &Overlay, of_block: &[u32], groups: &mut [Group]) -> Result<Vec<usize>, ImageError> {
    let mut of_blocks = filled(0, overlay.blocks.len())?;
    let mut places = reserved(overlay.placements.len())?;
    for (piece, placement) in (0u32..).zip(&overlay.placements) {
        let number = placement.block as usize;
        let block = &overlay.blocks[number];
        if block.first == piece {
            let group = &mut groups[of_block[number] as usize];
            of_blocks[number] = group.next;
            group.next += block.bytes;
        }
        places.push(of_blocks[number] + placement.offset);
    }
    Ok(places)
}
