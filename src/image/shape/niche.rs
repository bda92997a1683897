//! The place where an `Option` says `None`, if it is as large as its value.
//!
//! ```text
//!   Option<&T>     ├ address, or 0 ┤          Option<bool>   ├ 0, 1, or 2 ┤
//!   Option<&[T]>   ├ address, or 0 ┼ length ┤               (without a word of the language on most of them)
//! ```
//!
//! The language defines only some of these. So the compiler is asked. Each part of the value that has bytes which are no value of it is a
//! candidate: an address, a `bool`, a tag. A value gets the bytes that `None` has at such a place. If it says `None` then, that is the place.
//!
//! ```text
//!   Some     ├ u64 ────┼ bool ┼ address ┤     each part a value
//!   None     ├ ??????? ┼ 2 ───┼ ??????? ┤     undefined, but for the place that is looked for
//!
//!   asked    ├ u64 ────┼ bool ┼ ??????? ┤     says `Some`: what is undefined is not looked at
//!            ├ u64 ────┼ 2 ───┼ address ┤     says `None`
//! ```
//!
//! So no number is read that is none of its type: a compiler may refuse that in a constant, and newer ones do.

use super::Mappable;
use super::shape::{Field, Kind, Shape};
use core::mem::MaybeUninit;

/// A number at a place in an `Option` that says `None`.
#[derive(Clone, Copy)]
pub(in crate::image) struct Niche {
    pub(in crate::image) offset: usize,
    pub(in crate::image) width: usize,
    pub(in crate::image) none: u128,
}

/// Finds the place for an `Option<T>`; a compile error if there is none.
pub(super) const fn niche_of<T: Mappable>() -> Niche {
    match find::<T>() {
        Ok(niche) => niche,
        Err(problem) => panic!("{}", problem),
    }
}

/// The reason why an `Option<T>` cannot be described, if it cannot.
pub(super) const fn problem_of<T: Mappable>() -> Option<&'static str> {
    match find::<T>() {
        Ok(_) => None,
        Err(problem) => Some(problem),
    }
}

const fn find<T: Mappable>() -> Result<Niche, &'static str> {
    if size_of::<Option<T>>() != size_of::<T>() {
        return Err(
            "this `Option` is larger than its value, so the language does not say where its tag lies: in an image, write \
             `Option<NonZero<..>>` in place of an option of a number, or an enum of your own with `#[repr(u8)]`",
        );
    }
    match search::<T>(T::SHAPE, 0) {
        Some(niche) => Ok(niche),
        None => Err(
            "nobody knows where this `Option` says `None`: in an image, write an enum of your own with `#[repr(u8)]` in its place",
        ),
    }
}

const fn search<T: Mappable>(shape: &Shape, at: usize) -> Option<Niche> {
    match shape.kind {
        Kind::Value(_) | Kind::Slice(_) | Kind::Text | Kind::Name => ask::<T>(at, size_of::<usize>()),
        Kind::NonZero | Kind::Bool | Kind::Char => ask::<T>(at, shape.size()),
        Kind::Option { none: Niche { offset, width, .. }, .. } => ask::<T>(at + offset, width),
        Kind::Enum { tag, .. } => ask::<T>(at, tag),
        Kind::Struct(fields) => search_fields::<T>(at, fields),
        Kind::Array { element, len } if len > 0 => search::<T>(element, at),
        _ => None,
    }
}

const fn search_fields<T: Mappable>(at: usize, fields: &[Field]) -> Option<Niche> {
    let mut i = 0;
    while i < fields.len() {
        let found = search::<T>(fields[i].shape, at + fields[i].offset);
        if found.is_some() {
            return found;
        }
        i += 1;
    }
    None
}

/// Asks whether a value says `None` with the bytes that `None` has at a place, and for these as a number.
const fn ask<T: Mappable>(offset: usize, width: usize) -> Option<Niche> {
    assert!(offset + width <= size_of::<Option<T>>() && width <= size_of::<u128>(), "outside of the value");
    let none = MaybeUninit::new(None::<T>);
    let mut probe = MaybeUninit::<Option<T>>::zeroed();
    fill::<T>(&mut probe, T::SHAPE, 0);
    let from = none.as_ptr().cast::<u8>();
    // SAFETY: within both, as was asserted. Bytes of `None` that are undefined are copied as such.
    unsafe { from.add(offset).copy_to_nonoverlapping(probe.as_mut_ptr().cast::<u8>().add(offset), width) };
    // SAFETY: part of the constant that describes `Option<T>`; the match reads the tag alone. It lies at a place that is a value's, or at the
    // one that was copied.
    if !unsafe { &*probe.as_ptr() }.is_none() {
        return None;
    }
    let mut number = [0; size_of::<u128>()];
    let mut i = 0;
    while i < width {
        let to = if cfg!(target_endian = "big") { number.len() - width + i } else { i };
        // SAFETY: within the value. These bytes tell `None`, so they are defined.
        number[to] = unsafe { from.add(offset + i).read() };
        i += 1;
    }
    Some(Niche { offset, width, none: u128::from_ne_bytes(number) })
}

