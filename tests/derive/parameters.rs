//! Lifetimes, type parameters and constants, and what becomes of them in `At`.

use super::*;

#[derive(Permanent)]
#[allow(explicit_outlives_requirements)]
struct TwoLifetimes<'long: 'short, 'short> {
    short: &'short &'long str,
    forever: &'static str,
}

#[test]
fn every_lifetime_becomes_the_new_one_and_static_stays() {
    fn check<'a: 'b, 'b, 'x>() {
        same_type::<<TwoLifetimes<'a, 'b> as Permanent>::At<'x>, TwoLifetimes<'x, 'x>>();
    }
    check();
    let value = TwoLifetimes { short: &"short", forever: "forever" };
    assert_eq!((*value.short, value.forever), ("short", "forever"));
}

#[derive(Permanent)]
struct Slots<'a, T, const N: usize, const UNUSED: bool = false> {
    slots: [Option<&'a T>; N],
}

#[test]
fn type_parameters_go_along_and_constants_stay() {
    fn check<'a, 'x>() {
        same_type::<<Slots<'a, &'a str, 3> as Permanent>::At<'x>, Slots<'x, &'x str, 3>>();
        same_type::<<Slots<'a, u8, 3, true> as Permanent>::At<'x>, Slots<'x, u8, 3, true>>();
    }
    check();
    assert_eq!(Slots::<_, 2> { slots: [None, Some(&1)] }.slots[1], Some(&1));
}

/// The tag keeps its `Copy`, hence has no lifetime; the payload goes along.
#[derive(Permanent)]
struct Tagged<Tag: Copy + Into<u32>, Payload>
where
    Payload: Send,
{
    tag: Tag,
    payload: Payload,
}

#[test]
fn a_parameter_with_a_bound_of_its_own_stays_what_it_is() {
    fn check<'a, 'x, T: 'static + for<'y> Permanent<At<'y> = T> + Copy + Into<u32>>() {
        same_type::<<Tagged<u8, &'a str> as Permanent>::At<'x>, Tagged<u8, &'x str>>();
        same_type::<<Tagged<T, &'a str> as Permanent>::At<'x>, Tagged<T, &'x str>>();
    }
    check::<char>();
    let value = Tagged { tag: 'a', payload: "text" };
    assert_eq!((value.tag.into(), value.payload), (97_u32, "text"));
}

trait Machine {
    type Op: Permanent;
}

trait Lookup<'k> {}
impl Lookup<'_> for u8 {}

#[derive(Permanent)]
struct Generic<'a, M: Machine, K: for<'k> Lookup<'k>, T: ?Sized>(&'a [M::Op], K, PhantomData<T>)
where
    Self: Sized,
    T: 'a,
    PhantomData<T>: Sized;

struct Toy;
impl Machine for Toy {
    type Op = u16;
}

// A machine is a name for types, never a value; so it need not be more than permanent.
#[derive(Permanent)]
struct Named<M: Machine>(M::Op, PhantomData<M>);

#[derive(Permanent)]
struct Wasm;
impl Machine for Wasm {
    type Op = u8;
}

#[test]
fn associated_types_may_be_fields() {
    assert!(permanent::<Generic<'_, Wasm, u8, ()>>());
    assert_eq!(Generic::<Toy, u8, ()>(&[1], 2, PhantomData).0, [1]);
    assert!(permanent::<Named<Wasm>>());
    assert_eq!(Named::<Wasm>(3, PhantomData).0, 3);
}

/// Every parameter keeps its bound, hence has no lifetime; the type has one.
#[derive(Permanent)]
struct Keyed<'a, K: Copy + Ord, V: Clone>(&'a [K], Option<&'a V>);

/// Bounds by traits that `Permanent` implies leave the lifetimes of a parameter alone, however they are written.
#[derive(Permanent)]
struct Shared<'a, T: Send + ::core::marker::Sync, U>(&'a T, U)
where
    U: Permanent + Sized,
    T: Sync;

#[test]
fn bounds_stand_beside_lifetimes() {
    fn check<'a, 'x, T: Permanent + 'a, U: Permanent + 'a>() {
        same_type::<<Keyed<'a, u8, char> as Permanent>::At<'x>, Keyed<'x, u8, char>>();
        same_type::<<Shared<'a, &'a str, T> as Permanent>::At<'x>, Shared<'x, &'x str, T::At<'x>>>();
        assert!(super::permanent::<Shared<'a, T, Shared<'a, U, &'a [T]>>>());
    }
    check::<u8, &str>();
    assert!(super::permanent::<Keyed<'_, u8, char>>());
    let (key, value) = ([1], 'v');
    let keyed = Keyed(&key, Some(&value));
    assert_eq!((keyed.0, keyed.1, Shared(&"a", 2).1), (&[1][..], Some(&'v'), 2));
}

/// What a type without parameters gets from the derive, one with parameters has as its parameters have it.
#[test]
fn types_are_sent_to_threads_as_their_parameters_are() {
    fn sent<T: Send + Sync>() {}
    sent::<TwoLifetimes<'_, '_>>();
    sent::<Keyed<'_, u8, char>>();
    sent::<Slots<'_, Vec<String>, 2>>(); // not permanent, and sent all the same
    static_assertions::assert_not_impl_any!(Keyed<'static, u8, std::cell::Cell<u8>>: Send, Sync);
    static_assertions::assert_impl_all!(Tagged<u8, std::cell::Cell<u8>>: Send);
    static_assertions::assert_not_impl_any!(Tagged<u8, std::cell::Cell<u8>>: Sync);
}
