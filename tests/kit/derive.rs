//! The derive: every field is shown, by whatever name and type, and what leads nowhere is known to.

use crate::heap;
use permacode::kit::Collect;
use permacode::{Gc, HeapArena};
use std::cell::Cell;
use std::marker::PhantomData;
use std::time::Instant;

/// The objects that a value leads to, itself not counted.
fn reached<T: Collect>(heap: &HeapArena, value: &T) -> usize {
    heap.mark_from(|marker| marker.trace(value)).unwrap();
    let mut count = 0;
    heap.walk(|object, _| count += usize::from(heap.is_marked(object.as_ptr())));
    heap.clear_marks();
    count
}

#[derive(Collect)]
struct Unit;

#[derive(Collect)]
struct Tuple<'h>(u8, Gc<'h, u8>, Cell<Gc<'h, u8>>);

#[derive(Collect)]
enum Never {}

#[derive(Collect)]
enum Shapes<'h, T, const N: usize> {
    Unit,
    One(Gc<'h, T>),
    Named { first: [Option<T>; N], r#type: Gc<'h, [u8]> },
}

#[derive(Collect)]
struct Bounded<'h, T: Clone, U>
where
    U: Copy,
{
    one: Gc<'h, T>,
    two: U,
    nothing: PhantomData<fn(&'h u8)>,
}

#[derive(Collect)]
struct Nested<'h> {
    shapes: Shapes<'h, Tuple<'h>, 2>,
    own: Option<Gc<'h, Nested<'h>>>,
}

#[test]
fn each_field_of_each_variant_is_shown() {
    let heap = heap();
    let new = |number: u8| Gc::new(&heap, number).unwrap();
    let tuple = |number| Tuple(number, new(number), Cell::new(new(number)));
    assert_eq!(reached(&heap, &Unit), 0);
    assert_eq!(reached(&heap, &None::<Never>), 0);
    assert_eq!(reached(&heap, &tuple(1)), 2);
    assert_eq!(reached(&heap, &Shapes::<u8, 0>::Unit), 0);
    let one = Shapes::<_, 1>::One(Gc::new(&heap, tuple(2)).unwrap());
    assert_eq!(reached(&heap, &one), 3);
    let named = || Shapes::Named { first: [Some(tuple(3)), None], r#type: Gc::copy_slice(&heap, &[1]).unwrap() };
    assert_eq!(reached(&heap, &named()), 3);
    let inner = Gc::new(&heap, Nested { shapes: Shapes::One(Gc::new(&heap, tuple(4)).unwrap()), own: None }).unwrap();
    assert_eq!(reached(&heap, &Nested { shapes: named(), own: Some(inner) }), 3 + 1 + 3);
    assert_eq!(reached(&heap, &Bounded { one: new(5), two: new(6), nothing: PhantomData }), 2);
    let count = |value: Shapes<'_, u8, 0>| match value {
        Shapes::Unit => 0,
        Shapes::One(value) => usize::from(*value),
        Shapes::Named { first, r#type } => first.len() + r#type.len(),
    };
    assert_eq!(count(Shapes::One(new(9))) + tuple(1).0 as usize + usize::from(*tuple(1).1), 11);
}

/// A foreign type's handler.
type Handler = fn(&mut Vec<u8>);

#[derive(Collect)]
struct Native<'h> {
    spelled: fn(&mut Vec<u8>, &'h str) -> Result<(), String>,
    #[collect(plain)]
    alias: Handler,
    #[collect(plain)]
    since: Instant,
    #[collect(unsafe_skip)]
    raw: *const u8,
    object: Gc<'h, u8>,
}

#[test]
fn fields_with_an_attribute_and_pointers_to_functions_are_passed_over() {
    let heap = heap();
    let object = Gc::new(&heap, 7).unwrap();
    let native =
        Native { spelled: |_, _| Ok(()), alias: Vec::clear, since: Instant::now(), raw: Gc::as_ptr(object), object };
    assert_eq!(reached(&heap, &native), 1);
    let mut bytes = vec![1];
    (native.alias)(&mut bytes);
    assert!((native.spelled)(&mut bytes, "").is_ok() && bytes.is_empty() && !native.raw.is_null());
    assert!(native.since.elapsed().as_secs() < 1000);
}

#[test]
fn types_that_lead_nowhere_are_known_to() {
    #[derive(Collect)]
    struct Plain {
        #[collect(plain)]
        _since: Instant,
        _call: fn(&mut u8),
        _numbers: ([u64; 4], Option<f64>, char),
        _text: &'static str,
    }
    let nowhere = [
        <Plain as Collect>::LEADS,
        <Unit as Collect>::LEADS,
        <Never as Collect>::LEADS,
        <[Option<Plain>; 3] as Collect>::LEADS,
        <(u8, Cell<Plain>) as Collect>::LEADS,
    ];
    let somewhere = [
        <Shapes<'_, u8, 1> as Collect>::LEADS,
        <Tuple<'_> as Collect>::LEADS,
        <Nested<'_> as Collect>::LEADS,
        <Native<'_> as Collect>::LEADS,
    ];
    assert_eq!((nowhere, somewhere), ([false; 5], [true; 4]));
}

#[test]
fn the_derive_minds_no_name_of_the_users() {
    mod kit {
        pub(super) use permacode::kit;
    }
    #[allow(dead_code, non_upper_case_globals)]
    const __field_0: u8 = 0;
    #[allow(dead_code, non_upper_case_globals)]
    static value: u8 = 0;
    #[allow(dead_code)]
    struct Option;
    #[allow(dead_code)]
    trait Collect {}
    #[derive(permacode::kit::Collect)]
    #[collect(crate = "kit")]
    struct Odd<'h, __F, F> {
        __value: Gc<'h, __F>,
        marker: Gc<'h, F>,
        with: u8,
    }
    let heap = heap();
    let new = |number: u8| Gc::new(&heap, number).unwrap();
    let odd = Odd { __value: new(1), marker: new(2), with: __field_0 + value };
    assert_eq!((reached(&heap, &odd), *odd.__value + *odd.marker + odd.with), (2, 3));
}
