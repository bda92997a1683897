//! The heap as a program's global allocator: one thread owns it and uses it without atomics, all others are served by the system.
//!
//! ```text
//!   owner:   alloc, free ──▶ HeapArena ◀── collects at its next alloc ──┐
//!   others:  alloc ──▶ System                                           │
//!            free of the owner's object ──▶ a bit, out of line ─────────┘
//! ```
//!
//! Who owns is a thread-local flag, so a child keeps it exactly if the thread that forked was the owner. In a child of another thread the
//! owner is gone: its objects stay where they are, and everybody is served by the system. No lock is taken anywhere (invariant 5).

use super::arena::HeapArena;
use super::builder::RESERVATION;
use super::classes::{LARGEST, SLAB, TABLE};
use super::slabs::Use;
use crate::error::Error;
use crate::pages::{Reservation, Source};
use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering::*};
use std::alloc::System;

/// Granularity of the bits that other threads set: the smallest class.
const GRAIN: usize = 8;

/// Bits of a word that other threads set. A word is what every target has an atomic of.
const BITS: usize = usize::BITS as usize;

thread_local! {
    /// The allocator that this thread owns.
    static OWNED: Cell<*const GlobalHeap> = const { Cell::new(ptr::null()) };
}

/// A heap arena that can be the `#[global_allocator]`.
///
/// Until a thread calls [`claim`](Self::claim), and on all other threads, it is the system's allocator; so it is for what the owner's heap
/// has no room for. The owner's objects may be freed by any thread. They and the heap last until the process ends.
///
/// To the owner an allocation costs a thread-local read and an atomic load more than [`HeapArena::alloc`], a free such a read and two atomic
/// loads more than [`HeapArena::free`]; no read-modify-write. Another thread's free of an object of the owner's is three atomic ORs, out of
/// line; a resize copies it to the system. The owner gets such objects back at its next allocation or resize: for a word of each 64 slabs that
/// were ever used, and 128 words of each slab in which something was freed.
///
/// ```
/// use permacode::GlobalHeap;
///
/// #[global_allocator]
/// static HEAP: GlobalHeap = GlobalHeap::new();
///
/// # fn main() -> Result<(), permacode::Error> {
/// HEAP.claim()?; // this thread's objects lie in the heap from now on
/// let mine = vec![1, 2, 3];
/// std::thread::spawn(move || drop(mine)).join().unwrap();
/// # Ok(())
/// # }
/// ```
pub struct GlobalHeap {
    state: AtomicU8,
    heap: UnsafeCell<MaybeUninit<HeapArena>>,
    /// The objects' address range, once there is one.
    base: AtomicUsize,
    len: AtomicUsize,
    /// Bits that other threads set: one for each grain of each slab, and before them one for each slab that has any.
    remote: AtomicPtr<AtomicUsize>,
    /// Whether any is set.
    pending: AtomicU8,
    /// Keeps `remote`.
    remote_pages: UnsafeCell<MaybeUninit<Reservation>>,
}

const UNCLAIMED: u8 = 0;
const CLAIMING: u8 = 1;
const CLAIMED: u8 = 2;

// SAFETY: the heap is only used by the thread that claimed it, the rest are atomics.
unsafe impl Sync for GlobalHeap {}

impl Default for GlobalHeap {
    fn default() -> Self {
        Self::new()
    }
}

