//! [`Permanent`] for the types of `core`.

use core::marker::PhantomData;
use core::num::NonZero;

use super::permanent::Permanent;
use super::tracer::Tracer;

/// Types without lifetimes are themselves at every lifetime.
macro_rules! without_lifetimes {
    ($($t:ty),* $(,)?) => { $(
        // SAFETY: a plain value: no cell, no drop glue, no union, no pointer, no lifetime (invariant 2).
        unsafe impl Permanent for $t {
            type At<'x> = $t;

            #[inline]
            fn trace(&self, _: &mut Tracer<'_>) {}
        }
    )* };
}

without_lifetimes!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool, char, ());
without_lifetimes!(NonZero<u8>, NonZero<u16>, NonZero<u32>, NonZero<u64>, NonZero<u128>, NonZero<usize>);
without_lifetimes!(NonZero<i8>, NonZero<i16>, NonZero<i32>, NonZero<i64>, NonZero<i128>, NonZero<isize>);

// SAFETY: the referent is `Permanent`; a shared reference is `Copy`, and covariant in its lifetime and its referent.
unsafe impl<T: Permanent> Permanent for &T {
    type At<'x> = &'x T::At<'x>;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.value(self);
    }
}

// SAFETY: as for `&T`; a slice is its elements and nothing else.
unsafe impl<T: Permanent> Permanent for &[T] {
    type At<'x> = &'x [T::At<'x>];

    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.slice(self);
    }
}

// SAFETY: as for `&[u8]`; `str` has the layout of `[u8]`.
unsafe impl Permanent for &str {
    type At<'x> = &'x str;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.text(self);
    }
}

// SAFETY: an array is its elements, and covariant in them.
unsafe impl<T: Permanent, const N: usize> Permanent for [T; N] {
    type At<'x> = [T::At<'x>; N];

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        self.iter().for_each(|element| element.trace(tracer));
    }
}

// SAFETY: an `Option` is its value and a tag (or the niche of its value), and covariant. An enum, not a union: what it holds can be told.
unsafe impl<T: Permanent> Permanent for Option<T> {
    type At<'x> = Option<T::At<'x>>;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        self.iter().for_each(|value| value.trace(tracer));
    }
}

// SAFETY: no bytes at all. `T: Permanent` keeps out what is invariant (cells, `fn(&'a u8)`): `PhantomData` has the variance of `T`.
unsafe impl<T: Permanent> Permanent for PhantomData<T> {
    type At<'x> = PhantomData<T::At<'x>>;

    #[inline]
    fn trace(&self, _: &mut Tracer<'_>) {}
}

/// Calls `$implement!` with the first name, the first two, and so on.
macro_rules! for_each_prefix {
    ($implement:ident: [$($taken:ident)*]) => {};
    ($implement:ident: [$($taken:ident)*] $next:ident $($rest:ident)*) => {
        $implement!($($taken)* $next);
        for_each_prefix!($implement: [$($taken)* $next] $($rest)*);
    };
}

macro_rules! tuple {
    ($($T:ident)+) => {
        // SAFETY: a tuple is its elements, and covariant in them.
        unsafe impl<$($T: Permanent),+> Permanent for ($($T,)+) {
            type At<'x> = ($($T::At<'x>,)+);

            #[inline]
            fn trace(&self, tracer: &mut Tracer<'_>) {
                // Each name means, within the pattern, the element of that type.
                #[allow(non_snake_case)]
                let ($($T,)+) = self;
                $($T.trace(tracer);)+
            }
        }
    };
}

