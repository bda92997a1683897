//! soundness S10: `#[derive(Permanent)]` in a crate that calls other things by the names of the standard library and of the derive's
//! output.
#![forbid(unsafe_code)]
#![allow(dead_code, nonstandard_style, unused_extern_crates, unused_macros)]

// Crates under the names that output of macros usually begins with.
extern crate permacode as alloc;
extern crate permacode as core;
extern crate self as std;
extern crate std as standard;

#[no_implicit_prelude]
mod hostile {
    macro_rules! assert { ($($any:tt)*) => { a macro of the users } }
    macro_rules! const_assert { ($($any:tt)*) => { a macro of the users } }
    macro_rules! matches { ($($any:tt)*) => { a macro of the users } }
    macro_rules! panic { ($($any:tt)*) => { a macro of the users } }
    macro_rules! __tracer { ($($any:tt)*) => { a macro of the users } }
    macro_rules! __must_be_permanent { ($($any:tt)*) => { a macro of the users } }

    pub(super) trait Send {}
    pub(super) trait Sync {}
    pub(super) trait Sized {}
    pub(super) trait Copy {}
    pub(super) trait Drop {}
    pub(super) trait Fn {}
    pub(super) trait Permanent {}
    pub(super) struct Tracer;
    pub(super) struct PhantomData;
    pub(super) enum Option {
        Some,
        None,
    }
    #[allow(unused_imports)]
    use self::Option::{None, Some};
    pub(super) enum Result {}
    pub(super) struct Self_;
    mod marker {}
    mod mem {}
    mod ops {}
    mod permacode {}
    mod __core {}

    // What the output binds, as constants, statics and constructors, and what it defines, as other items.
    const __tracer: u8 = 0;
    static __value: u8 = 0;
    const __field_0: u8 = 0;
    static __field_1: u8 = 0;
    struct __field_2;
    struct __F;
    struct __T;
    trait __PermanentTypesMustNotImplementDrop {}
    trait __must_be_permanent {}
    fn __plain_must_be_copy_send_sync_and_static() {}
    struct __Plain;
    struct __Fine;
    trait __Quiet {}
    fn __show() {}
    fn __field_must_be_permanent() {}
    fn __both() {}
    fn __permanent_implies_send_and_sync() {}

    #[derive(::permacode::Permanent)]
    pub(super) struct Struct<'a> {
        pub(super) name: &'a str,
        pub(super) call: fn(&u8) -> u8,
        #[permanent(plain)]
        pub(super) third: [u8; 3],
    }

    #[derive(::standard::clone::Clone, ::standard::marker::Copy, ::permacode::Permanent)]
    #[permanent(plain)]
    #[repr(C, packed)]
    pub(super) struct Packed<T>(pub(super) u8, pub(super) T);

    #[derive(::permacode::Permanent)]
    pub(super) enum Choice<'a, T> {
        Some(&'a T),
        Permanent { call: fn(&u8) -> u8, tracer: T },
        None,
    }

    // The user's own traits of these names hold for the parameter, at every lifetime.
    impl Send for &str {}
    impl Sync for &str {}
    impl Permanent for &str {}

    #[derive(::permacode::Permanent)]
    pub(super) struct Bounded<'a, T: Send, U>(pub(super) &'a T, pub(super) U)
    where
        U: Sync + Permanent;
}

#[test]
fn names_of_the_scope_mean_nothing_to_the_output() {
    let value = hostile::Struct { name: "name", call: |byte| *byte, third: [3; 3] };
    assert_eq!((value.name, (value.call)(&2), value.third), ("name", 2, [3; 3]));
    assert!(permanent::<hostile::Struct<'_>>() && permanent::<hostile::Choice<'_, &str>>());
    assert!(permanent::<hostile::Packed<u32>>() && size_of::<hostile::Packed<u32>>() == 5);
    let hostile::Bounded(first, second) = hostile::Bounded(&"first", "second");
    assert_eq!((*first, second), ("first", "second"));
    assert!(permanent::<hostile::Bounded<'_, &str, &str>>());
}

/// Types, parameters and variants with the names of the output's own.
mod own {
    #[derive(::permacode::Permanent)]
    pub struct __FieldType<'__at>(pub &'__at __MustBePermanent);

    #[derive(::permacode::Permanent)]
    pub struct __MustBePermanent {
        pub __field_0: u8,
        pub __tracer: fn(&__FieldType<'_>, &__F<u8, 3>),
    }

    #[derive(::permacode::Permanent)]
    pub struct __F<__T, const __field_0: usize>(pub [__T; __field_0]);

    #[derive(::permacode::Permanent)]
    pub enum __core<'__at, '__at_, __F> {
        __value(&'__at u8),
        __type { __field_1: &'__at_ __F, __field_0: u8 },
    }

    pub type __must_be_permanent = fn(&__core<'_, '_, u8>);

    #[derive(::permacode::Permanent)]
    pub struct Alias(#[permanent(plain)] pub __must_be_permanent);
}

#[test]
fn the_names_of_the_output_are_none_of_the_items() {
    let inner = own::__MustBePermanent { __field_0: 1, __tracer: |_, _| {} };
    assert_eq!(own::__FieldType(&inner).0.__field_0, 1);
    assert_eq!(own::__F::<u8, 2>([1, 2]).0, [1, 2]);
    let value = own::__core::__type::<'_, '_, u8> { __field_1: &1, __field_0: 2 };
    assert!(matches!(value, own::__core::__type { __field_1: 1, __field_0: 2 }));
    (own::Alias(|_| {}).0)(&own::__core::__value(&1));
    assert!(permanent::<own::__FieldType<'_>>() && permanent::<own::__F<&str, 7>>() && permanent::<own::Alias>());
}

/// Types that a macro makes, with names of the macro's and of its caller's.
macro_rules! code {
    ($name:ident<$lifetime:lifetime, $T:ident> { $($field:ident: $ty:ty = $value:expr),* $(,)? }) => {
        #[derive(::permacode::Permanent)]
        pub struct $name<$lifetime, $T, U, const N: usize> {
            $(pub $field: $ty,)*
            own: &$lifetime [U; N],
            call: fn(&u8) -> u8,
        }

        pub fn make<$lifetime, $T>(given: $T) -> $name<$lifetime, $T, u8, 2> {
            let _ = given;
            $name { $($field: $value,)* own: &[1, 2], call: |byte| *byte }
        }
    };
}

mod generated {
    code! { Generated<'a, T> { own_: &'a str = "name", U: Option<&'a T> = None, __field_0: Option<T> = None } }

    pub fn sum(code: &Generated<'_, u8, u8, 2>) -> u8 {
        code.own.iter().map(|byte| (code.call)(byte)).sum()
    }
}

#[test]
fn types_that_a_macro_makes_keep_their_names_apart() {
    let code = generated::make(7u8);
    assert_eq!((code.own_, code.U, code.__field_0, generated::sum(&code)), ("name", None, None, 3));
    assert!(permanent::<generated::Generated<'_, &str, u8, 2>>());
}

fn permanent<T: ::permacode::Permanent>() -> bool {
    size_of::<T>() > 0
}
