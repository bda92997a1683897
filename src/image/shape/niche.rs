//! The place where an `Option` says `None`, if it is as large as its value.
//!
//! ```text
//!   Option<&T>     ├ address, or 0 ┤          Option<bool>   ├ 0, 1, or 2 ┤
//!   Option<&[T]>   ├ address, or 0 ┼ length ┤               (without a word of the language on most of them)
//! ```
//!
//! The language defines only some of these. So the compiler is asked. Each part of the value that has bytes which are no value of it is a
//! candidate: an address of zero, a `bool` of two. The one with which the `Option` matches `None`, whatever the other bytes are, is it.

use super::Mappable;
use super::probe::Probe;
use super::shape::{Field, Kind, Shape, Variant};

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
        Kind::Value(_) | Kind::Slice(_) | Kind::Text | Kind::Name => ask::<T>(at, size_of::<usize>(), 0),
        Kind::NonZero => ask::<T>(at, shape.size(), 0),
        Kind::Bool => ask::<T>(at, 1, 2),
        Kind::Char => ask::<T>(at, 4, char::MAX as u128 + 1),
        Kind::Option { none: Niche { offset, width, none }, .. } => either(
            ask::<T>(at + offset, width, cut(none.wrapping_add(1), width)),
            ask::<T>(at + offset, width, cut(none.wrapping_sub(1), width)),
        ),
        Kind::Enum { tag, variants } => search_tag::<T>(at, tag, variants),
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

/// Tries the numbers right outside of the tags, taken as signed and as unsigned ones.
const fn search_tag<T: Mappable>(at: usize, width: usize, variants: &[Variant]) -> Option<Niche> {
    let half = 1u128 << (width * 8 - 1);
    let [mut least, mut most] = [variants[0].tag as u128; 2];
    // Signed numbers are in the order of unsigned ones with the upper bit flipped.
    let [mut lowest, mut highest] = [variants[0].tag as u128 ^ half; 2];
    let mut i = 1;
    while i < variants.len() {
        let tag = variants[i].tag as u128;
        least = if tag < least { tag } else { least };
        most = if tag > most { tag } else { most };
        lowest = if tag ^ half < lowest { tag ^ half } else { lowest };
        highest = if tag ^ half > highest { tag ^ half } else { highest };
        i += 1;
    }
    either(
        either(ask::<T>(at, width, cut(most + 1, width)), ask::<T>(at, width, cut(least.wrapping_sub(1), width))),
        either(
            ask::<T>(at, width, cut((highest ^ half) + 1, width)),
            ask::<T>(at, width, cut((lowest ^ half).wrapping_sub(1), width)),
        ),
    )
}

/// Asks whether a number at a place says `None`, whatever the other bytes are, and the numbers beside it do not.
const fn ask<T: Mappable>(offset: usize, width: usize, none: u128) -> Option<Niche> {
    let says = says_none::<T>(0, offset, width, none) && says_none::<T>(0xff, offset, width, none);
    let others = says_none::<T>(0, offset, width, none ^ 1) || says_none::<T>(0xff, offset, width, none ^ 1);
    if says && !others { Some(Niche { offset, width, none }) } else { None }
}

const fn says_none<T: Mappable>(fill: u8, offset: usize, width: usize, number: u128) -> bool {
    let probe = Probe::<Option<T>>::with_bytes(fill, offset, width, number);
    // SAFETY: part of the constant that describes `Option<T>`; the match reads the tag alone.
    unsafe { probe.get() }.is_none()
}

const fn cut(number: u128, width: usize) -> u128 {
    if width >= 16 { number } else { number & ((1 << (width * 8)) - 1) }
}

const fn either(one: Option<Niche>, other: Option<Niche>) -> Option<Niche> {
    if one.is_some() { one } else { other }
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
