//! The code of an image in a reservation of an arena: at its window, shared, or elsewhere, with a linked half of this process's own.
//!
//! ```text
//!   at its window   │ header, index │ linked ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ leaf ┄┄┄┄┄┄┄┄┄┄┄│   the file's pages, shared: one mapping
//!   elsewhere                       │ copy, each mark moved ┄┄│ leaf ┄┄┄┄┄┄┄┄┄┄┄│   the linked half is this process's own
//!   larger pages                    │ copy, each mark moved ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄│   so is all of it
//! ```
//!
//! A chain of images lies in one range, the oldest first, each right behind the one that it stands on. Only in front of the oldest there is room
//! for its index. Those of the others, and of copies, are mapped elsewhere.
//!
//! The reservation was made with the window as a wish. So nothing is ever replaced, whatever lies there (soundness S37).

use super::image::Layer;
use super::neighbours;
use super::not_shared::NotShared;
use crate::code::{PrefixPart, PrefixPlace, Protection};
use crate::error::{Error, PageCall, PageError};
use crate::image::format::{HEADER, copy_moved};
use crate::pages::{Reservation, Sealable, Step};
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::NonNull;
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
    /// Bytes in front of the range for the header and the index of the oldest image.
    head: usize,
    /// The address of the range.
    address: usize,
    pub(super) parts: Vec<PrefixPart>,
    /// The index of each image, where it lies: in front of the range, or mapped by its source.
    pub(super) indexes: Vec<NonNull<[u8]>>,
    pub(super) why_not_shared: Option<NotShared>,
}

