//! The contents of a heap, in numbers.

use super::arena::HeapArena;
use crate::base::plural::plural;
use crate::error::Error;
use crate::heap::slabs::{CLASSES, SLAB, SlabUse, TABLE};
use core::fmt;

/// Counts of a [`HeapArena`], in bytes unless they say otherwise. An object counts with the size of its class, above 32 KiB in units of
/// 4 KiB.
///
/// ```
/// use std::alloc::Layout;
///
/// let heap = permacode::HeapArena::new()?;
/// heap.alloc(Layout::new::<[u8; 100]>())?;
/// heap.alloc(Layout::new::<[u8; 100_000]>())?;
/// let stats = heap.stats();
/// assert_eq!((stats.objects, stats.slabs), (2, 3)); // one slab is shared, two are the large object's
/// assert_eq!(stats.live, 104 + (100 << 10)); // large ones count in units of 4 KiB
/// assert!(stats.to_string().starts_with("102504 bytes in 2 objects"));
/// assert!(stats.cached > 0 && stats.committed == 1 << 20 && stats.system_calls == 2);
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapStats {
    /// Address space set aside for objects.
    pub reserved: usize,
    /// Bytes of live objects: those that the program has. A freed object counts no more from that moment, wherever the
    /// heap keeps it. So a [`trim`](HeapArena::trim) and a fence leave this number as it is. Memory that a trim gave
    /// back shows in [`resident`](HeapArena::resident) alone; `committed` stays.
    pub live: usize,
    /// Live objects that share slabs, and large ones; a number.
    pub objects: usize,
    /// Free objects that magazines hold, ready to be handed out: freed ones, and fresh ones that nobody touched yet and that take no
    /// physical memory. A trim makes it 0. They count against the limit until they are needed elsewhere.
    pub cached: usize,
    /// Slabs of 64 KiB that are of a class or of a large object; a number.
    pub slabs: usize,
    /// Made writable.
    pub committed: usize,
    /// System calls made for the heap, its creation included. All calls of one [`resident`](HeapArena::resident) count
    /// as one.
    pub system_calls: usize,
}

/// Counts of one size class.
///
/// ```
/// use std::alloc::Layout;
///
/// let heap = permacode::HeapArena::new()?;
/// heap.alloc(Layout::new::<[u8; 100]>())?;
/// let class = heap.class_stats().find(|class| class.size == 104).expect("a class of 104 bytes");
/// assert_eq!((class.live, class.cached), (1, 15)); // half a new magazine came from the slab
/// assert_eq!(class.to_string(), "104 bytes: 1 live, 15 cached");
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// Bytes of an object.
    pub size: usize,
    /// Live objects.
    pub live: usize,
    /// Free objects that the magazine holds, fresh ones that nobody touched yet included.
    pub cached: usize,
}

impl HeapArena {
    /// Returns the contents of the heap, in numbers. Costs a look at each slab that was ever used and at each of 88
    /// classes, twice. No system call, no allocation.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<u64>());
    /// let object = heap.alloc(layout)?;
    /// let before = heap.stats();
    /// // SAFETY: live, of this layout, and not used any more.
    /// unsafe { heap.free(object, layout) };
    /// let after = heap.stats();
    /// assert_eq!((before.live - after.live, after.cached - before.cached), (8, 8)); // free, and kept
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn stats(&self) -> HeapStats {
        let slabs = self.slabs();
        let classes = || self.class_stats();
        let (mut used, mut large) = (0, 0);
        for number in 0..slabs.high.get() {
            let usage = slabs.slab(number).usage();
            used += usize::from(usage != SlabUse::Vacant);
            large += usize::from(matches!(usage, SlabUse::Span(_)));
        }
        let cached = classes().map(|class| class.cached * class.size).sum();
        HeapStats {
            reserved: slabs.plan.slabs * SLAB,
            live: slabs.out_bytes.get() - cached,
            objects: classes().map(|class| class.live).sum::<usize>() + large,
            cached,
            slabs: used,
            committed: slabs.committed.get(),
            system_calls: slabs.pages.calls(),
        }
    }

