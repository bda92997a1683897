//! An image as a whole: its bytes, and the types of all its roots.

use super::differs::first_difference;
use super::image::Image;
use super::values::Values;
use crate::image::format::{ImageError, TypeMismatch};
use crate::image::shape::{Fingerprint, Mappable};
use alloc::boxed::Box;

impl Image {
    /// All bytes of the file.
    pub(in crate::image) fn contents(&self) -> &[u8] {
        &self.source.bytes
    }

    /// Refuses an image that has a root which no check for `T` has covered.
    pub(in crate::image) fn has_roots_of<T: Mappable>(&self) -> Result<(), ImageError> {
        let Values::Checked(types) = &self.values else { return Ok(()) };
        let (index, tables) = (&self.source.index, self.source.tables());
        let is_covered = |of: u32| types.as_ref().is_some_and(|types| types.of(of).is_some());
        let mut roots = (0..tables.roots()).filter_map(|number| tables.root(number)).map(|(_, root)| root);
        match roots.find(|root| !is_covered(root.of)) {
            None => Ok(()),
            Some(root) => {
                root.check(&index.types, &self.source.header)?;
                let found = &index.types[root.of as usize];
                let expected = (T::SHAPE.name(), Fingerprint::of::<T>());
                let found = (found.name.clone(), found.fingerprint);
                let differs = first_difference(T::SHAPE, index);
                Err(ImageError::Type(Box::new(TypeMismatch { expected, found, differs })))
            }
        }
    }
}
