//! [`Mappable`] for the types of `core` and of this crate.

use super::Mappable;
use super::niche::{niche_of, problem_of};
use super::shape::{Field, Kind, Shape, shape_of};
use crate::code::value::{Link, Name, Sites};
use core::marker::PhantomData;
use core::mem::{MaybeUninit, offset_of};
use core::num::NonZero;

/// The first word of a reference to a slice or to text is the address, the second the number of elements.
///
/// A number that is read where an address lies is a compile error.
#[allow(dead_code)] // Rust 1.85 does not see the constants that call it.
const fn assert_fat_pointers<T>(elements: &[T], text: &str) {
    // SAFETY: a reference to a slice is two words. The second is a number, or else the compiler refuses to read it here, in a constant.
    let len = unsafe { core::mem::transmute::<&[T], [MaybeUninit<usize>; 2]>(elements)[1].assume_init() };
    // SAFETY: as above.
    let bytes = unsafe { core::mem::transmute::<&str, [MaybeUninit<usize>; 2]>(text)[1].assume_init() };
    assert!(len == elements.len() && bytes == text.len(), "the second word of a slice is its length");
}

const _: () = {
    assert_fat_pointers(&[1u8, 2, 3], "seven b");
    assert_fat_pointers(&[0u64; 11], "");
    assert!(size_of::<&u8>() == size_of::<usize>() && size_of::<Link<'static, u8>>() == size_of::<usize>());
};

macro_rules! leaves {
    ($($kind:ident: $($t:ty = $name:literal),*;)*) => { $( $(
        // SAFETY: the kind says what bytes are a value, which the language defines for these. No reference, no process.
        unsafe impl Mappable for $t {
            const SHAPE: &'static Shape = &Shape::new::<$t>($name, Kind::$kind);
        }
    )* )* };
}

leaves! {
    Bits: u8 = "u8", u16 = "u16", u32 = "u32", u64 = "u64", u128 = "u128", usize = "usize", i8 = "i8", i16 = "i16", i32 = "i32",
        i64 = "i64", i128 = "i128", isize = "isize", f32 = "f32", f64 = "f64";
    Bool: bool = "bool";
    Char: char = "char";
    NonZero: NonZero<u8> = "u8", NonZero<u16> = "u16", NonZero<u32> = "u32", NonZero<u64> = "u64", NonZero<u128> = "u128",
        NonZero<usize> = "usize", NonZero<i8> = "i8", NonZero<i16> = "i16", NonZero<i32> = "i32", NonZero<i64> = "i64",
        NonZero<i128> = "i128", NonZero<isize> = "isize";
    Sites: Sites = "Sites";
}

// SAFETY: no bytes.
unsafe impl Mappable for () {
    const SHAPE: &'static Shape = &Shape::new::<()>("()", Kind::Struct(&[]));
}

// SAFETY: no bytes.
unsafe impl<T: Mappable> Mappable for PhantomData<T> {
    const SHAPE: &'static Shape = &Shape::new::<Self>("PhantomData", Kind::Struct(&[]));
}

// SAFETY: a reference is an address, not zero. `At` is at the lifetime asked for.
unsafe impl<T: Mappable> Mappable for &T {
    const SHAPE: &'static Shape = &Shape::new::<Self>("&", Kind::Value(shape_of::<T>));
    const PROBLEM: Option<&'static str> = T::PROBLEM;
}

// SAFETY: as for `&T`; the constant above asks the compiler for the order of the two words.
unsafe impl<T: Mappable> Mappable for &[T] {
    const SHAPE: &'static Shape = &Shape::new::<Self>("&[]", Kind::Slice(shape_of::<T>));
    const PROBLEM: Option<&'static str> = T::PROBLEM;
}

// SAFETY: as for `&[u8]`, of bytes that are UTF-8.
unsafe impl Mappable for &str {
    const SHAPE: &'static Shape = &Shape::new::<Self>("&str", Kind::Text);
}

// SAFETY: laid out as the `&str` alone, with no other promise than that an arena has one copy.
unsafe impl Mappable for Name<'_> {
    const SHAPE: &'static Shape = &Shape::new::<Self>("Name", Kind::Name);
}

// SAFETY: laid out as a pointer, which is null or a reference.
unsafe impl<T: Mappable> Mappable for Link<'_, T> {
    const SHAPE: &'static Shape = &Shape::new::<Self>("Link", Kind::Link(shape_of::<T>));
    const PROBLEM: Option<&'static str> = T::PROBLEM;
}

// SAFETY: an array is its elements, one behind the other.
unsafe impl<T: Mappable, const N: usize> Mappable for [T; N] {
    const SHAPE: &'static Shape = &Shape::new::<Self>("[]", Kind::Array { element: T::SHAPE, len: N });
    const PROBLEM: Option<&'static str> = T::PROBLEM;
}

// SAFETY: as large as its value, so `None` is bytes that are none of its values. `niche_of` asks the compiler which.
unsafe impl<T: Mappable> Mappable for Option<T> {
    const SHAPE: &'static Shape =
        &Shape::new::<Self>("Option", Kind::Option { value: T::SHAPE, none: niche_of::<T>() });
    const PROBLEM: Option<&'static str> = match T::PROBLEM {
        None => problem_of::<T>(),
        problem => problem,
    };
}

/// The first of these.
const fn first_of(problems: &[Option<&'static str>]) -> Option<&'static str> {
    match problems {
        [] => None,
        [Some(problem), ..] => Some(problem),
        [None, rest @ ..] => first_of(rest),
    }
}

macro_rules! tuples {
    ($($name:literal: $($T:ident $i:tt)+;)*) => { $(
        // SAFETY: a tuple is its elements, where the compiler says that they lie.
        unsafe impl<$($T: Mappable),+> Mappable for ($($T,)+) {
            const SHAPE: &'static Shape = &Shape::of_struct::<Self>($name, &[$(
                Field { name: stringify!($i), offset: offset_of!(Self, $i), shape: $T::SHAPE }
            ),+]);
            const PROBLEM: Option<&'static str> = first_of(&[$($T::PROBLEM),+]);
        }
    )* };
}

tuples! {
    "()": A 0;
    "(,)": A 0 B 1;
    "(,,)": A 0 B 1 C 2;
    "(,,,)": A 0 B 1 C 2 D 3;
    "(,,,,)": A 0 B 1 C 2 D 3 E 4;
    "(,,,,,)": A 0 B 1 C 2 D 3 E 4 F 5;
    "(,,,,,,)": A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    "(,,,,,,,)": A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
    "(,,,,,,,,)": A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8;
    "(,,,,,,,,,)": A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9;
    "(,,,,,,,,,,)": A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10;
    "(,,,,,,,,,,,)": A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11;
}
