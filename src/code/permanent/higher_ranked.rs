//! What the compiler says of `fn` pointers that take a lifetime with each call, such as `fn(&mut Vm)`.
//!
//! They are not permanent: `for<'x> fn(&'x mut Vm)` is no `fn(A)` for any `A`. But the compiler looks at lifetimes last. It takes the
//! implementation for `fn(A)`, and then finds it "not general enough", without a word of what to do. With a second implementation that could be
//! meant it has to look before it takes one, finds that neither holds, and says what [`Permanent`] says of all types that are not.
//!
//! The implementations here are never meant, since nothing is [`Nothing`].

use super::{Permanent, Tracer};

/// No type has this trait, and none can get it: it has no name outside of this file.
trait Nothing {}

/// An implementation for pointers whose argument in the middle is a reference, shared or exclusive.
macro_rules! refused {
    ([$($before:ident)*] $A:ident [$($after:ident)*]) => {
        refused!(@abi [fn] [$($before)*] $A [$($after)*]);
        refused!(@abi [unsafe fn] [$($before)*] $A [$($after)*]);
        refused!(@abi [extern "C" fn] [$($before)*] $A [$($after)*]);
        refused!(@abi [unsafe extern "C" fn] [$($before)*] $A [$($after)*]);
    };
    (@abi [$($fn:tt)+] [$($before:ident)*] $A:ident [$($after:ident)*]) => {
        refused!(@one for<'x> $($fn)+($($before,)* &'x $A, $($after),*) -> R, $($before)* $A $($after)*);
        refused!(@one for<'x> $($fn)+($($before,)* &'x mut $A, $($after),*) -> R, $($before)* $A $($after)*);
    };
    (@one $pointer:ty, $($A:ident)+) => {
        // SAFETY: there is no value of such a type: no slice is `Nothing`.
        #[doc(hidden)]
        unsafe impl<R, $($A),+> Permanent for $pointer
        where
            [R]: Nothing,
        {
            type At<'x> = ();

            fn trace(&self, _: &mut Tracer<'_>) {}
        }
    };
}

refused!([] A []);
refused!([] A [B]);
refused!([A] B []);
refused!([] A [B C]);
refused!([A] B [C]);
refused!([A B] C []);
refused!([] A [B C D]);
refused!([A] B [C D]);
refused!([A B] C [D]);
refused!([A B C] D []);
