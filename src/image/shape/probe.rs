//! The compiler's own word on a layout: memory that is taken for a value, and matched by a pattern.
//!
//! ```text
//!   tag  filled                         filled
//!   ├ 02 ┼ 00 00 00 00 00 00 ..┤        ├ 02 ┼ ff ff ff ff ff ff ..┤       both must match variant 2, with the fields at the same places
//! ```
//!
//! The language defines where the tag of an enum with a primitive `#[repr]` lies. But a derive sees the item as it stood before it: an
//! attribute behind it may have changed it since. So the derive's constants write the tag that they were told, and let the compiler match.
//! A read of a tag that is none is a compile error: constants are checked for undefined behaviour.

use super::Mappable;
use super::shape::{Field, Variant};
use core::mem::MaybeUninit;
use core::ptr;

/// Bytes that are taken for a value, within a constant of the derive.
#[doc(hidden)]
pub struct Probe<T>(MaybeUninit<T>);

impl<T> Probe<T> {
    /// Bytes that are all `fill`.
    pub const fn new(fill: u8) -> Self {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the bytes of the value itself.
        unsafe { ptr::write_bytes(value.as_mut_ptr(), fill, 1) };
        Self(value)
    }

    /// The same, with a tag at the beginning.
    pub const fn with_tag<Tag: Copy>(fill: u8, tag: Tag) -> Self {
        let mut probe = Self::new(fill);
        assert!(size_of::<Tag>() <= size_of::<T>(), "the enum has no room for its tag");
        // SAFETY: within the value, as was asserted; the write asks for no alignment.
        unsafe { probe.0.as_mut_ptr().cast::<Tag>().write_unaligned(tag) };
        probe
    }

    /// The bytes as a value, of which only the tag may be read.
    ///
    /// # Safety
    ///
    /// This is the constant of a `Mappable` type, evaluated by the compiler: it refuses a read of what is no value.
    pub const unsafe fn get(&self) -> &T {
        // SAFETY: the caller's promise; the bytes are initialised, and the memory is aligned and large enough.
        unsafe { &*self.0.as_ptr() }
    }

    /// A compile error if the type of a field has no description. It says why, and what to write instead.
    pub const fn assert<F: Mappable>(&self, _field: &F) {
        if let Some(problem) = F::PROBLEM {
            panic!("{}", problem)
        }
    }

    /// The description of a field of this value.
    ///
    /// # Safety
    ///
    /// `field` is a field of what [`get`](Self::get) returned for this very probe.
    pub const unsafe fn field<F: Mappable>(&self, name: &'static str, field: &F) -> Field {
        // SAFETY: the caller's promise: both lie in one value.
        let offset = unsafe { ptr::from_ref(field).cast::<u8>().offset_from(self.0.as_ptr().cast::<u8>()) };
        assert!(offset >= 0, "a field lies in front of its type");
        Field { name, offset: offset as usize, shape: F::SHAPE }
    }
}

impl Variant {
    /// Checks that a variant is laid out the same whatever the bytes of its fields are.
    #[doc(hidden)]
    pub const fn assert_same(one: &[Field], other: &[Field]) {
        let mut i = 0;
        while i < one.len() {
            assert!(one[i].offset == other[i].offset, "the place of a field depends on the value");
            i += 1;
        }
    }

    /// Says what a variant's pattern found that does not match the variant's own tag.
    #[doc(hidden)]
    pub const fn mismatch() -> ! {
        panic!(
            "the tag of a variant does not select it: the enum needs a primitive `#[repr]`, such as `#[repr(u8)]`, that no macro takes away"
        )
    }
}
