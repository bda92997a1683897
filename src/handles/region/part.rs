//! A code object of a region that somebody holds: its count, and a counted reference to it.

use super::region::Region;
use core::cell::Cell;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;

/// A code object of a region that is held: what handles point to.
pub(in crate::handles) struct Part<'a> {
    /// Handles; `usize::MAX` says that the count overflowed, and that the region stays.
    pub(in crate::handles) count: Cell<usize>,
    /// The bytes of the value that handles read. A value that begins another one is a part of its own.
    pub(in crate::handles) root: NonNull<[u8]>,
    /// A number that no other part has that the region's owner made.
    pub(in crate::handles) id: u64,
    pub(in crate::handles) region: NonNull<Region<'a>>,
    /// Its neighbours in its list.
    pub(super) above: Cell<Option<NonNull<Part<'a>>>>,
    pub(super) below: Cell<Option<NonNull<Part<'a>>>>,
}

impl<'a> Part<'a> {
    /// A part that one handle counts, in no list yet.
    pub(in crate::handles) fn new(root: NonNull<[u8]>, id: u64, region: NonNull<Region<'a>>) -> Self {
        Self { count: Cell::new(1), root, id, region, above: Cell::new(None), below: Cell::new(None) }
    }

    /// Counts a handle in.
    #[inline]
    pub(in crate::handles) fn add_ref(&self) {
        self.count.set(self.count.get().saturating_add(1));
    }

    /// Counts a handle out; whether it was the last, and the part is to be [released](Region::release).
    #[inline]
    pub(in crate::handles) fn release(&self) -> bool {
        match self.count.get() {
            usize::MAX => false,
            1 => true,
            more => {
                self.count.set(more - 1);
                false
            }
        }
    }

    /// Counts a holder out that a sweep frees. The part stays where it is, even with no holder left: it may get one
    /// again. It goes when the region does.
    pub(in crate::handles) fn release_to_collector(&self) {
        if self.count.get() != usize::MAX {
            self.count.set(self.count.get().saturating_sub(1));
        }
    }
}

/// A counted reference to a part. The last one that is dropped takes the part away, and the region with its last part.
pub(in crate::handles) struct PartRef<'a>(NonNull<Part<'a>>);

impl<'a> PartRef<'a> {
    /// Takes a count that somebody gives away.
    ///
    /// # Safety
    ///
    /// 1. `part` is live, and the pointer is to all of the object of the heap that it is.
    /// 2. One of its counts is this reference's from now on.
    pub(in crate::handles) unsafe fn from_raw(part: NonNull<Part<'a>>) -> Self {
        Self(part)
    }

    /// One more reference to the same part.
    #[inline]
    pub(in crate::handles) fn another(&self) -> Self {
        self.add_ref();
        Self(self.0)
    }

    /// Returns the pointer to all of the object.
    #[inline]
    pub(in crate::handles) fn as_raw(&self) -> NonNull<Part<'a>> {
        self.0
    }

    /// Returns the part, and its count with it: whoever has it is to give it back.
    pub(in crate::handles) fn into_raw(self) -> NonNull<Part<'a>> {
        ManuallyDrop::new(self).0
    }
}

impl<'a> Deref for PartRef<'a> {
    type Target = Part<'a>;

    fn deref(&self) -> &Part<'a> {
        // SAFETY: a part is live as long as it is counted, and this counts.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for PartRef<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.release() {
            // SAFETY: it was the last that counted; the pointer is to all of the object, by the promise of `from_raw`.
            unsafe { Region::release(self.0) };
        }
    }
}