impl GlobalHeap {
    /// An allocator that nobody owns yet. Costs nothing: it has some 4 KiB, zero or not initialised, so it may be a `static`.
    ///
    /// ```
    /// static HEAP: permacode::GlobalHeap = permacode::GlobalHeap::new();
    /// assert!(HEAP.heap().is_none());
    /// assert!(HEAP.claim()?);
    /// assert!(HEAP.heap().is_some());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub const fn new() -> Self {
        Self {
            state: AtomicU8::new(UNCLAIMED),
            heap: UnsafeCell::new(MaybeUninit::uninit()),
            base: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            remote: AtomicPtr::new(ptr::null_mut()),
            pending: AtomicU8::new(0),
            remote_pages: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Makes the calling thread the owner: `true` if it is now, or was before. `false` if another thread is or was, or is just becoming it,
    /// or if this one owns another allocator.
    ///
    /// Costs four system calls the first time: a heap, and a second reservation of a 64th of its size, 256 MiB for 16 GiB. That is writable
    /// at once, which counts where the system limits what may be written, and takes memory only where other threads free. Later calls cost
    /// a comparison or two. Only the first call of all threads can succeed: when the owner has ended, or in a child that
    /// another thread forked, nobody can become it, the owner's objects stay valid, and what is freed of them is not used again.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::new`]; nobody is the owner then, and the call can be repeated.
    ///
    /// ```
    /// use permacode::GlobalHeap;
    ///
    /// static HEAP: GlobalHeap = GlobalHeap::new();
    /// assert!(HEAP.claim()? && HEAP.claim()?);
    /// let other = std::thread::spawn(|| HEAP.claim());
    /// assert_eq!(other.join().unwrap(), Ok(false));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn claim(&'static self) -> Result<bool, Error> {
        let owned = OWNED.get();
        if !owned.is_null() {
            return Ok(ptr::eq(owned, self));
        }
        if self.state.compare_exchange(UNCLAIMED, CLAIMING, Acquire, Relaxed).is_err() {
            return Ok(false);
        }
        let made = RESERVATION.granted(&Source::default(), |bytes| self.make(bytes));
        self.state.store(if made.is_ok() { CLAIMED } else { UNCLAIMED }, Release);
        made?;
        OWNED.set(self);
        Ok(true)
    }

    fn make(&self, bytes: usize) -> Result<(), Error> {
        let heap = HeapArena::builder().reservation(bytes).build()?;
        let range = heap.address_range();
        let words = slab_words(range.len()) + range.len() / GRAIN / BITS;
        let source = Source::default();
        let too_large = Error::TooLarge { len: words, element: size_of::<usize>() };
        let bytes = source.page_size()?.ceil(words * size_of::<usize>()).ok_or(too_large)?;
        let remote = Reservation::new(source, bytes)?;
        // SAFETY: the whole reservation, new. Zeroed memory is atomics.
        unsafe { remote.commit(0..bytes) }?;
        self.remote.store(remote.base().cast().as_ptr(), Relaxed);
        // SAFETY: the state says that this thread alone is making the heap.
        unsafe {
            (*self.heap.get()).write(heap);
            (*self.remote_pages.get()).write(remote);
        }
        self.base.store(range.start, Relaxed);
        self.len.store(range.len(), Release);
        Ok(())
    }

    /// The heap, if the calling thread owns it.
    #[inline(always)]
    fn mine(&self) -> Option<&HeapArena> {
        // SAFETY: only `claim` makes a thread the owner, after it wrote the heap; no other thread gets here.
        ptr::eq(OWNED.get(), self).then(|| unsafe { (*self.heap.get()).assume_init_ref() })
    }

    /// The heap, if the calling thread owns it, after it got back what other threads left.
    #[inline(always)]
    fn collected(&self) -> Option<&HeapArena> {
        let heap = self.mine()?;
        if self.pending.load(Relaxed) != 0 {
            self.collect(heap);
        }
        Some(heap)
    }

