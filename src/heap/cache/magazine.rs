//! The fast path: an array of addresses for each class.
//!
//! ```text
//!   bottom                     top            limit               end
//!     ├── oldest ── … ── newest ┼──── room ─────┼── may grow to ────┤
//!                      pop ◀────┼────▶ push
//! ```
//!
//! Allocating pops, freeing pushes: six instructions each, no access to the object and no lookup. An empty magazine is
//! refilled from bitmaps. A full one grows, and once it may grow no more, its oldest half goes back to the bitmaps. All
//! classes' magazines begin small, side by side on a few pages. One that grows moves to pages of its own.
//!
//! A *closed* magazine sends every push to the slow path, which looks up the object: behind a fence, old objects must
//! not be handed out.

use crate::heap::slabs::{FIRST_ENTRIES, GROWN, MOST_ENTRIES};
use core::cell::Cell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::slice;

/// Addresses of free objects of one class.
pub(in crate::heap) struct Magazine {
    top: Cell<*mut NonNull<u8>>,
    bottom: Cell<*mut NonNull<u8>>,
    /// The end of pushing: `bottom` and `size`, or `bottom` while it is closed.
    limit: Cell<*mut NonNull<u8>>,
    /// Entries that there is room for.
    size: Cell<usize>,
}

impl Magazine {
    /// An empty magazine of a class.
    ///
    /// # Safety
    ///
    /// `all` is aligned and has room for as many bytes as [`GROWN`] ends with. They are writable and for magazines
    /// alone, one of each class, as long as they are used.
    pub(in crate::heap) unsafe fn new(all: NonNull<u8>, class: usize) -> Self {
        let size = MOST_ENTRIES[class].min(FIRST_ENTRIES);
        // SAFETY: within the part where all magazines begin.
        let (bottom, limit) = unsafe {
            let bottom = all.cast::<NonNull<u8>>().add(class * FIRST_ENTRIES).as_ptr();
            (bottom, bottom.add(size))
        };
        Self { top: Cell::new(bottom), bottom: Cell::new(bottom), limit: Cell::new(limit), size: Cell::new(size) }
    }

    /// Takes the newest entry.
    #[inline(always)]
    pub(in crate::heap) fn pop(&self) -> Option<NonNull<u8>> {
        let top = self.top.get();
        if top == self.bottom.get() {
            return None;
        }
        // SAFETY: below `top` and not below `bottom` lie entries.
        unsafe {
            let top = top.sub(1);
            self.top.set(top);
            Some(top.read())
        }
    }

    /// Adds an entry; `false` if there is no room.
    #[inline(always)]
    pub(in crate::heap) fn push(&self, object: NonNull<u8>) -> bool {
        let top = self.top.get();
        if top >= self.limit.get() {
            return false;
        }
        // SAFETY: below `limit` there is room.
        unsafe {
            top.write(object);
            self.top.set(top.add(1));
        }
        true
    }

    /// Entries, oldest first.
    ///
    /// # Safety
    ///
    /// While the slice is used, nothing but [`pop`](Self::pop) and [`len`](Self::len) is called.
    pub(in crate::heap) unsafe fn entries(&self) -> &[NonNull<u8>] {
        // SAFETY: from `bottom` to `top` lie entries, which nobody overwrites by the caller's promise.
        unsafe { slice::from_raw_parts(self.bottom.get(), self.len()) }
    }

    #[inline]
    pub(in crate::heap) fn len(&self) -> usize {
        // SAFETY: both point into the array.
        unsafe { self.top.get().offset_from(self.bottom.get()) as usize }
    }

    /// Entries that there is room for in all.
    pub(in crate::heap) fn size(&self) -> usize {
        self.size.get()
    }

    /// Makes room for twice as many; `false` if it has all it may have.
    ///
    /// # Safety
    ///
    /// `all` and `class` are those that the magazine was made with.
    pub(in crate::heap) unsafe fn grow(&self, all: NonNull<u8>, class: usize) -> bool {
        let (size, len, closed) = (self.size(), self.len(), self.is_closed());
        let more = (size * 2).min(MOST_ENTRIES[class]);
        if more == size {
            return false;
        }
        if size <= FIRST_ENTRIES {
            // SAFETY: the class has room there for the most entries; nobody else uses it, and this magazine did not yet.
            unsafe {
                let bottom = all.add(GROWN[class]).cast::<NonNull<u8>>().as_ptr();
                bottom.copy_from_nonoverlapping(self.bottom.get(), len);
                self.bottom.set(bottom);
                self.top.set(bottom.add(len));
            }
        }
        self.size.set(more);
        if closed {
            self.close()
        } else {
            self.open()
        }
        true
    }

    /// Sends every push to the slow path.
    pub(in crate::heap) fn close(&self) {
        self.limit.set(self.bottom.get());
    }

    /// Lets pushes happen again.
    pub(in crate::heap) fn open(&self) {
        // SAFETY: within the capacity.
        self.limit.set(unsafe { self.bottom.get().add(self.size()) });
    }

    pub(in crate::heap) fn is_closed(&self) -> bool {
        self.limit.get() == self.bottom.get()
    }

    /// Adds an entry even to a closed magazine.
    ///
    /// # Safety
    ///
    /// It has fewer entries than its [`size`](Self::size).
    pub(in crate::heap) unsafe fn push_within(&self, object: NonNull<u8>) {
        debug_assert!(self.len() < self.size());
        // SAFETY: the caller's promise: below the size there is room.
        unsafe {
            self.top.get().write(object);
            self.top.set(self.top.get().add(1));
        }
    }

    /// Makes `count` entries, to be written by the caller; the last is popped first.
    ///
    /// # Safety
    ///
    /// 1. The magazine is empty, and `count` is at most its [`size`](Self::size).
    /// 2. The caller writes an object to each place before anything else is called.
    pub(in crate::heap) unsafe fn refill(&self, count: usize) -> &[Cell<MaybeUninit<NonNull<u8>>>] {
        debug_assert!(self.len() == 0 && count <= self.size());
        // SAFETY: the caller's promise: within the size, in memory that this magazine alone uses and that needs no value yet.
        unsafe {
            self.top.set(self.bottom.get().add(count));
            slice::from_raw_parts(self.bottom.get().cast(), count)
        }
    }

    /// Forgets the oldest `count` entries.
    ///
    /// # Safety
    ///
    /// It has at least so many.
    pub(in crate::heap) unsafe fn forget_oldest(&self, count: usize) {
        let rest = self.len() - count;
        // SAFETY: the caller's promise: both ranges lie in the array's entries; they may overlap.
        unsafe {
            let bottom = self.bottom.get();
            bottom.copy_from(bottom.add(count), rest);
            self.top.set(bottom.add(rest));
        }
    }
}
