//! The heap arena: memory for everything that changes.
//!
//! ```text
//!   HeapArena { magazines ─┐ , slabs }                     in the owner's memory
//!                          ▼
//!   ├┄ ◀ bitmaps │ sets │ ◀ table │ magazines │ objects, in slabs of 64 KiB ▶ ┄┄┄┄┤     one reservation
//! ```
//!
//! A size of at most 512 bytes finds its class by a shift and its object in the class's magazine. Everything else is out of line: see
//! [`Slabs`] for what is known of objects, `magazine.rs` for the fast path. `refill.rs` has what a magazine needs that is empty or full.

use crate::error::Error;
use crate::heap::cache::Magazine;
use crate::heap::slabs::{CLASSES, LARGEST, SMALL, Slabs, classes};
use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;

/// Objects that a large one counts as, on its way through slow paths.
const SPAN_COUNTS: usize = 16;

/// A heap for one thread at a time: `Send`, not `Sync`.
///
/// Allocates and frees objects of any layout. Its bookkeeping lies apart, so only the program writes to object pages;
/// in debug builds checks do so too, which fill what is freed. Dropping it gives everything back in one system call and
/// runs no destructors. `&HeapArena` is an `Allocator`, so that collections can lie in it. The value itself has some 5
/// KiB and lies wherever its owner puts it.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use permacode::HeapArena;
///
/// let heap = HeapArena::new()?;
/// let mut numbers = Vec::new_in(&heap);
/// numbers.extend(0..1000u32);
/// assert!(heap.contains(numbers.as_ptr()));
/// assert_eq!(heap.stats().objects, 1); // what it outgrew was freed
/// # Ok::<(), permacode::Error>(())
/// ```
// The magazines come first: what is at no distance is found without an addition.
#[repr(C)]
pub struct HeapArena {
    magazines: [Magazine; CLASSES],
    slabs: Slabs,
    /// See [`mark_round`](Self::mark_round).
    pub(super) mark_round: Cell<u64>,
}

// SAFETY: the heap owns its reservation, and all that it points to lies in there; it moves as a whole. Its cells keep it from being `Sync`.
unsafe impl Send for HeapArena {}

// No function of a program's runs between two changes of the heap's words: neither the closure of `walk` nor a clock.
impl UnwindSafe for HeapArena {}
impl RefUnwindSafe for HeapArena {}

