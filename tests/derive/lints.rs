//! The output passes a strict user's lints.
#![deny(warnings, missing_docs, unreachable_pub, unused, nonstandard_style)]
#![deny(rust_2018_idioms, single_use_lifetimes, unused_lifetimes, unused_qualifications, let_underscore_drop)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::undocumented_unsafe_blocks)]

use permacode::Permanent;

/// Documented.
#[derive(Permanent, Debug)]
#[deprecated]
pub struct Old<'a, T> {
    /// Documented.
    pub first: &'a T,
    /// Documented.
    #[deprecated]
    pub second: fn(&u8, Elided<'_>) -> u8,
}

/// Documented.
#[derive(Permanent, Debug, Clone, Copy)]
#[allow(nonstandard_style)]
pub enum odd<'X, t, const n: usize> {
    /// Documented.
    Only(&'X [t; n]),
    /// Documented.
    Never(core::marker::PhantomData<t>, Impossible),
}

/// Documented.
#[derive(Permanent, Debug, Clone, Copy)]
pub enum Impossible {}

/// Documented.
#[derive(Permanent, Debug, Clone, Copy)]
pub struct Elided<'a>(pub &'a str);

/// Documented.
#[derive(Permanent, Debug, Clone, Copy)]
pub struct Call(pub fn(Elided<'_>) -> usize);

/// Documented.
#[derive(Permanent, Debug)]
#[allow(elided_lifetimes_in_paths, unused_qualifications)]
pub struct Repeated<T: core::marker::Copy>(pub fn(Elided, T) -> usize);

#[test]
fn lints_have_nothing_to_say_about_the_output() {
    assert_eq!(Call(|text| text.0.len()).0(Elided("four")), 4);
    assert!(super::permanent::<odd<'_, u8, 3>>());
}
