//! The heap that an address lies in: for C code that has the bare pointer only.
//!
//! A table of as many places as a process has virtual machines. A place is taken by compare-exchange, and read under a
//! sequence number that is odd while it changes. So finding takes no lock, and a forked child finds what its parent had
//! registered (invariant 5).
//!
//! ```text
//!   [ seq │ base │ len │ heap ] [ seq │ base │ len │ heap ] …
//! ```

use crate::error::Error;
use crate::heap::HeapArena;
use core::fmt;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*, fence};

/// Heaps of a process that can be registered at once.
const CAPACITY: usize = 256;

struct RegistryEntry {
    /// Odd: being changed.
    sequence: AtomicUsize,
    base: AtomicUsize,
    /// 0: free.
    len: AtomicUsize,
    heap: AtomicPtr<HeapArena>,
}

static REGISTRY: [RegistryEntry; CAPACITY] = [const {
    RegistryEntry {
        sequence: AtomicUsize::new(0),
        base: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        heap: AtomicPtr::new(ptr::null_mut()),
    }
}; CAPACITY];

impl RegistryEntry {
    /// Changes an entry whose sequence its writer has just made odd, and makes it even again.
    fn change(&self, base: usize, len: usize, heap: *mut HeapArena) {
        // Pairs with the fence in `find`: a reader that sees anything of what follows also sees that the sequence is odd, or a later one.
        // That orders stores with stores, so `Release` is enough for a new entry and for one that goes.
        fence(Release);
        self.base.store(base, Relaxed);
        self.len.store(len, Relaxed);
        self.heap.store(heap, Relaxed);
        self.sequence.fetch_add(1, Release);
    }
}

/// A heap that [`permacode_heap_usable_size`](crate::ffi::permacode_heap_usable_size) finds, as long as this value lives.
///
/// It borrows the heap, which can be neither moved nor dropped meanwhile. Dropping it costs two atomic additions and a fence.
///
/// ```
/// let heap = permacode::HeapArena::new()?;
/// let registered = heap.register()?;
/// assert!(std::ptr::eq(registered.heap(), &heap));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `'h`.
#[must_use = "the heap is registered as long as this lives"]
pub struct Registration<'h> {
    place: &'static RegistryEntry,
    heap: &'h HeapArena,
}

impl HeapArena {
    /// Lets functions that are given a bare pointer find this heap.
    ///
    /// Costs a look at each place of a table of 256, up to the first that is free, and two atomic operations there. No
    /// lock, no system call, no allocation.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`] when 256 heaps of the process are registered already.
    ///
    /// ```
    /// use permacode::{Error, HeapArena};
    ///
    /// let heap = HeapArena::builder().reservation(1 << 20).build()?;
    /// let all: Vec<_> = (0..256).map(|_| heap.register()).collect::<Result<_, _>>()?;
    /// assert!(matches!(heap.register(), Err(Error::Registry { capacity: 256 })));
    /// drop(all);
    /// assert!(heap.register().is_ok());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn register(&self) -> Result<Registration<'_>, Error> {
        let take = |place: &&RegistryEntry| {
            let sequence = place.sequence.load(Acquire);
            let free = sequence % 2 == 0 && place.len.load(Relaxed) == 0;
            // If another thread changed the entry since, the sequence is another one.
            free && place.sequence.compare_exchange(sequence, sequence + 1, Acquire, Relaxed).is_ok()
        };
        let place = REGISTRY.iter().find(take).ok_or(Error::Registry { capacity: CAPACITY })?;
        let range = self.address_range();
        place.change(range.start, range.len(), ptr::from_ref(self).cast_mut());
        Ok(Registration { place, heap: self })
    }
}

impl Registration<'_> {
    /// Returns the heap. Costs nothing; the example is at [`Registration`].
    pub fn heap(&self) -> &HeapArena {
        self.heap
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.place.sequence.fetch_add(1, Acquire);
        self.place.change(0, 0, ptr::null_mut());
    }
}

impl fmt::Debug for Registration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registration").field(self.heap).finish()
    }
}

/// The registered heap that an address lies in.
///
/// # Safety
///
/// If it is one of a registered heap, this thread may use that heap, and its registration lasts as long as the
/// reference is used. No registration was leaked whose heap has been moved or dropped since.
pub(crate) unsafe fn find<'h>(address: usize) -> Option<&'h HeapArena> {
    REGISTRY.iter().find_map(|place| {
        let before = place.sequence.load(Acquire);
        let (base, len) = (place.base.load(Relaxed), place.len.load(Relaxed));
        let heap = place.heap.load(Relaxed);
        fence(Acquire);
        let unchanged = before % 2 == 0 && place.sequence.load(Relaxed) == before;
        let found = unchanged && address.wrapping_sub(base) < len;
        // SAFETY: read consistently, so `heap` is the heap that was registered for this range; the caller's promise does the rest.
        found.then(|| unsafe { &*heap })
    })
}