impl<'r> Placing<'r> {
    /// Puts the code of images into a range: at its window if it is wanted there.
    pub(super) fn new(
        reservation: &'r Reservation<Sealable>,
        PrefixPlace { head, code: range }: PrefixPlace,
        layers: &[Layer],
        wish: Wish,
    ) -> Result<Self, Error> {
        // SAFETY: the range lies in the reservation.
        let address = unsafe { reservation.at(range.start) }.addr().get();
        let (parts, indexes) = (Vec::new(), Vec::with_capacity(layers.len()));
        let mut this = Self { reservation, range, head, address, parts, indexes, why_not_shared: None };
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
            let index = this.place(layer, wish)?;
            this.indexes.push(index);
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

    /// Puts an image there. Returns where its index lies.
    fn place(&mut self, layer: &Layer, wish: Wish) -> Result<NonNull<[u8]>, Error> {
        let header = &layer.source.header;
        let linked = header.below..header.below + header.linked;
        let leaf = linked.end..header.end();
        let base = header.base();
        if base == self.address {
            return match self.share_all(layer) {
                Ok(Some(index)) => Ok(index),
                Ok(None) => index_in_file(layer),
                Err(refusal) => self.copy_halves(layer, refusal),
            };
        }
        let shared = self.share(layer, leaf, header.leaf_range().start, 0);
        self.note(|this| match (wish, shared) {
            (Wish::None, _) => NotShared::Asked,
            (Wish::Outside(window), _) => NotShared::NoWindow { window },
            (Wish::At(wish), _) if wish != base => NotShared::ParentElsewhere { parent: wish, expected: base },
            // At its window it would not be shared either. Nothing needs to lie there: some sources hear no wishes.
            (Wish::At(_), Err(refusal)) => NotShared::NotMappable(refusal),
            (Wish::At(wish), Ok(())) => {
                // The image itself, and all that the arena reserves around it.
                let start = wish.saturating_sub(this.range.start);
                let around = start..start.saturating_add(this.reservation.len());
                let by = neighbours::within(wish..wish + this.range.len()).or_else(|| neighbours::within(around));
                NotShared::WindowTaken { window: wish, by }
            }
        });
        match shared {
            Ok(()) => self.copy(layer, linked, header.linked_range())?,
            Err(refusal) => return self.copy_halves(layer, refusal),
        }
        index_in_file(layer)
    }

    fn copy_halves(&mut self, layer: &Layer, refusal: PageError) -> Result<NonNull<[u8]>, Error> {
        self.note(|_| NotShared::NotMappable(refusal));
        let header = &layer.source.header;
        self.copy(layer, header.below..header.end(), header.code_range())?;
        index_in_file(layer)
    }

    /// Maps the code of an image, and that of the oldest with all that lies in front of it in the file. Returns where its index lies then.
    fn share_all(&mut self, layer: &Layer) -> Result<Option<NonNull<[u8]>>, PageError> {
        let header = &layer.source.header;
        let from = header.code_range().start;
        let front = if header.below == 0 && from <= self.head { from } else { 0 };
        self.share(layer, header.below..header.end(), from, front)?;
        // SAFETY: whole pages in front of the range, which `share` has mapped: the file from its header on.
        let index = || unsafe { self.reservation.at(self.range.start - front + header.index_range().start) };
        Ok((front != 0).then(|| NonNull::slice_from_raw_parts(index(), header.index)))
    }

    /// Maps bytes of the file over a part of the range, with so many bytes that lie in front of both. Whole pages.
    fn share(&mut self, layer: &Layer, part: Range<usize>, from: usize, front: usize) -> Result<(), PageError> {
        if part.is_empty() {
            return Ok(());
        }
        let (source, backing) = (&layer.source, &layer.source.backing);
        if !backing.is_mappable {
            return Err(PageError { call: PageCall::MapFile, bytes: part.len(), code: libc::EACCES });
        }
        let step = Step::MapFile { file: backing.file.as_raw_fd(), offset: source.offset + (from - front) as u64 };
        let at = self.at(&part);
        // SAFETY: within the range and what is kept in front of it, with which nothing was done and to which nobody refers. The file is open, as
        // long as its header says, and by the promise of its source no byte changes or goes away.
        unsafe { self.reservation.apply(step, at.start - front..at.end) }?;
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
        self.fill(layer, part.start, from)?;
        self.seal(part)
    }

    /// Copies all code of all images, as one part: their borders are within pages.
    fn copy_all(&mut self, layers: &[Layer]) -> Result<(), Error> {
        let part = 0..self.range.len();
        self.commit(&part)?;
        for layer in layers {
            self.fill(layer, layer.source.header.below, layer.source.header.code_range())?;
            self.indexes.push(index_in_file(layer)?);
        }
        self.seal(part)
    }

    fn commit(&self, part: &Range<usize>) -> Result<(), Error> {
        // SAFETY: within the range, with which nothing was done.
        Ok(unsafe { self.reservation.apply(Step::Commit, self.at(part)) }?)
    }

    /// Copies code to a place of the range that was committed.
    fn fill(&self, layer: &Layer, start: usize, from: Range<usize>) -> Result<(), Error> {
        let (source, bytes) = (&layer.source, mapped(layer)?);
        let [code, marks] = [from, source.header.marks_range()].map(|range| bytes.get(range).unwrap_or_default());
        assert!(start + code.len() <= self.range.len(), "within the range");
        // SAFETY: within the range of the reservation: writable since just now, and nobody else's.
        let copy = unsafe {
            let at = self.reservation.at(self.range.start + start);
            core::slice::from_raw_parts_mut(at.as_ptr(), code.len())
        };
        let distance = self.address.wrapping_sub(source.header.base());
        copy_moved(copy, code, marks, distance);
        Ok(())
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

/// All bytes of an image, mapped by its source.
fn mapped(layer: &Layer) -> Result<&[u8], Error> {
    layer.source.mapped().map_err(|error| {
        let code = error.raw_os_error().unwrap_or(0);
        Error::Pages(PageError { call: PageCall::MapFile, bytes: layer.source.header.len(), code })
    })
}

/// The index of an image, mapped by its source.
fn index_in_file(layer: &Layer) -> Result<NonNull<[u8]>, Error> {
    let index = mapped(layer)?.get(layer.source.header.index_range());
    Ok(NonNull::from(index.unwrap_or_default()))
}
