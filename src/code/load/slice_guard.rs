//! A slice while it is filled: undone unless it is finished, whether by an error or by a panic (soundness S7, S8, S9).

use super::loader::Loader;
use crate::code::value::Permanent;
use crate::error::Error;
use core::alloc::Layout;
use core::mem::{self, ManuallyDrop};
use core::ptr::NonNull;
use core::slice;

/// Room for `len` elements, of which the first `filled` are there. No reference to it exists until [`finish`](Self::finish).
pub(in crate::code) struct SliceGuard<'l, 'a, T> {
    loader: &'l Loader<'a>,
    at: NonNull<T>,
    len: usize,
    filled: usize,
}

impl<'l, 'a, T: Permanent + 'a> SliceGuard<'l, 'a, T> {
    pub(in crate::code) fn new(loader: &'l Loader<'a>, len: usize) -> Result<Self, Error> {
        const { assert!(!mem::needs_drop::<T>(), "a block is never dropped: its type must not need it") };
        let layout = Layout::array::<T>(len).map_err(|_| Error::TooLarge { len, element: size_of::<T>() })?;
        Ok(Self { loader, at: loader.place(layout)?.cast(), len, filled: 0 })
    }

    /// Adds an element; one too many is ignored.
    #[inline]
    pub(in crate::code) fn push(&mut self, element: T) {
        if self.filled < self.len {
            // SAFETY: within the `len` elements placed; nobody refers to them yet.
            unsafe { self.at.add(self.filled).write(element) };
            self.filled += 1;
        }
    }

    /// Adds copies of all `elements`, as far as there is room.
    pub(in crate::code) fn push_all(&mut self, elements: &[T])
    where
        T: Copy,
    {
        let count = elements.len().min(self.len - self.filled);
        // SAFETY: within the `len` elements placed; fresh memory does not overlap what exists.
        unsafe { self.at.add(self.filled).copy_from_nonoverlapping(NonNull::from(elements).cast(), count) };
        self.filled += count;
    }

    /// The elements that are there so far.
    pub(in crate::code) fn filled(&self) -> &[T] {
        // SAFETY: the first `filled` elements are initialised, and nobody writes to them while this borrow lasts.
        unsafe { slice::from_raw_parts(self.at.as_ptr(), self.filled) }
    }

    /// The elements that were pushed, for as long as the arena is borrowed.
    pub(in crate::code) fn finish(self) -> &'a [T] {
        let fill = ManuallyDrop::new(self);
        // SAFETY: the first `filled` elements are initialised; from here on they are only read (invariant 2), and the arena is borrowed
        // for 'a.
        unsafe { slice::from_raw_parts(fill.at.as_ptr(), fill.filled) }
    }
}

impl<T> Drop for SliceGuard<'_, '_, T> {
    fn drop(&mut self) {
        // SAFETY: placed for this slice, to which no reference was given out. The sizes were those of a layout, so the products do not
        // wrap.
        unsafe { self.loader.undo(self.at.cast(), self.len * size_of::<T>(), self.filled * size_of::<T>()) };
    }
}
