//! The heap as a program's global allocator: one thread owns it and uses it without atomics, all others are served by the system.
//!
//! ```text
//!   owner:   alloc, free ──▶ HeapArena ◀── collects at its next alloc ──┐
//!   others:  alloc ──▶ System                                           │
//!            free of the owner's object ──▶ a bit, out of line ─────────┘
//! ```
//!
//! The owner has a thread-local flag, so a child keeps it exactly if the thread that forked was the owner. In a child
//! of another thread the owner is gone: its objects stay where they are, and everybody is served by the system. No lock
//! is taken anywhere (invariant 5).

use super::covered_pages::CoveredPages;
use super::owner::{self, Away};
use super::remote::Remote;
use crate::error::Error;
use crate::heap::{HeapArena, HeapArenaBuilder};
use crate::pages::Source;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::panic::RefUnwindSafe;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering::*};

/// A heap arena that can be the `#[global_allocator]`.
///
/// Until a thread calls [`claim`](Self::claim), it is the system's allocator. From then on that thread, the owner, has a heap. Any thread may
/// free or resize the owner's objects. They and the heap last until the process ends.
///
/// # Threads
///
/// All other threads are the system's. Their allocations come from [`System`](std::alloc::System), before and after the
/// claim. So does everything that the owner's heap has no room for. An object of the owner's that another thread
/// resizes moves to the system.
///
/// # When memory returns
///
/// - Memory that the owner frees is the heap's at once, and serves its next request. It goes back to the system by
///   itself while the owner uses the heap, as its [`Decay`](crate::heap::Decay) says.
/// - Memory that another thread frees is the heap's when the owner next allocates, resizes, or calls
///   [`heap`](Self::heap) or [`idle`](Self::idle).
/// - While the owner rests, nothing returns. An owner that is about to wait calls [`idle`](Self::idle): for its own
///   memory, and for frees by other threads until then. [`HeapArena::trim`], by way of [`heap`](Self::heap), returns
///   all that can be returned now.
/// - Memory that other threads allocate and free is the system's, and returns as the system has it.
///
/// # Signal handlers
///
/// A signal handler must not allocate, free or resize, must not call [`claim`](Self::claim) or [`heap`](Self::heap), and must not use the
/// heap. One that runs on the owner may have interrupted it in the midst of such a call. No lock keeps it out, so it would not hang, as it may
/// with other allocators: it would find the heap half changed. This covers everything that allocates, such as `format!` and a panic.
///
/// # Debug builds
///
/// With debug assertions, misuse is looked for on every thread:
///
/// - a double free
/// - a free or resize with another layout
/// - a pointer into the middle of an object
/// - a write to a free object of the owner's
///
/// The report names the address, the layouts and the size class. It goes to the standard error, and the process is
/// aborted. Nothing unwinds, in any build: unwinding out of a global allocator is undefined. So a check of
/// [`HeapArena`] that would panic ends the process too, when the heap is this one.
///
/// Objects are filled when they are freed, so that a later write is found. Each slab of 64 KiB takes 8 bytes more for what is checked.
///
/// # Cost
///
/// For the owner, an allocation costs a thread-local read and an atomic load more than [`HeapArena::alloc`]. A free
/// costs such a read and two atomic loads more than [`HeapArena::free`]. There is no read-modify-write.
///
/// Another thread's free of an object of the owner's is three atomic ORs, out of line. Getting such objects back costs
/// the owner a look at a word for each 64 slabs that were ever used. It also costs 128 words for each slab in which
/// something was freed.
///
/// ```
/// use permacode::heap::GlobalHeap;
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
    /// Bytes that were reserved.
    address_space: AtomicUsize,
    /// Not 0 if any of the bits in `remote` is set.
    pending: AtomicU8,
    /// Frees by other threads. There before the range is.
    remote: UnsafeCell<MaybeUninit<Remote>>,
    /// The source of the heap's pages.
    pages: CoveredPages,
}

const UNCLAIMED: u8 = 0;
const CLAIMING: u8 = 1;
const CLAIMED: u8 = 2;

// SAFETY: the heap is `Send` and used by one thread alone, the one that wrote it and became the owner; no other gets a reference
// (`mine`). `remote` is `Sync`, and is written once, before the release store of the length that other threads read first (`offset`). The
// rest are atomics.
unsafe impl Sync for GlobalHeap {}

// As a `HeapArena`; and no call of an allocator's unwinds.
impl RefUnwindSafe for GlobalHeap {}

impl Default for GlobalHeap {
    fn default() -> Self {
        Self::new()
    }
}

