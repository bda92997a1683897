//! The code of an image in a reservation of an arena: at its window, shared, or elsewhere, with a linked half of this process's own.
//!
//! ```text
//!   at its window   │ linked ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ leaf ┄┄┄┄┄┄┄┄┄┄┄│   the file's pages, shared: one mapping
//!   elsewhere       │ copy, each mark moved ┄┄│ leaf ┄┄┄┄┄┄┄┄┄┄┄│   the linked half is this process's own
//!   larger pages    │ copy, each mark moved ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄│   so is all of it
//! ```
//!
//! A chain of images lies in one range, the oldest first, each right behind the one that it stands on.
//!
//! The reservation was made with the window as a wish. So nothing is ever replaced, whatever lies there (soundness S37).

use super::image::Layer;
use super::neighbours;
use super::not_shared::NotShared;
use crate::code::{PrefixPart, Protection};
use crate::error::{Error, PageCall, PageError};
use crate::image::format::{HEADER, copy_moved};
use crate::pages::{Reservation, Sealable, Step};
use alloc::vec::Vec;
use core::ops::Range;
use std::os::fd::AsRawFd;

/// The place that images wish for.
#[derive(Clone, Copy)]
pub(super) enum Wish {
    /// Anywhere but where they were written for.
    None,
    At(usize),
    /// They were written for this address, where no image lies.
    Outside(usize),
}

/// Images in a range of a reservation, while they are put there.
pub(super) struct Placing<'r> {
    reservation: &'r Reservation<Sealable>,
    range: Range<usize>,
    /// The address of the range.
    address: usize,
    pub(super) parts: Vec<PrefixPart>,
    pub(super) why_not_shared: Option<NotShared>,
}

impl<'r> Placing<'r> {
    /// Puts the code of images into a range: at its window if it is wanted there.
    pub(super) fn new(
        reservation: &'r Reservation<Sealable>,
        range: Range<usize>,
        layers: &[Layer],
        wish: Wish,
    ) -> Result<Self, Error> {
        // SAFETY: the range lies in the reservation.
        let address = unsafe { reservation.at(range.start) }.addr().get();
        let mut this = Self { reservation, range, address, parts: Vec::new(), why_not_shared: None };
        if address % HEADER != 0 {
            // Runs are aligned from there on. A source of smaller pages promises no more than these.
            let refusal = PageError { call: PageCall::MapFile, bytes: this.range.len(), code: 0 };
            return Err(Error::Pages(refusal));
        }
        let here = reservation.page().bytes();
        if let Some(there) = layers.iter().map(|layer| layer.source.header.page).find(|there| there % here != 0) {
            this.note(|_| NotShared::LargerPages { here, there });
            this.copy_all(layers)?;
            return Ok(this);
        }
        let mut end = 0;
        for layer in layers {
            // The pages of a layer may be larger than those of its parent.
            if layer.source.header.below > end {
                let gap = end..layer.source.header.below;
                this.commit(&gap)?;
                this.seal(gap)?;
            }
            this.place(layer, wish)?;
            end = layer.source.header.end();
        }
        Ok(this)
    }

    /// Keeps the first reason.
    fn note(&mut self, why: impl FnOnce(&Self) -> NotShared) {
        if self.why_not_shared.is_none() {
            self.why_not_shared = Some(why(self));
        }
    }

    fn place(&mut self, layer: &Layer, wish: Wish) -> Result<(), Error> {
        let header = &layer.source.header;
        let linked = header.below..header.below + header.linked;
        let leaf = linked.end..header.end();
        let base = header.base();
        if base == self.address {
            return match self.share(layer, linked.start..leaf.end, header.code_range().start) {
                Ok(()) => Ok(()),
                Err(refusal) => self.copy_halves(layer, refusal),
            };
        }
        self.note(|this| match wish {
            Wish::None => NotShared::Asked,
            Wish::Outside(window) => NotShared::NoWindow { window },
            Wish::At(wish) if wish != base => NotShared::ParentElsewhere { parent: wish, expected: base },
            Wish::At(wish) => {
                // The image itself, and all that the arena reserves around it.
                let start = wish.saturating_sub(this.range.start);
                let around = start..start.saturating_add(this.reservation.len());
                let by = neighbours::within(wish..wish + this.range.len()).or_else(|| neighbours::within(around));
                NotShared::WindowTaken { window: wish, by }
            }
        });
        match self.share(layer, leaf, header.leaf_range().start) {
            Ok(()) => self.copy(layer, linked, header.linked_range()),
            Err(refusal) => self.copy_halves(layer, refusal),
        }
    }

