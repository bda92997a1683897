//! An image as the sealed prefix of an arena: what the arena asks of it.
//!
//! ```text
//!   Foreword { layers, wish } ── place ──▶ Front { layers, indexes, parts, why_not_shared }
//!     what a builder holds                   what an arena holds: modules, names and sites, read from the tables of each
//! ```
//!
//! Nothing is built when an arena is made, whatever the size of the image. Each question is answered by a look into the mapped tables. Those of an
//! image at its window are mapped with its code, in front of it: the file as it is, by one call.

use super::image::{Image, Layer};
use super::not_shared::NotShared;
use super::placed::{Placing, Wish};
use crate::code::{Preface, Prefix, PrefixPart, PrefixPlace, PrefixPlaced};
use crate::error::Error;
use crate::image::format::{self, Run, Tables};
use crate::pages::{Reservation, Sealable};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::ops::Range;
use core::ptr::NonNull;

/// Images that an arena is to begin with: a chain, the oldest first.
pub(in crate::image) struct Foreword {
    layers: Arc<[Layer]>,
    is_at_window: bool,
    /// `true` unless the oldest stands on one that is not there.
    stands: bool,
}

impl Foreword {
    /// Images at their window.
    pub(in crate::image) fn new(image: &Image) -> Self {
        Self { layers: Arc::from(image.layers()), is_at_window: true, stands: image.stands().is_ok() }
    }

    fn place_of_wish(&self) -> Wish {
        let Some(oldest) = self.layers.first().filter(|_| self.is_at_window) else { return Wish::None };
        let base = oldest.source.header.base();
        if format::may_lie(base, self.bytes()) { Wish::At(base) } else { Wish::Outside(base) }
    }
}

// SAFETY: what is placed is a `Front`.
unsafe impl Preface for Foreword {
    fn bytes(&self) -> usize {
        self.layers.last().map_or(0, |newest| newest.source.header.end())
    }

    fn head(&self) -> usize {
        let oldest = self.layers.first().filter(|_| self.is_at_window);
        oldest.map_or(0, |oldest| oldest.source.header.code_range().start)
    }

    fn wish(&self) -> Option<usize> {
        match self.place_of_wish() {
            Wish::At(base) => Some(base),
            Wish::None | Wish::Outside(_) => None,
        }
    }

    fn shuns(&self) -> Option<usize> {
        self.layers.first().filter(|_| !self.is_at_window).map(|oldest| oldest.source.header.base())
    }

    fn elsewhere(&self) -> Arc<dyn Preface> {
        Arc::new(Self { layers: self.layers.clone(), is_at_window: false, stands: self.stands })
    }

    fn place(&self, reservation: &Reservation<Sealable>, place: PrefixPlace) -> Result<PrefixPlaced, Error> {
        if !self.stands {
            return Err(Error::NoParent);
        }
        // SAFETY: the range lies in the reservation.
        let at = unsafe { reservation.at(place.code.start) };
        let Placing { parts, indexes, why_not_shared, .. } =
            Placing::new(reservation, place, &self.layers, self.place_of_wish())?;
        let modules = self.layers.iter().map(|layer| layer.source.places.modules());
        let modules = modules.scan(0u32, |all, of| {
            *all = all.saturating_add(of);
            Some(*all)
        });
        let (layers, modules) = (self.layers.clone(), modules.collect());
        Ok(Arc::new(Front { layers, modules, indexes, at, parts, why_not_shared }))
    }
}

/// Images in front of an arena's own code.
pub(super) struct Front {
    pub(super) layers: Arc<[Layer]>,
    /// The number of the modules of each, and of all below it.
    modules: Vec<u32>,
    /// The index of each: in front of its code, or mapped by its source.
    indexes: Vec<NonNull<[u8]>>,
    /// The first byte of the oldest.
    at: NonNull<u8>,
    parts: Vec<PrefixPart>,
    pub(super) why_not_shared: Option<NotShared>,
}

// SAFETY: the bytes there are only read.
unsafe impl Send for Front {}
// SAFETY: as above.
unsafe impl Sync for Front {}