impl GlobalHeap {
    /// Makes an allocator that nobody owns yet. Costs nothing: it has some 5 KiB, zero or not initialised, so it may be
    /// a `static`.
    ///
    /// ```
    /// static HEAP: permacode::heap::GlobalHeap = permacode::heap::GlobalHeap::new();
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
            address_space: AtomicUsize::new(0),
            pending: AtomicU8::new(0),
            remote: UnsafeCell::new(MaybeUninit::uninit()),
            pages: CoveredPages::new(),
        }
    }

    /// Makes the calling thread the owner: `true` if it is now, or was before. `false` if another thread is or was, or is just becoming it,
    /// or if this one owns another allocator.
    ///
    /// The first time it costs five system calls and a question for the limit. They make a heap, and a second
    /// reservation of a 64th of its size for frees by other threads: 128 MiB for 8 GiB. That becomes writable as the
    /// heap does, takes memory only where other threads free, and stays out of core dumps. Later calls cost a
    /// comparison or two.
    ///
    /// Only the first call of all threads can succeed. When the owner has ended, nobody can become it; nor can anybody
    /// in a child that another thread forked. The owner's objects stay valid then, and memory that is freed of them is
    /// not used again.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::new`]; nobody is the owner then, and the call can be repeated.
    ///
    /// ```
    /// use permacode::heap::GlobalHeap;
    ///
    /// static HEAP: GlobalHeap = GlobalHeap::new();
    /// assert!(HEAP.claim()? && HEAP.claim()?);
    /// let other = std::thread::spawn(|| HEAP.claim());
    /// assert_eq!(other.join().unwrap(), Ok(false));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn claim(&'static self) -> Result<bool, Error> {
        self.claim_with(HeapArena::builder())
    }

    /// Makes the calling thread the owner, as [`claim`](Self::claim) does, of a heap with these choices.
    ///
    /// A [source of pages](HeapArenaBuilder::pages) of the program's own may use the global allocator, even if that is this heap. While the
    /// source is called, the thread is as one that owns no heap and can claim none. The system serves it. What it frees of the heap's
    /// returns later, as what other threads free.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArenaBuilder::build`]; nobody is the owner then, and the call can be repeated. So it can after a panic of the source.
    ///
    /// ```
    /// use permacode::HeapArena;
    /// use permacode::heap::{Decay, GlobalHeap};
    ///
    /// static HEAP: GlobalHeap = GlobalHeap::new();
    /// assert!(HEAP.claim_with(HeapArena::builder().reservation(1 << 30).decay(Decay::Now))?);
    /// assert_eq!(HEAP.heap().map(|heap| heap.stats().reserved), Some(1 << 30));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// As for [`claim`](Self::claim). A pool of pages ([`HeapArenaBuilder::pages`]) serves for the heap, and for frees
    /// by other threads.
    pub fn claim_with(&'static self, choices: HeapArenaBuilder) -> Result<bool, Error> {
        if !owner::owned().is_null() {
            return Ok(self.is_mine());
        }
        let Some(claim) = Claim::begin(self) else { return Ok(false) };
        let source = choices.source().clone();
        // SAFETY: this thread alone claims, and no heap was made yet.
        unsafe { self.pages.take_from(source.clone()) };
        let choices = choices.with_source(Source::Static(&self.pages));
        let (heap, remote) = choices.granted(Remote::address_space, |choices| Self::make(choices, source.clone()))?;
        claim.succeed(heap, remote);
        Ok(true)
    }

    /// Makes a heap, and the bits beside it. Either gives its reservation back when it is dropped.
    fn make(choices: HeapArenaBuilder, source: Source) -> Result<(HeapArena, Remote), Error> {
        let heap = choices.build()?;
        heap.slabs().has_fallback.set(true);
        let remote = Remote::new(source, heap.address_range().len())?;
        remote.cover(heap.stats().committed)?;
        Ok((heap, remote))
    }

    #[inline(always)]
    fn is_mine(&self) -> bool {
        owner::owned() == ptr::from_ref(self).cast()
    }

    /// The heap, if the calling thread owns it.
    #[inline(always)]
    pub(in crate::heap) fn mine(&self) -> Option<&HeapArena> {
        // SAFETY: only `claim` makes a thread the owner, after it wrote the heap; no other thread gets here.
        self.is_mine().then(|| unsafe { (*self.heap.get()).assume_init_ref() })
    }

    /// The heap, if the calling thread owns it, after it got back what other threads left.
    #[inline(always)]
    pub(in crate::heap) fn collected(&self) -> Option<&HeapArena> {
        let heap = self.mine()?;
        if self.pending.load(Relaxed) != 0 {
            self.collect(heap);
        }
        Some(heap)
    }

    /// Returns the owner's heap, to look at: statistics, a fence before a fork, a trim. `None` on other threads. Frees
    /// by other threads until now are in it. Later ones count as live until the owner's next allocation, resize or call
    /// of this.
    ///
    /// A shared reference cannot free all of its objects at once. Costs a thread-local read, a comparison and an atomic
    /// load, and what it gets back.
    ///
    /// ```
    /// static HEAP: permacode::heap::GlobalHeap = permacode::heap::GlobalHeap::new();
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

    /// Returns unused memory to the system. Call it when the owner is about to rest.
    ///
    /// It takes back what other threads freed, and then does what [`HeapArena::idle`] does. It returns how many bytes
    /// stay that could go: 0 on other threads, which have none.
    ///
    /// ```
    /// static HEAP: permacode::heap::GlobalHeap = permacode::heap::GlobalHeap::new();
    /// HEAP.claim()?;
    /// assert!(HEAP.idle() <= 2 << 20); // before it waits for input
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// As for [`heap`](Self::heap) and [`HeapArena::idle`].
    pub fn idle(&'static self) -> usize {
        self.collected().map_or(0, HeapArena::idle)
    }

    /// Returns the bytes of address space that were taken for the owner's heap and what belongs to it; 0 until a thread has
    /// [claimed](Self::claim) it.
    ///
    /// ```
    /// static HEAP: permacode::heap::GlobalHeap = permacode::heap::GlobalHeap::new();
    /// assert_eq!(HEAP.address_space(), 0);
    /// HEAP.claim()?;
    /// assert!(HEAP.address_space() > HEAP.heap().expect("this thread owns it").address_space());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address_space(&self) -> usize {
        self.address_space.load(Acquire)
    }

    /// Returns the distance of an address of the owner's from the first slab.
    #[inline(always)]
    pub(in crate::heap) fn offset(&self, object: *mut u8) -> Option<usize> {
        // In this order: who sees the length sees the base.
        let len = self.len.load(Acquire);
        let offset = object.addr().wrapping_sub(self.base.load(Relaxed));
        (offset < len).then_some(offset)
    }

    /// Returns the frees by other threads.
    ///
    /// # Safety
    ///
    /// The heap is made, which an [`offset`](Self::offset) in it shows, or that it is [`mine`](Self::mine).
    pub(in crate::heap) unsafe fn remote(&self) -> &Remote {
        // SAFETY: written before.
        unsafe { (*self.remote.get()).assume_init_ref() }
    }

    /// Leaves an object of the owner's for it to collect.
    ///
    /// # Safety
    ///
    /// It lies at this offset, and nobody uses it any more.
    #[cold]
    pub(in crate::heap) unsafe fn free_remotely(&self, offset: usize) {
        // SAFETY: an offset in the heap, of an object that it handed out.
        let first = unsafe { self.remote().set(offset) };
        debug_assert!(first, "two threads freed one object at once");
        // Not a store: of several threads that come here, the owner sees what each did before.
        self.pending.fetch_or(1, Release);
    }

    /// Frees what other threads left.
    #[cold]
    fn collect(&self, heap: &HeapArena) {
        self.pending.swap(0, Acquire);
        let slabs = heap.slabs();
        // SAFETY:
        // - The heap is made.
        // - Its first `high` slabs are writable, and each was covered before it became so.
        // - What is visited are offsets in its range.
        unsafe {
            self.remote().take(slabs.high.get(), |offset| heap.free_collected(slabs.base.add(offset)));
        }
    }
}

