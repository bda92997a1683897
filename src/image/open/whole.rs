//! An image as a whole: its bytes, and the types of all its roots.

use super::differs::first_difference;
use super::image::{Image, Values};
use crate::image::format::{ImageError, TypeMismatch};
use crate::image::shape::{Fingerprint, Mappable};
use alloc::boxed::Box;
use std::collections::HashSet;

impl Image {
    /// All bytes of the file.
    pub(in crate::image) fn contents(&self) -> &[u8] {
        &self.source.bytes
    }

    /// Refuses an image that has a root which no check for `T` has covered.
    pub(in crate::image) fn has_roots_of<T: Mappable>(&self) -> Result<(), ImageError> {
        let Values::Checked(shapes) = &self.values else { return Ok(()) };
        let index = &self.source.index;
        let mut of_root = index.roots.iter().map(|root| &index.types[root.of as usize]);
        let covered: HashSet<Fingerprint> = shapes.iter().map(|shape| Fingerprint::of_shape(shape)).collect();
        let is_covered = |fingerprint| covered.contains(&fingerprint);
        match of_root.find(|found| !is_covered(found.fingerprint)) {
            None => Ok(()),
            Some(found) => {
                let expected = (T::SHAPE.name(), Fingerprint::of::<T>());
                let found = (found.name.clone(), found.fingerprint);
                let differs = first_difference(T::SHAPE, index);
                Err(ImageError::Type(Box::new(TypeMismatch { expected, found, differs })))
            }
        }
    }
}
