//! Structs and enums of every shape.

use super::*;

#[derive(Permanent, Debug, PartialEq)]
struct Unit;

#[derive(Permanent)]
struct Empty {}

#[derive(Permanent)]
struct Pair<'a>(&'a str, (u8, [char; 2]));

#[derive(Permanent)]
enum Never {}

#[derive(Permanent)]
#[repr(u8, align(4))]
enum Mixed<'a> {
    Unit = 7,
    Braced {
        text: &'a str,
        unit: Unit,
    },
    Tuple(NonZero<u16>, Option<&'a Mixed<'a>>),
    #[allow(dead_code)]
    Impossible(Never),
}

#[test]
fn structs_and_enums_of_every_shape_are_permanent() {
    assert!(permanent::<Unit>() && permanent::<Empty>() && permanent::<Pair<'_>>() && permanent::<Never>());
    let _ = Empty {};
    let last = Mixed::Braced { text: "end", unit: Unit };
    let first = Mixed::Tuple(NonZero::<u16>::MIN, Some(&last));
    let Mixed::Tuple(number, Some(Mixed::Braced { text, unit })) = &first else { panic!() };
    assert_eq!((number.get(), *text, unit), (1, "end", &Unit));
    assert!(!matches!(Mixed::Unit, Mixed::Impossible(_)));
    let Pair(text, (number, [a, b])) = Pair("x", (1, ['a', 'b']));
    assert_eq!((text, number, a, b), ("x", 1, 'a', 'b'));
}

#[derive(Permanent)]
struct Niche<'a>(&'a u8);

#[test]
fn deriving_keeps_the_niche() {
    assert_eq!(*Niche(&1).0, 1);
    assert_eq!(size_of::<Option<Niche<'_>>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<<Niche<'_> as Permanent>::At<'static>>>(), size_of::<usize>());
}

#[derive(Permanent)]
struct Configured {
    #[cfg(any())]
    _gone: std::cell::Cell<u8>,
    #[cfg(not(any()))]
    kept: u8,
}

#[test]
fn only_the_fields_that_are_configured_count() {
    assert_eq!(Configured { kept: 1 }.kept, 1);
    assert!(permanent::<Configured>());
}