/// A thread's attempt to become the owner, which is [`Away`] meanwhile. The allocator is as before where it ends without success.
struct Claim {
    allocator: &'static GlobalHeap,
    away: Away,
}

impl Claim {
    fn begin(allocator: &'static GlobalHeap) -> Option<Self> {
        let first = allocator.state.compare_exchange(UNCLAIMED, CLAIMING, Acquire, Relaxed).is_ok();
        first.then(|| Self { allocator, away: Away::begin() })
    }

    /// Publishes what was made, whose pages are the allocator's.
    fn succeed(mut self, heap: HeapArena, remote: Remote) {
        let (allocator, range) = (self.allocator, heap.address_range());
        allocator.address_space.store(heap.address_space() + remote.len(), Release);
        // SAFETY:
        // - The state says that this thread alone makes a heap, and that none was written here before: nobody reads or drops what is there.
        // - The heap has this range, and the bits are for it.
        // - Neither is moved or dropped from here on: the state never goes back.
        unsafe {
            (*allocator.heap.get()).write(heap);
            let remote = (*allocator.remote.get()).write(remote);
            allocator.pages.cover_with(NonNull::from(remote), range.start);
        }
        allocator.base.store(range.start, Relaxed);
        allocator.len.store(range.len(), Release);
        allocator.state.store(CLAIMED, Release);
        self.away.comes_back_as_owner(ptr::from_ref(allocator).cast());
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.allocator.state.load(Relaxed) == CLAIMING {
            // SAFETY: this thread alone claims, and what it made until now is gone.
            unsafe { self.allocator.pages.take_from(Source::Default) };
            self.allocator.state.store(UNCLAIMED, Release);
        }
    }
}

impl HeapArena {
    /// Frees an object of a global heap's that another thread freed, whatever its layout was.
    fn free_collected(&self, object: NonNull<u8>) {
        match self.layout_at(object.as_ptr()) {
            // SAFETY: another thread freed it, and it is freed here once; its class is all that counts of its layout.
            Some((object, layout)) => unsafe { self.free_as_given(object, layout) },
            None => self.foreign(object.as_ptr()),
        }
    }
}
