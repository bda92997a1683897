//! A value that the check has proved, for the author's own check of it.

use super::Mappable;
use super::shape::Shape;
use alloc::string::{String, ToString};
use core::fmt::Display;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// The author's own check of a value: the function that `#[mappable(check = "..")]` names, behind one for every type.
pub(in crate::image) type Verifier = fn(Proven<'_>) -> Result<(), String>;

/// A value of an image, of some type. It can be asked about by a function for that type alone.
#[doc(hidden)]
pub struct Proven<'x> {
    at: NonNull<u8>,
    of: &'static Shape,
    life: PhantomData<&'x u8>,
}

impl<'x> Proven<'x> {
    /// # Safety
    ///
    /// For 'x a value of the described type lies there, and all that it leads to are values. Nobody writes to them.
    pub(in crate::image) unsafe fn new(at: NonNull<u8>, of: &'static Shape) -> Self {
        Self { at, of, life: PhantomData }
    }

    /// Asks a function about the value. It takes the value at any lifetime, so it cannot keep it.
    pub fn ask<T: Mappable, E: Display>(
        self,
        verifier: for<'y> fn(&'y T::At<'y>) -> Result<(), E>,
    ) -> Result<(), String> {
        assert!(T::SHAPE.id() == self.of.id(), "the value is of another type");
        // SAFETY:
        // 1. A value of `T` lies there, with all that it leads to, and nobody writes to it for 'x: the promise of `new`.
        // 2. The shapes tell types apart up to lifetimes, which no layout depends on. `T::At<'x>` is the type for 'x.
        let value: &'x T::At<'x> = unsafe { self.at.cast::<T::At<'x>>().as_ref() };
        verifier(value).map_err(|why| why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "of another type")]
    fn a_value_is_shown_to_functions_for_its_own_type_alone() {
        // SAFETY: a value that is there.
        let proven = unsafe { Proven::new(NonNull::from(&7u32).cast(), u32::SHAPE) };
        let _ = proven.ask::<i32, &str>(|_| Ok(()));
    }

    #[test]
    fn the_words_of_a_refusal_are_kept() {
        let ask = |number: &u32| {
            // SAFETY: a value that is there.
            let proven = unsafe { Proven::new(NonNull::from(number).cast(), u32::SHAPE) };
            proven.ask::<u32, _>(|&number| if number < 7 { Ok(()) } else { Err(std::format!("{number} is too much")) })
        };
        assert_eq!(ask(&6), Ok(()));
        assert_eq!(ask(&7), Err("7 is too much".into()));
    }
}
