//! [`Values`]: whose word is taken for it that the bytes of an image are values.
#![forbid(unsafe_code)]

use super::known::KnownTypes;
use crate::image::format::ImageError;
use crate::image::shape::Shape;
use alloc::sync::Arc;

/// The one who says that bytes are values.
#[derive(Clone)]
pub(super) enum Values {
    /// The check, of these types. Before the first there are none.
    Checked(Option<Arc<KnownTypes>>),
    /// The user.
    Trusted,
}

impl Values {
    /// Those that were checked of the so many types of an image.
    pub(super) fn types(&self, types: usize) -> Result<KnownTypes, ImageError> {
        match self {
            Self::Checked(Some(types)) => types.copy(),
            Self::Checked(None) | Self::Trusted => KnownTypes::new(types),
        }
    }

    /// Returns `true` if values of a type may be read.
    pub(super) fn cover(&self, shape: &Shape) -> bool {
        match self {
            Self::Checked(types) => types.as_ref().is_some_and(|types| types.has(shape)),
            Self::Trusted => true,
        }
    }
}
