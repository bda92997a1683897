//! Types that an owner may lead to: [`Held`].

use crate::code::Permanent;
use core::ptr::NonNull;

/// A type that an [`Owned`](crate::Owned) may lead to: any [`Permanent`] type, text, and slices.
///
/// You need not implement it. It exists because `str` and `[T]` have no size, which a [`Permanent`] type must have. Costs nothing.
///
/// ```
/// use permacode::Owned;
/// use permacode::owned::Held;
///
/// fn bytes<T: Held + ?Sized>(owned: &Owned<T>) -> usize {
///     size_of_val(owned.get())
/// }
/// # let arena = std::sync::Arc::new(permacode::CodeArena::new()?);
/// let text: Owned<str> = Owned::load(&arena, "m", |loader| loader.alloc_str("seven"))?;
/// assert_eq!(bytes(&text), 5);
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Safety
///
/// An implementation promises:
///
/// 1. [`At<'x>`](Self::At) is the same type constructor as `Self`, with each lifetime replaced by `'x`. It may be read at any shorter lifetime.
///    That is what [`Permanent`] promises of its own `At`.
/// 2. Every value of it keeps the promises of [`Permanent`].
/// 3. `to_label` and `of_label` return the pointer that they were given, with its length if it has one.
pub unsafe trait Held {
    /// This type, with every lifetime replaced by `'x`.
    ///
    /// ```
    /// use permacode::owned::Held;
    ///
    /// fn shorten<'x>(words: &'x <[&'static str] as Held>::At<'x>) -> &'x [&'x str] {
    ///     words
    /// }
    /// assert_eq!(shorten(&["a", "b"]).len(), 2);
    /// ```
    type At<'x>: ?Sized + Send + Sync + 'x;

    /// The place of a value, without the lifetime that it was made at.
    #[doc(hidden)]
    fn to_label(at: NonNull<Self::At<'_>>) -> NonNull<Self>;

    /// The place of a value at some lifetime.
    #[doc(hidden)]
    fn of_label<'x>(place: NonNull<Self>) -> NonNull<Self::At<'x>>;
}

// SAFETY: the promises of `Permanent`; a cast keeps the pointer.
unsafe impl<T: Permanent> Held for T {
    type At<'x> = <T as Permanent>::At<'x>;

    #[inline(always)]
    fn to_label(at: NonNull<Self::At<'_>>) -> NonNull<Self> {
        at.cast()
    }

    #[inline(always)]
    fn of_label<'x>(place: NonNull<Self>) -> NonNull<Self::At<'x>> {
        place.cast()
    }
}

// SAFETY: text has no lifetime, and is bytes.
unsafe impl Held for str {
    type At<'x> = str;

    #[inline(always)]
    fn to_label(at: NonNull<str>) -> NonNull<str> {
        at
    }

    #[inline(always)]
    fn of_label<'x>(place: NonNull<str>) -> NonNull<<str as Held>::At<'x>> {
        place
    }
}

// SAFETY: a slice is its elements, which keep the promises of `Permanent`; the casts keep pointer and length.
unsafe impl<T: Permanent> Held for [T] {
    type At<'x> = [T::At<'x>];

    #[inline(always)]
    fn to_label(at: NonNull<Self::At<'_>>) -> NonNull<Self> {
        NonNull::slice_from_raw_parts(at.cast(), at.len())
    }

    #[inline(always)]
    fn of_label<'x>(place: NonNull<Self>) -> NonNull<Self::At<'x>> {
        NonNull::slice_from_raw_parts(place.cast(), place.len())
    }
}
