//! [`Alike`]: the descriptions of this program that were found to be those of a file's types.
//!
//! A fingerprint takes microseconds. A program with a root for each of its modules asks for many roots of one type, and pays once.
#![forbid(unsafe_code)]

use crate::image::format::{ImageError, reserved};
use crate::image::shape::Shape;
use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// For each of the first types of a file the description that was last found to have its fingerprint, or null.
///
/// Only addresses are compared, so no order of memory matters. A description at the same address is the same one: it never changes.
pub(super) struct Alike(Vec<AtomicPtr<Shape>>);

/// Types of a file that are remembered, at most. A file says how many it has, and opening it takes no memory for each.
const MOST: usize = 4096;

impl Alike {
    pub(super) fn new(types: usize) -> Result<Self, ImageError> {
        let types = types.min(MOST);
        let mut known = reserved(types)?;
        known.resize_with(types, || AtomicPtr::new(ptr::null_mut()));
        Ok(Self(known))
    }

    /// Returns `true` if this was the last description that was learnt of a type of the file.
    pub(super) fn knows(&self, of: u32, shape: &'static Shape) -> bool {
        self.0.get(of as usize).is_some_and(|known| ptr::eq(known.load(Relaxed), shape))
    }

    /// Notes that a description has the fingerprint of a type of the file.
    pub(super) fn learn(&self, of: u32, shape: &'static Shape) {
        if let Some(known) = self.0.get(of as usize) {
            known.store(ptr::from_ref(shape).cast_mut(), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Alike;
    use crate::image::shape::Mappable;

    #[test]
    fn a_description_is_known_for_the_type_that_it_was_learnt_of_and_for_no_other() {
        let alike = Alike::new(2).unwrap();
        let (number, text) = (<u32 as Mappable>::SHAPE, <&str as Mappable>::SHAPE);
        assert!(!alike.knows(0, number));
        alike.learn(0, number);
        assert!(alike.knows(0, number) && !alike.knows(1, number) && !alike.knows(0, text));
        alike.learn(0, text);
        assert!(alike.knows(0, text) && !alike.knows(0, number), "the last one");
        alike.learn(7, text);
        assert!(!alike.knows(7, text), "no such type");
    }
}
