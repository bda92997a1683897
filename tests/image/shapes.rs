//! Descriptions of types, compared with what the compiler does.

// Most types are here for their description alone.
#![allow(dead_code)]

use crate::program;
use permacode::{Link, Mappable, Name, Permanent, Sites};
use std::marker::PhantomData;
use std::mem::offset_of;
use std::num::NonZero;

fn shape<T: Mappable>() -> String {
    T::SHAPE.to_string()
}

#[derive(Permanent, Mappable)]
struct Code<'a> {
    flag: bool,
    name: Name<'a>,
    ops: &'a [u8],
    consts: &'a [Const<'a>],
    sites: Sites,
    parent: Link<'a, Code<'a>>,
    line: Option<NonZero<u32>>,
}

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Const<'a> {
    Nil,
    Int(i64) = 7,
    Pair { small: u8, large: u64 },
    Str(&'a str),
    Code(&'a Code<'a>) = 200,
}

#[test]
fn fields_lie_where_the_compiler_has_put_them() {
    let expected = format!(
        "struct Code {{ flag: bool at {}, name: Name at {}, ops: &[u8] at {}, consts: &[Const] at {}, sites: Sites at {}, parent: Link<Code> \
         at {}, line: Option<NonZero<u32>> at {} }} ({} bytes, align 8)",
        offset_of!(Code<'_>, flag),
        offset_of!(Code<'_>, name),
        offset_of!(Code<'_>, ops),
        offset_of!(Code<'_>, consts),
        offset_of!(Code<'_>, sites),
        offset_of!(Code<'_>, parent),
        offset_of!(Code<'_>, line),
        size_of::<Code<'_>>(),
    );
    assert_eq!(shape::<Code<'_>>(), expected);
}

#[test]
fn the_fields_of_a_variant_lie_as_the_language_says() {
    assert_eq!(
        shape::<Const<'_>>(),
        "enum Const { Nil = 0, Int = 7 { 0: i64 at 8 }, Pair = 8 { small: u8 at 1, large: u64 at 8 }, Str = 9 { 0: &str at 8 }, \
         Code = 200 { 0: &Code at 8 } }, tag of 1 (24 bytes, align 8)"
    );
}

#[derive(Permanent, Mappable)]
#[repr(i16)]
enum Signed {
    Low = -3,
    Next,
    High = i16::MAX,
}

#[derive(Permanent, Mappable)]
#[repr(u64)]
enum Wide {
    Last = BASE + 1,
    First = 0,
}

const BASE: u64 = u64::MAX - 1;

#[test]
fn tags_may_be_negative_and_named_by_constants_and_as_wide_as_a_word() {
    let _ = (Signed::Low, Signed::High, Wide::Last, Wide::First);
    assert_eq!(
        shape::<Signed>(),
        "enum Signed { Low = 65533, Next = 65534, High = 32767 }, tag of 2 (2 bytes, align 2)"
    );
    assert_eq!(Signed::Next as i16, -2);
    assert_eq!(shape::<Wide>(), "enum Wide { Last = 18446744073709551615, First = 0 }, tag of 8 (8 bytes, align 8)");
}

#[derive(Permanent, Mappable)]
struct Pair<A, B> {
    first: A,
    second: B,
}

#[derive(Permanent, Mappable)]
struct Fixed<T: Copy, const N: usize>([T; N]);

#[derive(Permanent, Mappable)]
struct Nothing;

#[derive(Permanent, Mappable)]
struct Tagged<'a, T>(&'a [T], PhantomData<T>);

#[test]
fn types_with_parameters_are_described_for_each_argument() {
    let pair = shape::<Pair<u16, &[char]>>();
    assert!(pair.contains("first: u16 at") && pair.contains("second: &[char] at"), "{pair}");
    assert_eq!(shape::<Fixed<u16, 3>>(), "struct Fixed { 0: [u16; 3] at 0 } (6 bytes, align 2)");
    assert_eq!(shape::<Nothing>(), "struct Nothing (0 bytes, align 1)");
    assert!(shape::<Tagged<'_, (u8, u32)>>().starts_with("struct Tagged { 0: &[(,)] at 0, 1: PhantomData at "));
}

#[derive(Permanent, Mappable)]
#[repr(i8)]
enum Around {
    Minus = -1,
    Zero,
    Plus,
}

#[test]
fn an_option_is_described_if_it_is_as_large_as_its_value() {
    let _ = (Around::Minus, Around::Zero, Around::Plus);
    for (described, size) in [
        (shape::<Option<&u8>>(), 8),
        (shape::<Option<&[u8]>>(), 16),
        (shape::<Option<&str>>(), 16),
        (shape::<Option<Name<'_>>>(), 16),
        (shape::<Option<char>>(), 4),
        (shape::<Option<NonZero<u128>>>(), 16),
        (shape::<Option<Option<bool>>>(), 1),
        (shape::<Option<Signed>>(), 2),
        (shape::<Option<Const<'_>>>(), 24),
        (shape::<Option<Pair<u64, &u8>>>(), 16),
        (shape::<Option<(u32, Around)>>(), 8),
        (shape::<Option<Code<'_>>>(), size_of::<Code<'_>>()),
    ] {
        assert!(described.contains(&format!("({size} bytes")), "{described}");
    }
}

/// Names that the derive's output has, or could take for others.
#[allow(non_camel_case_types, non_upper_case_globals, dead_code)]
mod hostile {
    use permacode::{Mappable, Permanent};

    pub struct u8;
    pub struct u64;
    pub struct usize;
    pub enum Option {}
    pub const __field_0: i32 = 1;
    pub const __zeros: i32 = 2;
    pub const lifetime: i32 = 3;
    pub mod core {}
    const ONE: i8 = 1;

    #[derive(Permanent, Mappable)]
    #[repr(u8)]
    pub enum Tag<'__at, F: Permanent + Mappable, T: Permanent + Mappable> {
        __TAG(F),
        Shape { r#self_: &'__at T, field_0: bool } = 7,
    }

    #[derive(Permanent, Mappable)]
    #[repr(i8)]
    pub enum __value {
        r#match = -ONE,
        __fields,
        __ones(bool),
    }

    #[derive(Permanent, Mappable)]
    pub struct __Lifetime<'a, const __same: ::core::primitive::usize> {
        pub r#type: &'a str,
        pub __value: [bool; __same],
    }
}

#[test]
fn names_that_the_output_has_mean_what_they_mean() {
    assert!(
        shape::<hostile::Tag<'_, bool, char>>()
            .starts_with("enum Tag { __TAG = 0 { 0: bool at 1 }, Shape = 7 { self_: &char at 8")
    );
    assert!(
        shape::<hostile::__value>()
            .starts_with("enum __value { match = 255, __fields = 0, __ones = 1 { 0: bool at 1 } }")
    );
    let named = shape::<hostile::__Lifetime<'_, 3>>();
    assert!(named.contains(" type: &str at ") && named.contains("__value: [bool; 3] at "), "{named}");
}

#[derive(Clone, Copy, Debug, PartialEq, Permanent, Mappable)]
#[repr(u16)]
enum Uneven {
    Short(u8),
    Long([u8; 24]),
}

#[derive(Clone, Copy, Debug, PartialEq, Permanent, Mappable)]
struct Mixed<'a> {
    number: u64,
    uneven: Uneven,
    text: &'a str,
    flag: Option<bool>,
    nested: Option<(char, Option<Uneven>)>,
}

// Which of several places says `None`, and by which number, is the compiler's choice: another one with another compiler.
#[test]
fn an_option_of_a_value_with_many_places_for_none_is_kept() {
    let arena = permacode::CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let long = Uneven::Long([7; 24]);
    let mixed = |uneven, flag, nested| Some(Mixed { number: 1, uneven, text: "text", flag, nested });
    let values = [
        None,
        mixed(Uneven::Short(1), None, None),
        mixed(long, Some(true), Some(('ß', None))),
        mixed(Uneven::Short(2), Some(false), Some(('x', Some(long)))),
    ];
    let kept: &&[Option<Mixed<'_>>] = loader.alloc(loader.alloc_slice_copy(&values).unwrap()).unwrap();
    loader.seal().unwrap();
    let file = permacode::image::ImageWriter::new(&arena).root("values", kept).unwrap().seal().unwrap();
    let image = permacode::image::Image::open_sealed(file).unwrap().check::<&[Option<Mixed<'_>>]>().unwrap();
    for code in [image.open().unwrap(), program::elsewhere(&image)] {
        assert_eq!(*code.root::<&[Option<Mixed<'_>>]>("values").unwrap(), values);
    }
}
