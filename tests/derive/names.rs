//! soundness S10: the derive's output names everything in full.

use super::Permanent as Derive;

mod elsewhere {
    pub(super) mod deep {
        pub(in super::super) use permacode::{Permanent, code};
    }
}

#[derive(Derive)]
#[permanent(crate = "elsewhere::deep")]
struct Renamed<'a, T, U: Clone>(&'a T, U);

#[test]
fn the_crate_may_be_reached_by_another_path() {
    let value = Renamed(&1, 'x');
    assert_eq!((value.0, value.1), (&1, 'x'));
    assert!(super::permanent::<Renamed<'_, u8, char>>());
}

#[derive(Derive)]
#[allow(nonstandard_style)]
struct r#struct<'r#fn, r#type, const r#const: usize> {
    r#match: &'r#fn [r#type; r#const],
    r#static: r#union,
}

#[derive(Derive)]
#[allow(non_camel_case_types)]
enum r#union {
    r#enum { r#mod: u8 },
}

#[test]
fn raw_identifiers_are_names_as_any_other() {
    let value = r#struct { r#match: &[1; 2], r#static: r#union::r#enum { r#mod: 3 } };
    let r#union::r#enum { r#mod } = value.r#static;
    assert_eq!((value.r#match, r#mod), (&[1; 2], 3));
}

/// Everything that the output uses or defines exists here as something else.
#[allow(dead_code, non_upper_case_globals, non_camel_case_types)]
#[no_implicit_prelude]
mod hostile {
    mod core {}
    mod std {}
    mod permacode {}
    struct Option;
    struct Result;
    struct __Plain;
    struct __MustBePermanent;
    struct __Quiet;
    struct N;
    struct F;
    struct R;
    trait Send {}
    trait Sized {}
    trait Drop {}
    trait Permanent {}
    trait __FieldsArePermanent {}
    fn __must_be_permanent() {}
    fn __type_of() {}
    const value: u8 = 0;
    static __at: u8 = 0;

    #[derive(::permacode::Permanent)]
    pub(super) struct Struct<'__at, 'a, F, R: ::core::clone::Clone, const N: usize> {
        pub(super) value: [&'__at F; N],
        pub(super) __field_0: &'a R,
        pub(super) __must_be_permanent: fn(&u8) -> u8,
        pub(super) __type_of: __Field<'a>,
    }

    #[derive(::permacode::Permanent)]
    pub(super) enum __Field<'a> {
        Some(u8),
        None,
        Permanent { at: &'a str },
        At,
        Drop(u8),
    }
}

#[test]
fn the_output_depends_on_no_name_in_scope_and_on_no_prelude() {
    let value = hostile::Struct {
        value: [&1_u8],
        __field_0: &'a',
        __must_be_permanent: |byte| *byte,
        __type_of: hostile::__Field::Permanent { at: "x" },
    };
    assert_eq!((*value.value[0], *value.__field_0, (value.__must_be_permanent)(&2)), (1, 'a', 2));
    assert!(matches!(value.__type_of, hostile::__Field::Permanent { at: "x" }));
    assert!(super::permanent::<hostile::Struct<'_, '_, u8, char, 3>>());
}

#[test]
fn a_type_inside_a_function_may_be_permanent() {
    #[derive(Derive)]
    struct Local<'a>(&'a Inner);
    #[derive(Derive)]
    struct Inner(u8);
    assert!(super::permanent::<Local<'_>>());
    assert_eq!(Local(&Inner(1)).0.0, 1);
}