/// Makes the bytes at an offset those of some value. They are zeros.
const fn fill<T: Mappable>(probe: &mut MaybeUninit<Option<T>>, shape: &Shape, at: usize) {
    match shape.kind {
        Kind::NonZero => put(probe, at, shape.size(), u128::MAX),
        Kind::Value(_) | Kind::Slice(_) | Kind::Text | Kind::Name => put(probe, at, size_of::<usize>(), u128::MAX),
        Kind::Bits | Kind::TextByte | Kind::Bool | Kind::Char | Kind::Link(_) | Kind::Sites => {}
        Kind::Option { value, .. } => fill(probe, value, at),
        Kind::Array { element, len } => {
            // The first alone may say `None`.
            if len > 0 {
                fill(probe, element, at);
            }
        }
        Kind::Struct(fields) => fill_fields(probe, fields, at),
        Kind::Enum { tag, variants } => {
            if !variants.is_empty() {
                put(probe, at, tag, variants[0].tag as u128);
                fill_fields(probe, variants[0].fields, at);
            }
        }
    }
}

const fn fill_fields<T: Mappable>(probe: &mut MaybeUninit<Option<T>>, fields: &[Field], at: usize) {
    let mut i = 0;
    while i < fields.len() {
        fill(probe, fields[i].shape, at + fields[i].offset);
        i += 1;
    }
}

/// Puts the low bytes of a number at an offset.
const fn put<T>(probe: &mut MaybeUninit<T>, at: usize, width: usize, number: u128) {
    assert!(at + width <= size_of::<T>() && width <= size_of::<u128>(), "outside of the value");
    let bytes = number.to_ne_bytes();
    let from = if cfg!(target_endian = "big") { bytes.len() - width } else { 0 };
    let mut i = 0;
    while i < width {
        // SAFETY: within the value, as was asserted.
        unsafe { probe.as_mut_ptr().cast::<u8>().add(at + i).write(bytes[from + i]) };
        i += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::transmute;
    use core::num::NonZero;

    fn of<T: Mappable>() -> (usize, usize, u128) {
        let Niche { offset, width, none } = niche_of::<T>();
        (offset, width, none)
    }

    #[test]
    fn none_is_found_where_the_compiler_writes_it() {
        // SAFETY: all bytes of these `Option`s are initialised.
        let bytes = unsafe {
            (
                transmute::<Option<bool>, u8>(None),
                transmute::<Option<Option<bool>>, u8>(None),
                transmute::<Option<char>, u32>(None),
                transmute::<Option<NonZero<u128>>, u128>(None),
                transmute::<Option<&u8>, usize>(None),
            )
        };
        assert_eq!(of::<bool>(), (0, 1, bytes.0.into()));
        assert_eq!(of::<Option<bool>>(), (0, 1, bytes.1.into()));
        assert_eq!(of::<char>(), (0, 4, bytes.2.into()));
        assert_eq!(of::<NonZero<u128>>(), (0, 16, bytes.3));
        assert_eq!(of::<&u8>(), (0, size_of::<usize>(), bytes.4 as u128));
    }

    #[test]
    fn of_several_places_the_one_is_found_that_the_compiler_took() {
        let Niche { offset, width, .. } = niche_of::<(u64, bool, &u8)>();
        // SAFETY: within the value, of which this byte is initialised.
        let byte = |value: &Option<(u64, bool, &u8)>| unsafe {
            core::ptr::from_ref(value).cast::<u8>().add(offset).cast::<[u8; 1]>().read()
        };
        assert!(width == 1 || width == size_of::<usize>());
        let all = [None, Some((1, true, &7)), Some((2, false, &8))].map(|value| byte(&value));
        let none = niche_of::<(u64, bool, &u8)>().none.to_ne_bytes()[0];
        assert_eq!(all[0], [none]);
        assert!(width != 1 || all[1] != [none] && all[2] != [none]);
    }
}
