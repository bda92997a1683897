//! An image as a whole: its bytes, and the types of all its roots.

use super::image::Image;
use super::values::Values;
use crate::image::format::ImageError;
use crate::image::shape::Mappable;

impl Image {
    /// All bytes of the image.
    pub(in crate::image) fn contents(&self) -> Result<&[u8], ImageError> {
        self.source.contents()
    }

    /// Refuses an image that has a root which no check for `T` has covered.
    pub(in crate::image) fn has_roots_of<T: Mappable>(&self) -> Result<(), ImageError> {
        let Values::Checked(types) = &self.values else { return Ok(()) };
        let tables = self.source.tables()?;
        let is_covered = |of: u32| types.as_ref().is_some_and(|types| types.of(of).is_some());
        let mut roots = (0..tables.roots()).filter_map(|number| tables.root(number)).map(|(_, root)| root);
        match roots.find(|root| !is_covered(root.of)) {
            None => Ok(()),
            Some(root) => {
                root.check(self.source.places.types(), &self.source.header)?;
                Err(self.source.mismatch(root.of, T::SHAPE)?)
            }
        }
    }
}
