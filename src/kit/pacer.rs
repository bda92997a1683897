//! When the next collection is due.
//!
//! ```text
//!   bytes   ┌ due: live × (100 + growth) % ┄┄┄┄┄┄┄┄┄┄┄╱┄┄┄┄
//!           │                           ╱│           ╱
//!           │              ╱│        ╱   │        ╱
//!           │           ╱   │     ╱      │     ╱
//!           │        ╱      └──          └──         live
//!           └────────────────────────────────────────────── time
//! ```

use crate::heap::HeapArena;
use core::cell::Cell;
use core::panic::RefUnwindSafe;

/// Bytes below which a collection is not worth its while.
const FLOOR: usize = 1 << 20;
/// The growth of what lives, in percent, that a collection waits for.
const GROWTH: usize = 100;

/// Says when a collection is due: when the heap has grown by a share of what lived after the last one.
///
/// Ask it at the safepoints of your machine. It reads a number that the heap has anyway ([`HeapArena::taken`]), so allocations cost what
/// they cost without it. A threshold that grows with what lives bounds the work. At first the growth is 100 percent: above the floor, a byte
/// that lives is visited at most once for each byte that is allocated.
///
/// ```
/// use permacode::kit::Pacer;
/// use permacode::{Gc, HeapArena};
///
/// let (heap, pacer) = (HeapArena::new()?, Pacer::new());
/// let (mut kept, mut collections) = (Vec::new(), 0);
/// for number in 0..1_000_000_u64 {
///     let object = Gc::new(&heap, number)?;
///     if number % 10 == 0 {
///         kept.push(object);
///     }
///     if pacer.is_due(&heap) {
///         // SAFETY: only what is kept is used afterwards, and the closure only traces.
///         unsafe { heap.collect(|marker| marker.trace(&kept[..])) }?;
///         pacer.collected(&heap);
///         collections += 1;
///     }
/// }
/// assert!((7..12).contains(&collections), "{collections}");
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// Some objects keep memory outside of the heap: a buffer of a foreign library, a file that is mapped. Tell the pacer of it
/// ([`add_external`](Self::add_external)), or a heap of small objects hides that the process grows.
#[derive(Clone, Debug)]
pub struct Pacer {
    floor: usize,
    growth: usize,
    due: Cell<usize>,
    external: Cell<usize>,
}

// Each number is set by one store, so a panic leaves none half-set.
impl RefUnwindSafe for Pacer {}

impl Pacer {
    /// Makes a pacer that waits for 1 MiB, and later until what lives has doubled.
    ///
    /// ```
    /// # use permacode::kit::Pacer;
    /// const PACER: Pacer = Pacer::new();
    /// assert_eq!(PACER.due(), 1 << 20);
    /// ```
    pub const fn new() -> Self {
        Self { floor: FLOOR, growth: GROWTH, due: Cell::new(FLOOR), external: Cell::new(0) }
    }

    /// Sets the bytes below which no collection is due. More means fewer collections of a small program. With a growth of 0 it is a fixed
    /// threshold.
    ///
    /// ```
    /// # use permacode::kit::Pacer;
    /// assert_eq!(Pacer::new().floor(64 << 10).due(), 64 << 10);
    /// ```
    #[must_use]
    pub const fn floor(mut self, bytes: usize) -> Self {
        self.floor = bytes;
        self.due = Cell::new(bytes);
        self
    }

    /// Sets by how many percent of what lives the heap may grow before a collection is due. More means fewer collections and more memory.
    ///
    /// ```
    /// # use permacode::kit::Pacer;
    /// use std::alloc::Layout;
    ///
    /// let (heap, pacer) = (permacode::HeapArena::new()?, Pacer::new().growth(50));
    /// heap.alloc(Layout::new::<[u8; 10 << 20]>())?;
    /// pacer.collected(&heap);
    /// assert_eq!(pacer.due(), 15 << 20);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[must_use]
    pub const fn growth(mut self, percent: usize) -> Self {
        self.growth = percent;
        self
    }

    /// Returns `true` if a collection is due. Costs two loads, an addition and a comparison; no call.
    ///
    /// ```
    /// # use permacode::kit::Pacer;
    /// use std::alloc::Layout;
    ///
    /// let (heap, pacer) = (permacode::HeapArena::new()?, Pacer::new());
    /// assert!(!pacer.is_due(&heap));
    /// heap.alloc(Layout::new::<[u8; 1 << 20]>())?;
    /// assert!(pacer.is_due(&heap));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn is_due(&self, heap: &HeapArena) -> bool {
        heap.taken().saturating_add(self.external.get()) >= self.due.get()
    }

    /// Sets the next threshold by what lives now. Call it after each collection, also after one that failed: then it is due again later, and
    /// not at each safepoint.
    ///
    /// A heap with a [limit](crate::heap::HeapArenaBuilder::limit) gets no threshold that it could not reach. A collection is then due half-way
    /// between what lives and the limit at the latest.
    ///
    /// ```
    /// # use permacode::kit::Pacer;
    /// use permacode::HeapArena;
    /// use std::alloc::Layout;
    ///
    /// let (heap, pacer) = (HeapArena::builder().limit(16 << 20).build()?, Pacer::new());
    /// heap.alloc(Layout::new::<[u8; 12 << 20]>())?;
    /// pacer.collected(&heap);
    /// assert_eq!(pacer.due(), 14 << 20); // and not 24 MiB
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn collected(&self, heap: &HeapArena) {
        let (taken, external) = (heap.taken(), self.external.get());
        let live = taken.saturating_add(external);
        let by_growth = live.saturating_add(share(live, self.growth)).max(self.floor);
        let most = heap.limit().map_or(usize::MAX, |limit| {
            let room = limit.saturating_sub(taken);
            live.saturating_add(room - room / 2)
        });
        self.due.set(by_growth.min(most));
    }

    /// Returns the threshold: the bytes at which the next collection is due.
    ///
    /// ```
    /// # use permacode::kit::Pacer;
    /// assert_eq!(Pacer::default().due(), Pacer::new().due());
    /// ```
    pub fn due(&self) -> usize {
        self.due.get()
    }

    /// Adds bytes that an object keeps outside of the heap. Costs an addition.
    ///
    /// ```
    /// # use permacode::kit::Pacer;
    /// let (heap, pacer) = (permacode::HeapArena::new()?, Pacer::new());
    /// pacer.add_external(3 << 20);
    /// assert!(pacer.is_due(&heap));
    /// pacer.remove_external(3 << 20);
    /// assert!(!pacer.is_due(&heap));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn add_external(&self, bytes: usize) {
        self.external.set(self.external.get().saturating_add(bytes));
    }

    /// Takes away bytes that were [added](Self::add_external): the object gave that memory back. Costs a subtraction. The example is that of
    /// `add_external`.
    pub fn remove_external(&self, bytes: usize) {
        self.external.set(self.external.get().saturating_sub(bytes));
    }
}

/// So many percent of a number, or the largest number.
fn share(of: usize, percent: usize) -> usize {
    let (whole, rest) = (of / 100, of % 100);
    whole.saturating_mul(percent).saturating_add(rest.saturating_mul(percent) / 100)
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new()
    }
}