    /// Returns the bytes that objects take, free ones that lie ready in magazines included: the number that a
    /// [limit](crate::heap::HeapArenaBuilder::limit) is compared with. A collector compares it with its threshold
    /// ([`Pacer`](crate::kit::Pacer)).
    ///
    /// Right after a sweep it is what lives: [`HeapStats::live`]. It then grows where a magazine is filled, by some objects at once. Costs one
    /// load, and allocations nothing.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// heap.alloc(Layout::new::<[u8; 100]>())?;
    /// assert_eq!(heap.taken(), heap.stats().live + heap.stats().cached);
    /// // SAFETY: nobody uses the object.
    /// unsafe { heap.sweep() };
    /// assert_eq!(heap.taken(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn taken(&self) -> usize {
        self.slabs().out_bytes.get()
    }

    /// Returns the limit on [`taken`](Self::taken) bytes, if one was set.
    pub(crate) fn limit(&self) -> Option<usize> {
        Some(self.slabs().limit).filter(|limit| *limit != usize::MAX)
    }

    /// Returns the contents of each size class, smallest first; large objects are in none. Costs three loads for each
    /// of 88. No system call, no allocation.
    ///
    /// ```
    /// let heap = permacode::HeapArena::new()?;
    /// let sizes: Vec<usize> = heap.class_stats().map(|class| class.size).collect();
    /// assert_eq!((sizes.len(), &sizes[..3], sizes[87]), (88, &[8, 16, 24][..], 32 << 10));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn class_stats(&self) -> impl Iterator<Item = ClassStats> {
        (0..CLASSES).map(|class| {
            let cached = self.magazine(class).len();
            ClassStats { size: TABLE[class].size, live: self.slabs().out[class].get() - cached, cached }
        })
    }

    /// Counts the bytes of objects' pages that are in physical memory now. Costs a system call for each 1024 pages that
    /// are committed, 4 MiB with pages of 4 KiB.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system does not tell.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<[u8; 1 << 20]>());
    /// let object = heap.alloc(layout)?;
    /// assert_eq!(heap.resident()?, 0); // nobody touched it
    /// // SAFETY: 1 MiB, live, of this layout, and not used any more once it is freed.
    /// unsafe {
    ///     object.write_bytes(1, 1 << 20);
    ///     heap.free(object, layout);
    /// }
    /// assert_eq!(heap.resident()?, 1 << 20); // so little stays for a while
    /// heap.trim()?;
    /// assert_eq!(heap.resident()?, 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn resident(&self) -> Result<usize, Error> {
        let slabs = self.slabs();
        slabs.pages.resident(slabs.origin..slabs.origin + slabs.committed.get()).map_err(Error::Pages)
    }

    /// Returns the address space set aside for objects, used or not. [`contains`](Self::contains) compares with it.
    /// Costs nothing.
    ///
    /// ```
    /// let heap = permacode::HeapArena::new()?;
    /// let value = permacode::HeapRc::new(&heap, 1)?;
    /// assert!(heap.address_range().contains(&(&raw const *value).addr()));
    /// assert_eq!(heap.address_range().len(), heap.stats().reserved);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address_range(&self) -> core::ops::Range<usize> {
        let start = self.slabs().base.addr().get();
        start..start + self.slabs().plan.slabs * SLAB
    }

    /// Returns the bytes of address space that the heap takes, those for what it knows of its objects included.
    ///
    /// Without a [chosen size](crate::heap::HeapArenaBuilder::reservation) it says what the system granted. It never changes;
    /// [`address_range`](Self::address_range) is the part for objects. Costs nothing.
    ///
    /// ```
    /// let heap = permacode::HeapArena::new()?;
    /// assert!(heap.address_space() >= heap.address_range().len());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address_space(&self) -> usize {
        self.slabs().pages.len()
    }

    /// Returns the address ranges of the heap's own records, in front of the objects and behind them. The heap writes
    /// to these pages, and a program never does.
    ///
    /// They hold everything but the value of the [`HeapArena`] itself, which lies wherever its owner put it, until it is
    /// [leaked](Self::leak). They are a sixteenth of the reservation and more, of which little is ever touched.
    ///
    /// ```
    /// let heap = permacode::HeapArena::new()?;
    /// let [front, back] = heap.bookkeeping_ranges();
    /// assert_eq!((front.end, back.start), (heap.address_range().start, heap.address_range().end));
    /// assert!(!heap.contains(front.start as *const u8));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn bookkeeping_ranges(&self) -> [core::ops::Range<usize>; 2] {
        let (slabs, plan) = (self.slabs(), &self.slabs().plan);
        let start = slabs.base.addr().get() - plan.objects;
        [start..start + plan.objects, start + plan.far().start..start + plan.len]
    }

    /// Returns a pointer to the first byte of the objects' part, for checks that read all of it. Feature `testing`.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn base(&self) -> core::ptr::NonNull<u8> {
        self.slabs().base
    }

    /// Returns `true` if an address lies in the part of the reservation that is set aside for objects: one subtraction
    /// and one comparison.
    ///
    /// `true` for all of it, used or not, and for freed objects. Values of size zero lie nowhere, so the answer for
    /// them is false.
    ///
    /// ```
    /// let heap = permacode::HeapArena::new()?;
    /// let value = permacode::HeapRc::new(&heap, String::from("bytes of the system's allocator"))?;
    /// assert!(heap.contains(&raw const *value));
    /// assert!(!heap.contains(value.as_ptr()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn contains<T: ?Sized>(&self, address: *const T) -> bool {
        let offset = address.cast::<u8>().addr().wrapping_sub(self.slabs().base.addr().get());
        offset < self.slabs().plan.slabs * SLAB
    }
}

impl fmt::Display for HeapStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reserved, live, objects, cached, slabs, committed, system_calls } = self;
        write!(f, "{live} bytes in {objects} object{}; {cached} bytes of free ones cached", plural(*objects))?;
        write!(f, "; {slabs} slab{}, {committed} of {reserved} bytes writable", plural(*slabs))?;
        write!(f, "; {system_calls} system call{}", plural(*system_calls))
    }
}

impl fmt::Display for ClassStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, live, cached } = self;
        write!(f, "{size} bytes: {live} live, {cached} cached")
    }
}