    fn copy_halves(&mut self, layer: &Layer, refusal: PageError) -> Result<(), Error> {
        self.note(|_| NotShared::NotMappable(refusal));
        let header = &layer.source.header;
        self.copy(layer, header.below..header.end(), header.code_range())
    }

    /// Maps bytes of the file over a part of the range. Whole pages.
    fn share(&mut self, layer: &Layer, part: Range<usize>, from: usize) -> Result<(), PageError> {
        if part.is_empty() {
            return Ok(());
        }
        let (source, backing) = (&layer.source, &layer.source.backing);
        if !backing.is_mappable {
            return Err(PageError { call: PageCall::MapFile, bytes: part.len(), code: libc::EACCES });
        }
        let step = Step::MapFile { file: backing.file.as_raw_fd(), offset: source.offset + from as u64 };
        // SAFETY: within the range, with which nothing was done and to which nobody refers. The file is open, as long as the bytes that were
        // mapped of it to read its header, and by the promise of its source no byte changes or goes away.
        unsafe { self.reservation.apply(step, self.at(&part)) }?;
        let level = if backing.is_sealed { Protection::SealedFile } else { Protection::ReadOnly };
        self.parts.push(PrefixPart::new(part, true, level));
        Ok(())
    }

    /// Copies code of the file into a part of the range, moves the addresses in it by the marks, and seals it. Whole pages.
    fn copy(&mut self, layer: &Layer, part: Range<usize>, from: Range<usize>) -> Result<(), Error> {
        if part.is_empty() {
            return Ok(());
        }
        self.commit(&part)?;
        self.fill(layer, part.start, from);
        self.seal(part)
    }

    /// Copies all code of all images, as one part: their borders are within pages.
    fn copy_all(&mut self, layers: &[Layer]) -> Result<(), Error> {
        let part = 0..self.range.len();
        self.commit(&part)?;
        for layer in layers {
            self.fill(layer, layer.source.header.below, layer.source.header.code_range());
        }
        self.seal(part)
    }

    fn commit(&self, part: &Range<usize>) -> Result<(), Error> {
        // SAFETY: within the range, with which nothing was done.
        Ok(unsafe { self.reservation.apply(Step::Commit, self.at(part)) }?)
    }

    /// Copies code to a place of the range that was committed.
    fn fill(&self, layer: &Layer, start: usize, from: Range<usize>) {
        let source = &layer.source;
        let code = source.bytes.part(from);
        assert!(start + code.len() <= self.range.len(), "within the range");
        // SAFETY: within the range of the reservation: writable since just now, and nobody else's.
        let copy = unsafe {
            let at = self.reservation.at(self.range.start + start);
            core::slice::from_raw_parts_mut(at.as_ptr(), code.len())
        };
        let distance = self.address.wrapping_sub(source.header.base());
        copy_moved(copy, code, source.bytes.part(source.header.marks_range()), distance);
    }

    fn seal(&mut self, part: Range<usize>) -> Result<(), Error> {
        // SAFETY: committed and filled, and nobody writes there from now on.
        unsafe { self.reservation.apply(Step::Seal, self.at(&part)) }?;
        let level = if self.reservation.protects() { Protection::ReadOnly } else { Protection::TypeOnly };
        self.parts.push(PrefixPart::new(part, false, level));
        Ok(())
    }

    /// The bytes of a part in the reservation.
    fn at(&self, part: &Range<usize>) -> Range<usize> {
        assert!(part.end <= self.range.len(), "within the range");
        self.range.start + part.start..self.range.start + part.end
    }
}