impl HeapArena {
    /// Gives the heap away for the rest of the process, to the thread that calls.
    ///
    /// Costs one move of some 5 KiB into memory of its own, no system call and no allocation; it cannot fail.
    ///
    /// ```
    /// let heap: &'static permacode::HeapArena = permacode::HeapArena::new()?.leak();
    /// assert!(heap.bookkeeping_ranges()[0].contains(&std::ptr::from_ref(heap).addr())); // it lies in its own pages
    /// assert_eq!(heap.stats().system_calls, 2); // those that made it
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn leak(self) -> &'static Self {
        let home = self.home().cast::<Self>();
        // SAFETY: the place is for whoever owns the heap, and has room for one `Self`. The reservation is moved, not dropped, so the memory
        // stays mapped for ever.
        unsafe {
            home.write(self);
            home.as_ref()
        }
    }

    /// Bytes at [`home`](Self::home): the heap's own value, and one of up to 1.5 KiB beside it.
    pub(crate) const HOME: usize = size_of::<Self>() + 1536;

    /// The place to which the heap moves when it is leaked, alone or in a value that owns it. Whoever owns the heap may write there.
    ///
    /// It is committed, aligned to a page, and of the heap's own pages: it lives as long as the reservation, wherever the heap is moved.
    pub(crate) fn home(&self) -> NonNull<u8> {
        let (pages, plan) = (&self.slabs.pages, &self.slabs.plan);
        // SAFETY: the plan lies in the reservation from there on, and has so many bytes for this.
        unsafe { pages.at(self.slabs.origin - plan.objects + plan.home) }
    }

    pub(super) fn from_parts(magazines: [Magazine; CLASSES], slabs: Slabs) -> Self {
        Self { magazines, slabs, mark_round: Cell::new(1) }
    }

    pub(super) fn slabs(&self) -> &Slabs {
        &self.slabs
    }

    pub(super) fn magazine(&self, class: usize) -> &Magazine {
        &self.magazines[class]
    }

    /// Allocates an object of any size and alignment, in bytes. The contents are uninitialised.
    ///
    /// It counts with the size of its class: its own size, rounded up to its alignment and then further:
    ///
    /// - Up to 512 bytes, to a multiple of 8.
    /// - Up to 32 KiB, to one of four sizes in each doubling, at most a quarter more.
    /// - Above, to a multiple of 4 KiB, in address space of 64 KiB.
    ///
    /// A zero-sized layout allocates nothing; the pointer dangles.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], [`Error::Limit`], [`Error::Bookkeeping`] or [`Error::Pages`] when there is no room and none to be had.
    ///
    /// # Panics
    ///
    /// In debug builds, if the program freed the object twice, or wrote to it after it had freed it. The latter is
    /// found in objects of up to 32 KiB, unless a [`sweep`](Self::sweep) freed them.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// for _ in 0..10_000 {
    ///     heap.alloc(Layout::new::<[u64; 8]>())?;
    /// }
    /// assert_eq!(heap.stats().live, 640_000); // no header
    /// assert_eq!(heap.stats().system_calls, 2); // those that made the heap
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// * Up to 32 KiB three reads and one write in the heap's own words, none of them to the object. A magazine that is empty is filled from
    ///   bitmaps before, half of what it has room for and commonly at most 64 objects.
    /// * Above 32 KiB a search of a bit for each slab of 64 KiB, 64 at a time. Each slab that is taken costs a write of
    ///   12 bytes.
    /// * Two system calls for more memory, and three the first time: for 1 MiB, later for a quarter of the heap. One more where [huge
    ///   pages](crate::heap::HeapArenaBuilder::huge_pages_from) are asked for. One for each 64 KiB of bitmaps, which
    ///   serve 16 MiB of objects of 64 bytes.
    /// * On its slow paths a heap also [returns](crate::heap::Decay) memory that nobody uses, by at most some 256 calls
    ///   at a time.
    /// * An allocation that is refused empties every magazine; in a [`GlobalHeap`](crate::heap::GlobalHeap) one of 4,096 does.
    #[inline(always)]
    pub fn alloc(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        match self.alloc_fast(layout) {
            Some(object) => Ok(object),
            None => self.alloc_slow(layout, false),
        }
    }

    /// A small object out of its magazine, if there is one. Whoever has to look further passes the layout on, so that its class need not
    /// outlive this.
    #[inline(always)]
    pub(super) fn alloc_fast(&self, layout: Layout) -> Option<NonNull<u8>> {
        let last = size_minus_one(layout);
        if last >= SMALL {
            return None;
        }
        self.pop(classes::small_class(last))
    }

    /// Allocates an object whose bytes are zero.
    ///
    /// Costs what [`alloc`](Self::alloc) costs. Up to 32 KiB it also writes every byte of the object. Above, it writes
    /// only slabs that an object lay in since their memory was last given back: the others are zero and stay untouched.
    /// `grow_zeroed` of an `Allocator` writes every byte that is new.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc).
    ///
    /// # Panics
    ///
    /// As [`alloc`](Self::alloc), in debug builds.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<[u8; 64]>());
    /// let object = heap.alloc(layout)?;
    /// // SAFETY: 64 bytes of this program's, which gives them back once.
    /// unsafe {
    ///     object.write_bytes(7, 64);
    ///     heap.free(object, layout);
    /// }
    /// let again = heap.alloc_zeroed(layout)?;
    /// assert_eq!(again, object);
    /// // SAFETY: 64 bytes, written by `alloc_zeroed`.
    /// assert_eq!(unsafe { again.cast::<[u8; 64]>().read() }, [0; 64]);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn alloc_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        match self.alloc_fast(layout) {
            Some(object) => {
                // SAFETY: a new object of at least that size.
                unsafe { object.write_bytes(0, layout.size()) };
                Ok(object)
            }
            None => self.alloc_slow(layout, true),
        }
    }

    /// Frees an object.
    ///
    /// Memory in which nothing is left serves objects of any size, and goes back to the system after a while ([`Decay`](crate::heap::Decay)). Debug
    /// builds fill an object of up to 32 KiB, so that a write after the free is found.
    ///
    /// # Panics
    ///
    /// In debug builds, if `object` is not of this heap, is of another class than its layout, or was freed before.
    ///
    /// # Safety
    ///
    /// 1. `object` came from this heap with this layout, and was not freed since.
    /// 2. It is not used any more.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<[u64; 8]>());
    /// let (one, _two) = (heap.alloc(layout)?, heap.alloc(layout)?);
    /// // SAFETY: live, of this layout, and not used any more.
    /// unsafe { heap.free(one, layout) };
    /// assert_eq!(heap.stats().live, 64);
    /// assert_eq!(heap.alloc(layout)?, one); // what was freed last is handed out first
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// * Up to 32 KiB two writes, none of them to the object. A magazine that is full grows, from 32 addresses to at
    ///   most 2,048 or 128 KiB of objects. Then it gives its oldest half back to the bitmaps.
    /// * Above 32 KiB a write of 12 bytes and of a bit or two for each slab of 64 KiB.
    /// * No system call on the fast path. On the slow one memory may be returned, by at most some 256 calls at a time.
    #[inline(always)]
    pub unsafe fn free(&self, object: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.free_as_given(self.slabs.own(object), layout) }
    }

    /// Frees an object that is handed out again with the right to its memory that this pointer has.
    ///
    /// # Safety
    ///
    /// As for [`free`](Self::free).
    #[inline(always)]
    pub(super) unsafe fn free_as_given(&self, object: NonNull<u8>, layout: Layout) {
        self.check_free(object, layout);
        let last = size_minus_one(layout);
        if last >= SMALL || !self.magazines[classes::small_class(last)].push(object) {
            self.free_slow(object, layout);
        }
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, layout: Layout, zeroed: bool) -> Result<NonNull<u8>, Error> {
        let size = padded_size(layout);
        if size == 0 {
            let dangling = core::ptr::without_provenance_mut(layout.align());
            return Ok(NonNull::new(dangling).unwrap_or(NonNull::dangling()));
        }
        if size > LARGEST {
            return self.alloc_large(size, layout.align(), zeroed);
        }
        let class = classes::class(size);
        let object = match self.pop(class) {
            Some(object) => object,
            None => self.refill_and_pop(class)?,
        };
        if zeroed {
            // SAFETY: a new object of at least that size.
            unsafe { object.write_bytes(0, layout.size()) };
        }
        Ok(object)
    }

    #[inline(never)]
    fn alloc_large(&self, size: usize, align: usize, zeroed: bool) -> Result<NonNull<u8>, Error> {
        let span = || self.slabs.alloc_span(size, align, zeroed);
        let object = span().or_else(|error| if self.flush_for_room() { span() } else { Err(error) })?;
        self.spend(SPAN_COUNTS);
        Ok(object)
    }

    #[cold]
    #[inline(never)]
    fn free_slow(&self, object: NonNull<u8>, layout: Layout) {
        let size = padded_size(layout);
        if size > LARGEST {
            if let Some((first, extent)) = self.slabs.span_at(object) {
                self.slabs.free_span(first, extent);
                self.spend(SPAN_COUNTS);
            }
        } else if size > 0 {
            self.put_back(classes::class(size), object);
        }
    }

    /// Takes an object out of the magazine of a class, if there is one.
    #[inline(always)]
    pub(super) fn pop(&self, class: usize) -> Option<NonNull<u8>> {
        self.magazines[class].pop().map(|object| self.check_alloc(object))
    }

    /// Gives an object back to its class.
    #[inline(always)]
    pub(super) fn put_back(&self, class: usize, object: NonNull<u8>) {
        if !self.magazines[class].push(object) {
            self.spill(class, object);
        }
    }
}

/// One less than the size that an object of this layout takes, which is a multiple of the alignment, so that its class keeps that. The
/// largest number for an object without bytes.
#[inline(always)]
pub(super) fn size_minus_one(layout: Layout) -> usize {
    layout.size().wrapping_sub(1) | (layout.align() - 1)
}

/// The size that an object of this layout takes. A layout's size, rounded up to its alignment, does not wrap.
#[inline(always)]
pub(super) fn padded_size(layout: Layout) -> usize {
    size_minus_one(layout).wrapping_add(1)
}

impl fmt::Debug for HeapArena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapArena").field("live", &self.slabs.out_bytes.get()).finish_non_exhaustive()
    }
}
