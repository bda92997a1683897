//! Fingerprints: equal where the types mean the same and are laid out alike, unequal otherwise.

// The types are here for their fingerprints alone.
#![allow(dead_code)]

use permacode::image::Fingerprint;
use permacode::{Link, Mappable, Permanent};

/// A type in a module of its own, so that several can have one name.
macro_rules! variants {
    ($($module:ident { $($item:tt)* })*) => { $(
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            #[derive(Permanent, Mappable)]
            $($item)*
        }
    )* };
}

variants! {
    one { #[repr(C)] pub struct T { pub a: u32, pub b: u32 } }
    same { #[repr(C)] pub struct T { pub a: u32, pub b: u32 } }
    swapped { #[repr(C)] pub struct T { pub b: u32, pub a: u32 } }
    wider { #[repr(C)] pub struct T { pub a: u32, pub b: u64 } }
    signed { #[repr(C)] pub struct T { pub a: u32, pub b: i32 } }
    renamed { #[repr(C)] pub struct T { pub a: u32, pub c: u32 } }
    nested { #[repr(C)] pub struct T { pub a: (u32, u32) } }
    state { #[repr(u8)] pub enum S { Off, On } }
    state_again { #[repr(u8)] pub enum S { Off = 0, On = 1 } }
    state_valued { #[repr(u8)] pub enum S { Off, On = 2 } }
    state_renamed { #[repr(u8)] pub enum S { Off, Up } }
    state_wide { #[repr(u16)] pub enum S { Off, On } }
    to_state { pub struct R<'a>(pub &'a state::S); }
    to_other { pub struct R<'a>(pub &'a state_valued::S); }
    to_list { pub struct R<'a>(pub &'a [state::S]); }
}

#[test]
fn the_same_declaration_has_the_same_fingerprint() {
    assert_eq!(Fingerprint::of::<one::T>(), Fingerprint::of::<same::T>());
    assert_eq!(Fingerprint::of::<state::S>(), Fingerprint::of::<state_again::S>());
}

#[test]
fn a_name_a_width_a_sign_an_order_and_a_value_each_change_the_fingerprint() {
    let all = [
        Fingerprint::of::<one::T>(),
        Fingerprint::of::<swapped::T>(),
        Fingerprint::of::<wider::T>(),
        Fingerprint::of::<signed::T>(),
        Fingerprint::of::<renamed::T>(),
        Fingerprint::of::<nested::T>(),
        Fingerprint::of::<state::S>(),
        Fingerprint::of::<state_valued::S>(),
        Fingerprint::of::<state_renamed::S>(),
        Fingerprint::of::<state_wide::S>(),
        Fingerprint::of::<to_state::R<'_>>(),
        Fingerprint::of::<to_other::R<'_>>(),
        Fingerprint::of::<to_list::R<'_>>(),
        Fingerprint::of::<&str>(),
        Fingerprint::of::<&[u8]>(),
        Fingerprint::of::<Option<&u8>>(),
        Fingerprint::of::<&u8>(),
    ];
    for (i, one) in all.iter().enumerate() {
        assert_eq!(all.iter().position(|other| other == one), Some(i));
    }
}

#[derive(Permanent, Mappable)]
#[repr(C)]
struct Even<'a> {
    next: Link<'a, Odd<'a>>,
}

#[derive(Permanent, Mappable)]
#[repr(C)]
struct Odd<'a> {
    next: Link<'a, Even<'a>>,
    text: &'a str,
}

// soundness S38: the number stands here, so a build at another level of optimisation, or by another compiler, that found another one fails.
#[test]
fn a_fingerprint_is_the_same_in_every_build() {
    assert_eq!(
        Fingerprint::of::<Even<'_>>().to_string(),
        "f944e916e5a71ef336173d6e37d5f9e2b0531b360c4d256f559619eb0723ffc6"
    );
    assert_ne!(Fingerprint::of::<Even<'_>>(), Fingerprint::of::<Odd<'_>>());
}

// A type that is another one is refused with the field that differs, also where it lies below the root's type.
#[test]
fn a_root_of_another_layout_says_which_field_differs() {
    mod there {
        #[derive(permacode::Permanent, permacode::Mappable)]
        #[repr(C)]
        pub struct Line {
            pub number: u16,
            pub column: u16,
        }

        #[derive(permacode::Permanent, permacode::Mappable)]
        #[repr(C)]
        pub struct Code<'a> {
            pub name: &'a str,
            pub lines: &'a [Line],
        }
    }
    mod here {
        #[derive(permacode::Permanent, permacode::Mappable)]
        #[repr(C)]
        pub struct Line {
            pub number: u32,
            pub column: u16,
        }

        #[derive(permacode::Permanent, permacode::Mappable)]
        #[repr(C)]
        pub struct Code<'a> {
            pub name: &'a str,
            pub lines: &'a [Line],
        }
    }
    use permacode::CodeArena;
    use permacode::image::{Image, ImageError, ImageWriter};
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let lines = loader.alloc_slice_fill_iter([there::Line { number: 1, column: 2 }]).unwrap();
    let code = loader.alloc(there::Code { name: "m", lines }).unwrap();
    loader.seal().unwrap();
    let image = Image::open_sealed(ImageWriter::new(&arena).root("main", code).unwrap().seal().unwrap()).unwrap();
    let opened = image.check::<there::Code<'_>>().unwrap().open().unwrap();
    assert_eq!(opened.root::<there::Code<'_>>("main").unwrap().lines[0].column, 2);
    let refused = opened.root::<here::Code<'_>>("main").err().unwrap();
    assert!(matches!(&refused, ImageError::Type(mismatch) if mismatch.differs.is_some()));
    assert_eq!(
        refused.to_string(),
        "the root is another `Code` than this program's: `Line` has `number: u16 at 0` in the image, and \
         `number: u32 at 0` here. Write the image anew with this program"
    );
}

#[test]
fn a_field_that_differs_is_found_in_what_arrays_are_made_of() {
    macro_rules! types {
        ($number:ty) => {
            #[derive(permacode::Permanent, permacode::Mappable)]
            #[repr(C)]
            pub struct Line {
                pub number: $number,
            }

            #[derive(permacode::Permanent, permacode::Mappable)]
            #[repr(C)]
            pub struct Code<'a> {
                pub pairs: &'a [[Line; 2]],
            }
        };
    }
    mod there {
        types!(u16);
    }
    mod here {
        types!(i16);
    }
    use permacode::CodeArena;
    use permacode::image::{Image, ImageWriter};
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let line = |number| there::Line { number };
    let pairs = loader.alloc_slice_fill_iter([[line(1), line(2)]]).unwrap();
    let code = loader.alloc(there::Code { pairs }).unwrap();
    loader.seal().unwrap();
    let image = Image::open_sealed(ImageWriter::new(&arena).root("main", code).unwrap().seal().unwrap()).unwrap();
    let opened = image.check::<there::Code<'_>>().unwrap().open().unwrap();
    assert_eq!(opened.root::<there::Code<'_>>("main").unwrap().pairs[0][1].number, 2);
    let refused = opened.root::<here::Code<'_>>("main").err().unwrap().to_string();
    assert!(refused.contains("`Line` has `number: u16 at 0` in the image, and `number: i16 at 0` here"), "{refused}");
}
