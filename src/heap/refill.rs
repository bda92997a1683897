//! Magazines that are empty or full: what is between the fast path and the slabs.
//!
//! ```text
//!   alloc ◀─ pop ─ [ magazine ] ◀─ refill ──────────── bits of a slab with free objects, or objects that nobody touched
//!   free ── push ▶ [ magazine ] ── grow, or spill the oldest half ──▶ bits
//!                     all of them ── flush, when there is no memory ─▶ bits
//! ```
//!
//! * A class that was refused is not looked after again until a slab becomes vacant or one of its objects comes back to its bits. Only
//!   that is known here of a full heap, so a request for which there is somebody else to ask costs little.
//! * A magazine that is closed gets an entry here only, after a look at where the object lies.

use super::arena::HeapArena;
use crate::error::Error;
use crate::heap::slabs::{CLASSES, TABLE};
use core::ptr::NonNull;

/// Requests that are refused from one flush of all magazines to the next, where there is somebody else to ask.
const PATIENCE: u32 = 4096;

impl HeapArena {
    /// An object of a class whose magazine is empty.
    #[inline(always)]
    pub(super) fn refill_and_pop(&self, class: usize) -> Result<NonNull<u8>, Error> {
        let starves = || self.slabs().starves(class);
        match starves() {
            Some(error) if !self.flush_for_room() || starves().is_some() => Err(error),
            _ => self.refill(class),
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&self, class: usize) -> Result<NonNull<u8>, Error> {
        let (slabs, magazine) = (self.slabs(), self.magazine(class));
        slabs.decay.class_used(class);
        // A class that has many objects out is refilled less often.
        if slabs.out[class].get() >= 8 * magazine.size() {
            self.grow_magazine(class);
        }
        let refill = || slabs.refill(class, magazine, 0);
        // The missing memory may lie in other classes' magazines.
        let count = refill().or_else(|error| if self.flush_for_room() { refill() } else { Err(error) })?;
        let object = self.pop(class).ok_or(Error::Exhausted { needed: TABLE[class].size, left: 0 })?;
        self.spend(count);
        Ok(object)
    }

    /// Allocates an object of a class at the limit of what may be live, in exchange for another one of `lent` bytes.
    /// The caller frees that one next.
    pub(super) fn alloc_lent(&self, class: usize, lent: usize) -> Option<NonNull<u8>> {
        let magazine = self.magazine(class);
        if magazine.len() == 0 {
            self.slabs().refill(class, magazine, lent).ok()?;
        }
        self.pop(class)
    }

    /// Frees an object of a class whose magazine is full or closed.
    #[cold]
    #[inline(never)]
    pub(super) fn spill(&self, class: usize, object: NonNull<u8>) {
        let (slabs, magazine) = (self.slabs(), self.magazine(class));
        slabs.decay.class_used(class);
        if magazine.is_closed() && self.freed_apart(class, object) {
            return self.spend(1);
        }
        let mut count = 0;
        if magazine.len() == magazine.size() && !self.grow_magazine(class) {
            count = magazine.len().div_ceil(2);
            // SAFETY: nobody pushes meanwhile; that many of its entries are forgotten.
            unsafe {
                slabs.take_back(class, &magazine.entries()[..count]);
                magazine.forget_oldest(count);
            }
        }
        // SAFETY: it has grown, or forgotten half, or is closed with room, as each is that was refilled.
        unsafe { magazine.push_within(object) };
        self.spend(count);
    }

    /// Lets a magazine have twice as many entries; `false` if it has all it may have.
    fn grow_magazine(&self, class: usize) -> bool {
        // SAFETY: the magazine of this class, made for this place.
        unsafe { self.magazine(class).grow(self.slabs().magazines(), class) }
    }

    /// Empties the magazines because something was refused, so that what lies there serves any size. Returns `true` if there was anything.
    ///
    /// A heap that has the system to fall back on does so once in a while only. It is refused all the time once it is
    /// full, and classes that have room are better left alone.
    #[inline]
    pub(super) fn flush_for_room(&self) -> bool {
        let refusals = self.slabs().refusals.get().wrapping_add(1);
        self.slabs().refusals.set(refusals);
        (!self.slabs().has_fallback.get() || refusals % PATIENCE == 1) && self.flush_all()
    }

    /// Empties every magazine, and gives up open slabs of which nothing is out. Returns `true` if there was anything.
    #[cold]
    #[inline(never)]
    pub(super) fn flush_all(&self) -> bool {
        (0..CLASSES).fold(false, |any, class| self.flush(class) | self.slabs().vacate_open(class) | any)
    }

    /// Empties a magazine. Returns `true` if there was anything.
    pub(super) fn flush(&self, class: usize) -> bool {
        let magazine = self.magazine(class);
        let count = magazine.len();
        if count != 0 {
            // SAFETY: nobody pushes meanwhile; all of its entries are forgotten.
            unsafe {
                self.slabs().take_back(class, magazine.entries());
                magazine.forget_oldest(count);
            }
        }
        count != 0
    }
}
