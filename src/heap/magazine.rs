//! The fast path: an array of addresses for each class.
//!
//! ```text
//!   bottom                     top            limit               end
//!     ├── oldest ── … ── newest ┼──── room ─────┼── may grow to ────┤
//!                      pop ◀────┼────▶ push
//! ```
//!
//! Allocating pops, freeing pushes: six instructions each, no access to the object and no lookup. When it runs empty it is refilled
//! from bitmaps, when it is full it grows, and then its oldest half goes back to the bitmaps. A *closed* magazine sends every push to the
//! slow path, which looks where the object lies: behind a fence, old objects must not be handed out.

use super::classes::{CLASSES, TABLE};
use core::cell::Cell;
use core::ptr::NonNull;
use core::slice;

/// Entries that a magazine may grow to.
const MOST: usize = 2048;
/// Bytes of objects that a magazine may hold.
const MOST_BYTES: usize = 128 << 10;
/// Entries that a magazine begins with.
const FIRST: usize = 128;

/// Addresses of free objects of one class.
pub(super) struct Magazine {
    top: Cell<*mut NonNull<u8>>,
    bottom: *mut NonNull<u8>,
    /// Where pushing ends: `bottom` and `size`, or `bottom` while it is closed.
    limit: Cell<*mut NonNull<u8>>,
    /// Entries that there is room for.
    size: Cell<usize>,
}

/// The most entries of a class's magazine.
pub(super) fn capacity(class: usize) -> usize {
    (MOST_BYTES / TABLE[class].size).min(MOST)
}

/// Bytes that the magazines of all classes may take.
pub(super) fn bytes() -> usize {
    (0..CLASSES).map(capacity).sum::<usize>() * size_of::<NonNull<u8>>()
}

impl Magazine {
    /// An empty magazine of a class.
    ///
    /// # Safety
    ///
    /// `at` is aligned and has room for the class's capacity of entries, writable and for this magazine alone as long as it is used.
    pub(super) unsafe fn new(at: NonNull<u8>, class: usize) -> Self {
        let bottom = at.cast::<NonNull<u8>>().as_ptr();
        let first = capacity(class).min(FIRST);
        // SAFETY: within the capacity.
        let limit = unsafe { bottom.add(first) };
        Self { top: Cell::new(bottom), bottom, limit: Cell::new(limit), size: Cell::new(first) }
    }

    /// Takes the newest entry.
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<NonNull<u8>> {
        let top = self.top.get();
        if top == self.bottom {
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
    pub(super) fn push(&self, object: NonNull<u8>) -> bool {
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
    pub(super) fn entries(&self) -> &[NonNull<u8>] {
        // SAFETY: from `bottom` to `top` lie entries; nobody pushes or pops while they are borrowed from here.
        unsafe { slice::from_raw_parts(self.bottom, self.len()) }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        // SAFETY: both point into the array.
        unsafe { self.top.get().offset_from(self.bottom) as usize }
    }

    /// Entries that there is room for in all.
    pub(super) fn size(&self) -> usize {
        self.size.get()
    }

    /// Makes room for twice as many; `false` if it has all it may have.
    pub(super) fn grow(&self, class: usize) -> bool {
        let (size, closed) = (self.size(), self.is_closed());
        self.size.set((size * 2).min(capacity(class)));
        if !closed {
            self.open();
        }
        self.size() > size
    }

    /// Sends every push to the slow path.
    pub(super) fn close(&self) {
        self.limit.set(self.bottom);
    }

    /// Lets pushes happen again.
    pub(super) fn open(&self) {
        // SAFETY: within the capacity.
        self.limit.set(unsafe { self.bottom.add(self.size()) });
    }

    fn is_closed(&self) -> bool {
        self.limit.get() == self.bottom
    }

    /// Adds an entry even to a closed magazine, which must have room.
    pub(super) fn push_within(&self, object: NonNull<u8>) {
        debug_assert!(self.len() < self.size());
        // SAFETY: below the size there is room.
        unsafe {
            self.top.get().write(object);
            self.top.set(self.top.get().add(1));
        }
    }

    /// Fills an empty magazine with `count` objects, so that they are popped in the order in which `objects` gives them.
    pub(super) fn refill(&self, count: usize, mut objects: impl FnMut() -> NonNull<u8>) {
        debug_assert!(self.len() == 0 && count <= self.size());
        for place in (0..count).rev() {
            // SAFETY: within the size.
            unsafe { self.bottom.add(place).write(objects()) };
        }
        // SAFETY: as above.
        self.top.set(unsafe { self.bottom.add(count) });
    }

    /// Forgets the oldest `count` entries.
    pub(super) fn forget_oldest(&self, count: usize) {
        let rest = self.len() - count;
        // SAFETY: both ranges lie in the array's entries; they may overlap.
        unsafe {
            self.bottom.copy_from(self.bottom.add(count), rest);
            self.top.set(self.bottom.add(rest));
        }
    }
}
