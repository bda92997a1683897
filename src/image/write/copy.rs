//! The copy of what was surveyed, part by part, into zeros.

use super::layout::Layout;
use super::overlay::Overlay;
use super::survey::{Survey, flat};
use super::walk::{Parts, Reference, walk};
use crate::code::value::Sites;
use crate::image::format::ImageError;
use crate::image::format::WORD;
use crate::image::shape::Kind;
use alloc::vec::Vec;

/// The code of an image, written for address zero, with its marks.
pub(super) struct Copy<'s, 'a> {
    survey: &'s Survey<'a>,
    overlay: &'s Overlay,
    layout: &'s Layout,
    code: &'s mut [u8],
    marks: &'s mut [u8],
    /// Places of sites that are not empty, from the beginning of the code.
    sites: Vec<usize>,
    /// The place of the piece that is being copied.
    at: usize,
}

impl<'s, 'a> Copy<'s, 'a> {
    /// Copies all pieces. Returns the places of sites, which have no tag yet.
    ///
    /// # Safety
    ///
    /// What was surveyed lives.
    pub(super) unsafe fn all(
        survey: &'s Survey<'a>,
        overlay: &'s Overlay,
        layout: &'s Layout,
        code: &'s mut [u8],
        marks: &'s mut [u8],
    ) -> Result<Vec<usize>, ImageError> {
        let mut this = Self { survey, overlay, layout, code, marks, sites: Vec::new(), at: 0 };
        for (piece, placement) in survey.pieces.iter().zip(&overlay.placements) {
            if !placement.is_copied {
                continue;
            }
            let shape = survey.types[piece.of as usize];
            this.at = layout.places[placement.block as usize] + placement.offset;
            if let Kind::Bits | Kind::TextByte = shape.kind {
                this.bytes(piece.at, 0, piece.len * shape.size())?;
                continue;
            }
            for i in 0..piece.len {
                // SAFETY: the caller's promise: a piece is so many live values of its type.
                unsafe { walk(shape, piece.at.add(i * shape.size()), i * shape.size(), &mut this) }?;
            }
        }
        Ok(this.sites)
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.code[self.at + offset..][..bytes.len()].copy_from_slice(bytes);
    }
}

impl Parts for Copy<'_, '_> {
    type Refused = ImageError;

    fn bytes(&mut self, from: *const u8, offset: usize, count: usize) -> Result<(), ImageError> {
        // SAFETY: a walk shows initialised bytes of a live value.
        let bytes = unsafe { core::slice::from_raw_parts(from, count) };
        self.put(offset, bytes);
        Ok(())
    }

    fn reference(&mut self, offset: usize, reference: Reference) -> Result<(), ImageError> {
        let Reference { len, shape, .. } = flat(reference);
        let to = if len == 0 || shape.size() == 0 {
            // An address that is aligned, and leads nowhere. It is the same in each window.
            reference.shape.align()
        } else {
            // SAFETY: a walk shows references of live values. The survey met each that is met here.
            let piece = unsafe { self.survey.piece(reference) }.ok_or(ImageError::StillOpen)?;
            let placement = self.overlay.placements[piece as usize];
            let word = (self.at + offset) / WORD;
            self.marks[word / 8] |= 1 << (word % 8);
            self.layout.places[placement.block as usize] + placement.offset
        };
        self.put(offset, &to.to_ne_bytes());
        if reference.is_slice {
            self.put(offset + WORD, &reference.len.to_ne_bytes());
        }
        Ok(())
    }

    fn sites(&mut self, offset: usize, sites: Sites) -> Result<(), ImageError> {
        if !sites.is_empty() {
            self.put(offset, &Sites::bytes(self.survey.renumbered(sites), sites.len() as u16, 0));
            self.sites.try_reserve(1).map_err(|_| ImageError::Memory { bytes: WORD })?;
            self.sites.push(self.at + offset);
        }
        Ok(())
    }
}