impl Front {
    /// The code of an image, where it lies in this process.
    fn code(&self, layer: &Layer) -> &[u8] {
        let header = &layer.source.header;
        // SAFETY: it was placed there, and the reservation stays for as long as this is asked.
        unsafe { core::slice::from_raw_parts(self.at.as_ptr().add(header.below), header.code()) }
    }

    /// The tables of an image.
    pub(super) fn tables(&self, layer: usize) -> Tables<'_> {
        // SAFETY: mapped by the source that the layer keeps, or in the reservation, which stays for as long as this is asked. No byte changes.
        self.layers[layer].source.places.of(unsafe { self.indexes[layer].as_ref() })
    }

    /// The byte at a place in the code of the images, which is at most its end.
    pub(super) fn place(&self, at: usize) -> NonNull<u8> {
        let end = self.layers.last().map_or(0, |newest| newest.source.header.end());
        assert!(at <= end, "within the code");
        // SAFETY: within what was placed, or its end.
        unsafe { self.at.add(at) }
    }

    /// The run that a place lies in: the number of its image, the run there, and the bytes of its module in front of it.
    pub(super) fn run_at(&self, place: usize) -> Option<(usize, Run, usize)> {
        let number = self.layers.partition_point(|layer| layer.source.header.below <= place).checked_sub(1)?;
        let header = &self.layers[number].source.header;
        let (run, before) = self.tables(number).run_at(place - header.below, header.code())?;
        Some((number, run, before))
    }

    /// The number of the image that has a module of this number, and the number there.
    fn layer_of(&self, module: u32) -> Option<(usize, u32)> {
        let layer = self.modules.partition_point(|&below| below <= module);
        (layer < self.layers.len()).then(|| (layer, module - self.modules_below(layer)))
    }

    /// The number of the modules of all images below one.
    fn modules_below(&self, layer: usize) -> u32 {
        layer.checked_sub(1).map_or(0, |below| self.modules[below])
    }
}

// SAFETY:
// 1. All bytes were mapped from files that do not change, or copied and sealed. What lies between is reserved and sealed zeros.
// 2. A name is a place in the code of an image where the very bytes of the text stand, which is UTF-8. Nothing else is believed of the tables.
unsafe impl Prefix for Front {
    fn modules(&self) -> u32 {
        self.modules.last().copied().unwrap_or(0)
    }

    fn module(&self, number: u32) -> (&str, usize) {
        let found = self.layer_of(number).and_then(|(layer, number)| self.tables(layer).module(number));
        found.unwrap_or(("", 0))
    }

    fn locate(&self, offset: usize) -> Option<(u32, usize)> {
        let (layer, run, before) = self.run_at(offset)?;
        let inside = offset - self.layers[layer].source.header.below - run.start;
        Some((self.modules_below(layer).checked_add(run.module)?, before.checked_add(inside)?))
    }

    fn interned(&self, text: &str) -> Option<Range<usize>> {
        self.layers.iter().enumerate().find_map(|(number, layer)| {
            let name = self.tables(number).find(self.code(layer), text)?;
            let start = layer.source.header.below + name.at;
            Some(start..start + name.len)
        })
    }

    fn aligned(&self, offset: usize) -> Option<(Range<usize>, usize)> {
        let (layer, run, _) = self.run_at(offset)?;
        let (below, tables) = (self.layers[layer].source.header.below, self.tables(layer));
        let of = tables.type_of(run.of).filter(|of| of.align != 0)?;
        Some((below + run.start..below + tables.bytes_of(&run).end, of.align))
    }

    fn sites(&self) -> (u32, u16) {
        let header = self.layers.last().map(|newest| &newest.source.header);
        header.map_or((0, 0), |header| (u32::try_from(header.sites).unwrap_or(u32::MAX), header.tag))
    }

    fn used(&self) -> usize {
        self.layers.iter().map(|layer| layer.source.places.used).fold(0, usize::saturating_add)
    }

    fn parts(&self) -> &[PrefixPart] {
        &self.parts
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
