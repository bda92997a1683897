//! [`Collect`] for the types of `core`.

use super::collect::Collect;
use super::marker::Marker;
use crate::error::Error;
use core::cell::{Cell, OnceCell, RefCell};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::num::{NonZero, Wrapping};
use core::time::Duration;

/// Types that hold no object.
macro_rules! lead_nowhere {
    ($($t:ty),* $(,)?) => { $(
        // SAFETY: a plain value without a pointer.
        unsafe impl Collect for $t {
            const LEADS: bool = false;

            #[inline]
            fn trace(&self, _: &mut Marker<'_>) {}
        }
    )* };
}

lead_nowhere!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool, char, str, (), Duration);
lead_nowhere!(NonZero<u8>, NonZero<u16>, NonZero<u32>, NonZero<u64>, NonZero<u128>, NonZero<usize>);
lead_nowhere!(NonZero<i8>, NonZero<i16>, NonZero<i32>, NonZero<i64>, NonZero<i128>, NonZero<isize>);

// SAFETY: no bytes at all.
unsafe impl<T: ?Sized> Collect for PhantomData<T> {
    const LEADS: bool = false;

    #[inline]
    fn trace(&self, _: &mut Marker<'_>) {}
}

// SAFETY: a slice is its elements and nothing else.
unsafe impl<T: Collect> Collect for [T] {
    const LEADS: bool = T::LEADS;

    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        if T::LEADS {
            self.iter().for_each(|element| element.trace(marker));
        }
    }
}

// SAFETY: an array is its elements.
unsafe impl<T: Collect, const N: usize> Collect for [T; N] {
    const LEADS: bool = T::LEADS;

    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        self[..].trace(marker);
    }
}

// SAFETY: an `Option` is its value, if there is one.
unsafe impl<T: Collect> Collect for Option<T> {
    const LEADS: bool = T::LEADS;

    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        if let Some(value) = self {
            value.trace(marker);
        }
    }
}

// SAFETY: a `Result` is one of both.
unsafe impl<T: Collect, E: Collect> Collect for Result<T, E> {
    const LEADS: bool = T::LEADS || E::LEADS;

    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        match self {
            Ok(value) => value.trace(marker),
            Err(error) => error.trace(marker),
        }
    }
}

// SAFETY: a cell is its value.
unsafe impl<T: Collect> Collect for Cell<T> {
    const LEADS: bool = T::LEADS;

    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        // SAFETY: a `Cell` lends no reference, and nobody sets it during the call: `trace` changes nothing, by the promise of `Collect`.
        unsafe { &*self.as_ptr() }.trace(marker);
    }
}

// SAFETY: a cell is its value; if that cannot be read, the collection frees nothing.
unsafe impl<T: Collect> Collect for RefCell<T> {
    const LEADS: bool = T::LEADS;

    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        // A `borrow` would write to the cell, and so to a page of objects that a forked child shares.
        // SAFETY: nobody borrows it mutably during the call: `trace` changes nothing, by the promise of `Collect`.
        match unsafe { self.try_borrow_unguarded() } {
            Ok(value) => value.trace(marker),
            Err(_) => marker.refuse(Error::Borrowed),
        }
    }
}

// SAFETY: a cell is its value, if there is one.
unsafe impl<T: Collect> Collect for OnceCell<T> {
    const LEADS: bool = T::LEADS;

    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        if let Some(value) = self.get() {
            value.trace(marker);
        }
    }
}

// SAFETY: it is its value.
unsafe impl<T: Collect> Collect for ManuallyDrop<T> {
    const LEADS: bool = T::LEADS;

    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        (**self).trace(marker);
    }
}

// SAFETY: it is its value.
unsafe impl<T: Collect> Collect for Wrapping<T> {
    const LEADS: bool = T::LEADS;

    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        self.0.trace(marker);
    }
}

/// Implements it for the tuple of the first name, of the first two, and so on.
macro_rules! tuples {
    ([$($taken:ident)*]) => {};
    ([$($taken:ident)*] $next:ident $($rest:ident)*) => {
        // SAFETY: a tuple is its elements.
        unsafe impl<$($taken: Collect,)* $next: Collect> Collect for ($($taken,)* $next,) {
            const LEADS: bool = $($taken::LEADS ||)* $next::LEADS;

            #[inline]
            fn trace(&self, marker: &mut Marker<'_>) {
                // Each name means, within the pattern, the element of that type.
                #[allow(non_snake_case)]
                let ($($taken,)* $next,) = self;
                $($taken.trace(marker);)*
                $next.trace(marker);
            }
        }
        tuples!([$($taken)* $next] $($rest)*);
    };
}

tuples!([] A B C D E F G H I J K L);
