//! The arenas that a region keeps alive, because its code refers to theirs.
//!
//! ```text
//!   Region { shares ─▶ Entry ─▶ Entry }      objects of the heap     ──── the region ends ───▶     Regions { loose ─▶ Entry }
//!                       │ Share  │ Share                                                                         │ Share
//!                       ▼        ▼
//!                      arenas, each alive as long as the region
//! ```
//!
//! The last share in an arena gives its pages back, and a page source may run a program's own code then. So no share is dropped while a list is
//! walked, or before the region that kept it is gone. The shares of all regions that end go to one list, and are dropped from its front.
//! Code that is called then may end regions itself: it finds that list and not a part of it.

use crate::code::Share;
use crate::error::Error;
use crate::heap::HeapArena;
use core::alloc::Layout;
use core::cell::Cell;
use core::iter;
use core::ptr::NonNull;

/// A list of shares, each in an object of a heap.
#[derive(Default)]
pub(in crate::handles) struct Shares(Cell<Option<NonNull<Entry>>>);

struct Entry {
    below: Option<NonNull<Entry>>,
    share: Share,
}

impl Shares {
    /// Adds a share, unless one in the same arena is there.
    ///
    /// # Safety
    ///
    /// `heap` is the one that all entries of the list lie in, which outlives it.
    pub(super) unsafe fn keep(&self, share: &Share, heap: &HeapArena) -> Result<(), Error> {
        if self.all().any(|kept| kept.same(share)) {
            return Ok(());
        }
        let at = heap.alloc(Layout::new::<Entry>())?.cast::<Entry>();
        // SAFETY: a new object of this layout.
        unsafe { at.write(Entry { below: self.0.get(), share: share.clone() }) };
        self.0.set(Some(at));
        Ok(())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Share> {
        // SAFETY: entries in the list are live as long as it is, and not written to.
        self.entries().map(|entry| unsafe { &entry.as_ref().share })
    }

    fn entries(&self) -> impl Iterator<Item = NonNull<Entry>> {
        // SAFETY: entries in the list are live.
        iter::successors(self.0.get(), |entry| unsafe { entry.as_ref() }.below)
    }

    /// Marks the objects.
    pub(super) fn mark(&self, heap: &HeapArena) {
        self.entries().for_each(|entry| _ = heap.mark(entry.as_ptr()));
    }

    /// Moves all entries to another list of the same heap. Returns `true` if there were some.
    #[inline]
    pub(super) fn move_to(&self, other: &Self) -> bool {
        let some = self.0.get().is_some();
        if some {
            self.move_some_to(other);
        }
        some
    }

    #[cold]
    fn move_some_to(&self, other: &Self) {
        while let Some(mut entry) = self.0.take() {
            // SAFETY: an entry of this list, which it leaves; nobody else refers to it.
            self.0.set(core::mem::replace(unsafe { &mut entry.as_mut().below }, other.0.get()));
            other.0.set(Some(entry));
        }
    }

    /// Drops every share of the list, also those that come while it does.
    ///
    /// # Safety
    ///
    /// `heap` is the one that all entries lie in.
    #[cold]
    pub(super) unsafe fn let_go(&self, heap: &HeapArena) {
        while let Some(entry) = self.0.get() {
            // SAFETY: an entry of the list, made with this layout, which leaves the list before it is freed. The share was moved out.
            unsafe {
                let Entry { below, share } = entry.read();
                self.0.set(below);
                heap.free(entry.cast(), Layout::new::<Entry>());
                drop(share);
            }
        }
    }
}
