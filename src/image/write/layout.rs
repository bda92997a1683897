//! The places of blocks: grouped by half, module and type, in the order in which they were met.

use super::overlay::Overlay;
use super::survey::Survey;
use crate::base::align;
use crate::base::page::PageSize;
use crate::image::format::ImageError;
use crate::image::format::Run;
use alloc::vec::Vec;

pub(super) struct Layout {
    pub(super) runs: Vec<Run>,
    /// The place of each block, from the beginning of the code.
    pub(super) places: Vec<usize>,
    /// Bytes of both halves, whole pages.
    pub(super) linked: usize,
    pub(super) leaf: usize,
}

impl Layout {
    pub(super) fn new(survey: &Survey<'_>, overlay: &Overlay, page: PageSize) -> Result<Self, ImageError> {
        let memory = |_| ImageError::Memory { bytes: size_of_val(&*overlay.blocks) };
        let is_leaf: Vec<bool> = survey.types.iter().map(|shape| !shape.is_linked()).collect();
        // The half, the module, the type, and the order in which blocks of these were met.
        let mut order: Vec<((bool, u32, u32), u32, u32)> = Vec::new();
        order.try_reserve_exact(overlay.blocks.len()).map_err(memory)?;
        order.extend((0u32..).zip(&overlay.blocks).map(|(number, block)| {
            let module = survey.pieces[block.first as usize].module;
            ((is_leaf[block.of as usize], module, block.of), block.first, number)
        }));
        order.sort_unstable();
        let mut places = Vec::new();
        places.try_reserve_exact(overlay.blocks.len()).map_err(memory)?;
        places.resize(overlay.blocks.len(), 0);
        let (mut runs, mut at, mut linked) = (Vec::<Run>::new(), 0, None);
        for group in order.chunk_by(|one, other| one.0 == other.0) {
            let (leaf, module, of) = group[0].0;
            let shape = survey.types[of as usize];
            if leaf && linked.is_none() {
                at = page.ceil(at).ok_or(ImageError::TooLarge)?;
                linked = Some(at);
            }
            at = align::align_up(at, shape.align()).ok_or(ImageError::TooLarge)?;
            let start = at;
            for &(_, _, number) in group {
                places[number as usize] = at;
                at = at.checked_add(overlay.blocks[number as usize].bytes).ok_or(ImageError::TooLarge)?;
            }
            runs.push(Run { of, module, start, len: (at - start) / shape.size() });
        }
        let end = page.ceil(at).ok_or(ImageError::TooLarge)?;
        let linked = linked.unwrap_or(end);
        // At least a page, so that there is something to map.
        let leaf = if end == 0 { page.bytes() } else { end - linked };
        Ok(Self { runs, places, linked, leaf })
    }
}
