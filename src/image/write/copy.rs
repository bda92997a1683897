//! The copy of what was surveyed, part by part, into zeros.

use super::layout::Layout;
use super::overlay::Overlay;
use super::progress::{Progress, WritePhase};
use super::survey::Survey;
use super::walk::{Parts, Reference, walk};
use crate::code::value::Sites;
use crate::image::format::{ImageError, WORD, push};
use crate::image::shape::{Kind, Shape};
use alloc::vec::Vec;

/// The code of an image, written for address zero, with its marks.
pub(super) struct Copying<'s, 'a> {
    survey: &'s Survey<'a>,
    overlay: &'s Overlay,
    layout: &'s Layout,
    code: &'s mut [u8],
    marks: &'s mut [u8],
    /// Places of sites that are not empty, from the beginning of the code.
    sites: Vec<usize>,
    /// The place of the piece that is being copied.
    at: usize,
    /// The place in the survey's `targets` of the next reference.
    target: usize,
}

impl<'s, 'a> Copying<'s, 'a> {
    pub(super) fn new(
        survey: &'s Survey<'a>,
        overlay: &'s Overlay,
        layout: &'s Layout,
        code: &'s mut [u8],
        marks: &'s mut [u8],
    ) -> Self {
        Self { survey, overlay, layout, code, marks, sites: Vec::new(), at: 0, target: 0 }
    }

    /// Copies all pieces. Returns the places of sites, which have no tag yet.
    ///
    /// # Safety
    ///
    /// What was surveyed lives.
    pub(super) unsafe fn all(mut self, progress: &mut Progress<'_>) -> Result<Vec<usize>, ImageError> {
        let pieces = &self.survey.pieces;
        for (number, placement) in (0u32..).zip(&self.overlay.placements) {
            progress.show(WritePhase::Copying, number as usize, || pieces.len());
            if !placement.is_copied {
                continue;
            }
            let piece = &pieces[number as usize];
            let shape = self.survey.types[piece.of as usize];
            self.at = self.layout.places[number as usize];
            if let Kind::Bits | Kind::TextByte = shape.kind {
                self.bytes(piece.at, 0, piece.len * shape.size())?;
            } else {
                // SAFETY: the caller's promise.
                unsafe { self.values(number, shape) }?;
            }
        }
        Ok(self.sites)
    }

    /// Copies the values of a piece. The first of them were walked for the shorter piece that it stands for, if it does.
    ///
    /// # Safety
    ///
    /// The piece lives.
    unsafe fn values(&mut self, number: u32, shape: &'static Shape) -> Result<(), ImageError> {
        let survey = self.survey;
        // A piece that grew did so from one that was met before it, down to the first of them.
        let mut all: Vec<u32> =
            core::iter::successors(Some(number), |number| survey.shorter.get(number).copied()).collect();
        let mut walked = 0;
        while let Some(number) = all.pop() {
            let piece = &survey.pieces[number as usize];
            self.target = piece.targets as usize;
            for i in walked..piece.len {
                // SAFETY: the caller's promise: a piece is so many live values of its type.
                unsafe { walk(shape, piece.at.add(i * shape.size()), i * shape.size(), self) }?;
            }
            walked = piece.len;
            if self.target != survey.end_of_targets(number) {
                // A link was set meanwhile, by a loader of another arena.
                return Err(ImageError::StillOpen);
            }
        }
        Ok(())
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.code[self.at + offset..][..bytes.len()].copy_from_slice(bytes);
    }
}

impl Parts for Copying<'_, '_> {
    type Refused = ImageError;

    fn bytes(&mut self, from: *const u8, offset: usize, count: usize) -> Result<(), ImageError> {
        // SAFETY: a walk shows initialised bytes of a live value.
        let bytes = unsafe { core::slice::from_raw_parts(from, count) };
        self.put(offset, bytes);
        Ok(())
    }

    fn reference(&mut self, offset: usize, reference: Reference) -> Result<(), ImageError> {
        let target = self.survey.targets.get(self.target).ok_or(ImageError::StillOpen)?;
        self.target += 1;
        let footing = &self.survey.footing;
        let own = self.layout.places.get(*target as usize).map(|place| footing.below + place);
        let has_bytes = reference.len != 0 && reference.shape.size() != 0;
        let below = || if has_bytes { footing.place(reference.to.addr()) } else { None };
        let to = match own.or_else(below) {
            Some(place) => {
                let word = (self.at + offset) / WORD;
                self.marks[word / 8] |= 1 << (word % 8);
                place
            }
            // No bytes: an address that is aligned, and leads nowhere. It is the same in each window.
            None => reference.shape.align(),
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
            push(&mut self.sites, self.at + offset)?;
        }
        Ok(())
    }
}
