//! [`Below`]: an image below one that is checked.
#![forbid(unsafe_code)]

use super::image::Source;
use super::known::KnownTypes;
use crate::image::format::ImageError;
use crate::image::shape::Shape;
use alloc::sync::Arc;
use core::ops::Range;

/// An image that the one which is checked stands on.
pub(super) struct Below {
    source: Arc<Source>,
    /// The types that were checked there.
    types: KnownTypes,
}

impl Below {
    pub(super) fn new(source: Arc<Source>, types: KnownTypes) -> Result<Self, ImageError> {
        // Mapped from here on, so that no answer fails.
        source.contents()?;
        Ok(Self { source, types })
    }

    /// Returns `true` if a place lies in its code.
    pub(super) fn has(&self, place: usize) -> bool {
        let header = &self.source.header;
        place.wrapping_sub(header.below) < header.code()
    }

    /// The run that a place lies in, its type if it was checked, and the types that were.
    pub(super) fn run_at(&self, place: usize) -> Option<(Range<usize>, Option<&'static Shape>, &KnownTypes)> {
        let (header, tables) = (&self.source.header, self.source.tables().ok()?);
        let (run, _) = tables.run_at(place - header.below, header.code())?;
        let range = tables.bytes_of(&run);
        Some((header.below + range.start..header.below + range.end, self.types.of(run.of), &self.types))
    }

    /// The byte at a place.
    pub(super) fn byte(&self, place: usize) -> Option<u8> {
        let header = &self.source.header;
        let [code] = self.source.parts([header.code_range()]).ok()?;
        code.get(place - header.below).copied()
    }
}