    /// The heap of the owner, to look at: statistics, a fence before a fork, a trim. `None` on other threads. It has got back what other
    /// threads freed until now; what they free later counts as live until the owner's next allocation, resize or call of this.
    ///
    /// Freeing all of its objects at once is not among what a shared reference can do. Costs a thread-local read, a comparison and an atomic
    /// load, and what it gets back.
    ///
    /// ```
    /// static HEAP: permacode::GlobalHeap = permacode::GlobalHeap::new();
    /// HEAP.claim()?;
    /// let heap = HEAP.heap().expect("this thread owns it");
    /// heap.fence(); // before a fork
    /// assert_eq!(heap.stats().system_calls, 2);
    /// assert!(std::thread::spawn(|| HEAP.heap().is_none()).join().unwrap());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn heap(&'static self) -> Option<&'static HeapArena> {
        self.collected()
    }

    /// How far behind the first slab an address of the owner's lies.
    #[inline(always)]
    fn offset(&self, object: *mut u8) -> Option<usize> {
        // In this order: who sees the length sees the base.
        let len = self.len.load(Acquire);
        let offset = object.addr().wrapping_sub(self.base.load(Relaxed));
        (offset < len).then_some(offset)
    }

    /// Leaves an object of the owner's for it to collect.
    #[cold]
    fn free_remotely(&self, offset: usize) {
        let slabs = slab_words(self.len.load(Relaxed));
        let (slab, grain) = (offset / SLAB, offset / GRAIN);
        let remote = self.remote.load(Relaxed);
        // SAFETY: there is a bit for each grain and for each slab of the range.
        unsafe {
            (*remote.add(slabs + grain / BITS)).fetch_or(1 << (grain % BITS), Release);
            (*remote.add(slab / BITS)).fetch_or(1 << (slab % BITS), Release);
        }
        // Not a store: of several threads that come here, the owner sees what each did before.
        self.pending.fetch_or(1, Release);
    }

    /// Moves an object of the owner's to the system.
    ///
    /// # Safety
    ///
    /// As for `GlobalAlloc::realloc`.
    #[cold]
    unsafe fn move_to_system(&self, object: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; both are objects of at least the size that is copied, and the old one is given up after.
        unsafe {
            let moved = System.alloc(new);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(object, old.size().min(new.size()));
                self.dealloc(object, old);
            }
            moved
        }
    }

    /// Frees what other threads left.
    #[cold]
    fn collect(&self, heap: &HeapArena) {
        self.pending.swap(0, Acquire);
        let len = self.len.load(Relaxed);
        let (slabs, remote) = (slab_words(len), self.remote.load(Relaxed));
        // SAFETY: as in `free_remotely`.
        let take = |word: usize| unsafe { (*remote.add(word)).swap(0, AcqRel) };
        for slab_word in 0..slabs.min(heap.slabs().high.get().div_ceil(BITS)) {
            for slab in bits(take(slab_word)).map(|bit| slab_word * BITS + bit) {
                for word in 0..SLAB / GRAIN / BITS {
                    for bit in bits(take(slabs + slab * (SLAB / GRAIN / BITS) + word)) {
                        self.free_collected(heap, slab, (word * BITS + bit) * GRAIN);
                    }
                }
            }
        }
    }

    fn free_collected(&self, heap: &HeapArena, slab: usize, offset: usize) {
        let size = match heap.slabs().slab(slab).usage() {
            Use::Class(class) => TABLE[class].size,
            Use::Span(count) => count * SLAB,
            // Set twice by a double free.
            Use::Vacant | Use::Rest => return,
        };
        let object = heap.slabs().address(slab);
        let layout = Layout::from_size_align(size, 1);
        debug_assert!(size > LARGEST || offset % size == 0);
        if let Ok(layout) = layout {
            // SAFETY: another thread freed the object, once; its class is all that counts of its layout.
            unsafe { heap.free(object.add(offset), layout) };
        }
    }
}

/// Words with a bit for each slab.
fn slab_words(len: usize) -> usize {
    (len / SLAB).div_ceil(BITS)
}

/// The positions of the bits that are set.
fn bits(word: usize) -> impl Iterator<Item = usize> {
    core::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)))
        .take_while(|&rest| rest != 0)
        .map(|rest| rest.trailing_zeros() as usize)
}

// SAFETY: each object comes from the owner's heap or from the system, and goes back to where it came from, as its address tells. Neither
// unwinds in release builds.
unsafe impl GlobalAlloc for GlobalHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.collected().map(|heap| heap.alloc(layout)) {
            Some(Ok(object)) => object.as_ptr(),
            // SAFETY: the caller's promise.
            Some(Err(_)) | None => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.collected().map(|heap| heap.alloc_zeroed(layout)) {
            Some(Ok(object)) => object.as_ptr(),
            // SAFETY: the caller's promise.
            Some(Err(_)) | None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        match (self.offset(object), self.mine(), NonNull::new(object)) {
            // SAFETY: the caller's promise; the object is the owner's, which this thread is.
            (Some(_), Some(heap), Some(object)) => unsafe { heap.free(object, layout) },
            (Some(offset), ..) => self.free_remotely(offset),
            // SAFETY: the caller's promise; the object came from the system.
            (None, ..) => unsafe { System.dealloc(object, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, object: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        let moved = match (self.offset(object), NonNull::new(object)) {
            (Some(_), Some(object)) => {
                // SAFETY: the caller's promise; the object is the owner's, which this thread is.
                self.collected().and_then(|heap| unsafe { heap.realloc(object, layout, new) }.ok())
            }
            // SAFETY: the caller's promise; the object came from the system.
            _ => return unsafe { System.realloc(object, layout, size) },
        };
        // SAFETY: the caller's promise: what this thread may not resize, or finds no room for, it copies.
        moved.map_or_else(|| unsafe { self.move_to_system(object, layout, new) }, NonNull::as_ptr)
    }
}
