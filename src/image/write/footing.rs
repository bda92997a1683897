//! The image that a layer stands on: that of the arena which is written.
//!
//! ```text
//!   arena   │ image: not written again │ modules that were loaded behind it │
//!   layer                              │ what roots lead to, and only here  │   a reference into the image is one word, marked
//!           ▲ place 0                  ▲ below
//! ```
//!
//! Places are counted from the beginning of the lowest image of a chain. So a reference from a layer into what is below it has the same form as one
//! into the layer itself. All of them are moved together.

use crate::base::page::PageSize;
use crate::code::CodeArena;
use crate::image::format::{Digest, ImageError};

/// The images below one that is written.
#[derive(Clone, Copy)]
pub(super) struct Footing {
    /// The address of the lowest image here, and the bytes up to the end of the highest.
    code: (usize, usize),
    /// The beginning of the layer.
    pub(super) below: usize,
    /// The address that the lowest image was written for.
    pub(super) base: usize,
    pub(super) parent: Option<Digest>,
    /// Site numbers of all images below.
    pub(super) sites: u64,
    /// The tag of these, if there is something below.
    pub(super) tag: Option<u16>,
}

impl Footing {
    /// Nothing.
    pub(super) const fn ground() -> Self {
        Self { code: (0, 0), below: 0, base: 0, parent: None, sites: 0, tag: None }
    }

    /// The image that an arena began with.
    pub(super) fn of(arena: &CodeArena, page: PageSize) -> Result<Self, ImageError> {
        let (address, header) = arena.image_below().ok_or(ImageError::NoImageBelow)?;
        let end = header.end();
        Ok(Self {
            code: (address, end),
            below: page.ceil(end).ok_or(ImageError::TooLarge)?,
            base: header.base(),
            parent: Some(header.digest),
            sites: header.sites,
            tag: Some(header.tag),
        })
    }

    /// The place of an address that lies below.
    pub(super) fn place(&self, address: usize) -> Option<usize> {
        let (start, len) = self.code;
        let place = address.wrapping_sub(start);
        (place < len).then_some(place)
    }
}