/// Arguments and result are `'static`, because a pointer is contravariant in its arguments. If `fn(&'a str)` were
/// permanent, it could be read as `fn(&'x str)`, and be called with a string that dies before `'a` ends.
macro_rules! fn_pointers {
    ($($A:ident)*) => {
        fn_pointers!(@abi [fn] $($A)*);
        fn_pointers!(@abi [unsafe fn] $($A)*);
        fn_pointers!(@abi [extern "C" fn] $($A)*);
        fn_pointers!(@abi [unsafe extern "C" fn] $($A)*);
    };
    (@abi [$($fn:tt)+] $($A:ident)*) => {
        // SAFETY: code is never written through a `fn` pointer, which is `Copy` and here has no lifetime but `'static`.
        unsafe impl<R: 'static, $($A: 'static),*> Permanent for $($fn)+($($A),*) -> R {
            type At<'x> = $($fn)+($($A),*) -> R;

            #[inline]
            fn trace(&self, _: &mut Tracer<'_>) {}
        }

        // SAFETY: this holds for no type, because no slice is `Nothing`.
        #[doc(hidden)]
        unsafe impl<R, $($A),*> Permanent for $($fn)+($($A),*) -> R
        where
            [R]: Nothing,
            $($fn)+($($A),*) -> R: Permanent, // so that within this implementation the compiler need not choose
        {
            type At<'x> = ();

            fn trace(&self, _: &mut Tracer<'_>) {}
        }
    };
}

/// A trait that no type has, nor can get: it has no name outside of this file.
///
/// It is in the bounds of a second implementation for each kind of `fn` pointer. That one is for what the compiler says of pointers that
/// take a lifetime with each call. `for<'x> fn(&'x mut Vm)` is no `fn(A)` for any `A`, but the compiler looks at lifetimes last. Where one
/// implementation could be meant it takes that one, and finds it "not general enough", without a word of what to do. Where two could be
/// meant it looks whether they hold before it takes one. Neither does, and it says what [`Permanent`] says of all types that are not.
trait Nothing {}

for_each_prefix!(tuple: [] A B C D E F G H I J K L);
fn_pointers!();
for_each_prefix!(fn_pointers: [] A B C D E F G H I J K L);

#[cfg(test)]
// The lifetimes of the `check` functions are used in their bodies, where clippy does not look.
#[allow(clippy::extra_unused_lifetimes)]
mod tests {
    use super::*;

    /// The one type that is `T` at `'x`. Matching an implementation allows no subtyping, hence lifetimes count.
    trait Is<T> {
        const YES: bool = true;
    }
    impl<T> Is<T> for T {}

    const fn same<A: Is<B>, B>() -> bool {
        A::YES
    }

    #[test]
    fn references_take_the_new_lifetime_at_every_depth() {
        fn check<'a, 'x>() {
            assert!(same::<<&'a &'static u8 as Permanent>::At<'x>, &'x &'x u8>());
            assert!(same::<<&'a [&'static str] as Permanent>::At<'x>, &'x [&'x str]>());
            assert!(same::<<(&'a str, [Option<&'a u8>; 2]) as Permanent>::At<'x>, (&'x str, [Option<&'x u8>; 2])>());
            assert!(same::<<PhantomData<&'a u8> as Permanent>::At<'x>, PhantomData<&'x u8>>());
        }
        check();
    }

    #[test]
    fn values_without_lifetimes_stay_what_they_are() {
        fn check<'x>() {
            assert!(same::<<u128 as Permanent>::At<'x>, u128>());
            assert!(same::<<NonZero<i8> as Permanent>::At<'x>, NonZero<i8>>());
            assert!(same::<<((), f64, char, bool) as Permanent>::At<'x>, ((), f64, char, bool)>());
        }
        check();
    }

    #[test]
    fn tuples_and_fn_pointers_go_to_twelve() {
        type Twelve = (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, &'static str);
        type Pointer = fn(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, &'static str) -> &'static str;

        fn check<'x>() {
            type Shorter<'x> = (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, &'x str);
            assert!(same::<<Twelve as Permanent>::At<'x>, Shorter<'x>>());
            assert!(same::<<Pointer as Permanent>::At<'x>, Pointer>());
        }
        check();
    }

    #[test]
    fn fn_pointers_of_each_kind_keep_their_static_arguments() {
        fn check<'x>() {
            assert!(same::<<fn() as Permanent>::At<'x>, fn()>());
            assert!(same::<<unsafe fn(&'static u8) as Permanent>::At<'x>, unsafe fn(&'static u8)>());
            assert!(same::<<extern "C" fn(u8) -> u8 as Permanent>::At<'x>, extern "C" fn(u8) -> u8>());
            assert!(same::<<unsafe extern "C" fn(*mut u8) as Permanent>::At<'x>, unsafe extern "C" fn(*mut u8)>());
        }
        check();
    }
}
