//! Every live object, and a mark for each: what a collector needs, out of line.
//!
//! An object is live if it was handed out and has not come back; objects in a magazine have come back. Marks are bits
//! beside the free ones, so a collector writes to no object page. A full mark in a forked child dirties one page of
//! bits for each MiB of objects of 64 bytes. With objects of 8 bytes, it is one for each 128 KiB.

use crate::heap::HeapArena;
use crate::heap::slabs::{BITS, Flag, SLAB, SlabUse, Slabs, TABLE};
use core::cell::Cell;
use core::ptr::NonNull;

/// The objects that [`HeapArena::sweep`] freed, in numbers.
///
/// ```
/// use permacode::HeapArena;
/// use permacode::heap::SweepReport;
/// use std::alloc::Layout;
///
/// let heap = HeapArena::new()?;
/// heap.alloc(Layout::new::<[u8; 100]>())?;
/// // SAFETY: nobody uses the object.
/// let swept = unsafe { heap.sweep() };
/// assert_eq!(swept, SweepReport { objects: 1, bytes: 104 }); // its class has 104 bytes
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Objects.
    pub objects: usize,
    /// Bytes, each object counted with the size of its class, a large one in units of 4 KiB.
    pub bytes: usize,
}

impl HeapArena {
    /// Calls `visit` with the address and the size of every live object, in the order of their addresses.
    ///
    /// The size is that of the class, or in units of 4 KiB that of a large object. `visit` may allocate and free.
    /// Objects that it frees are not visited any more; objects that it allocates may or may not be.
    ///
    /// Costs a look at the bits of each slab. The magazine of each class that is met is flushed, so that objects there
    /// count as free. So a walk writes to pages of bookkeeping, and in a forked child copies some of these. It touches
    /// no object and copies no page of objects. No system call.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// let (small, large) = (heap.alloc(Layout::new::<[u8; 100]>())?, heap.alloc(Layout::new::<[u8; 40_000]>())?);
    /// let mut found = Vec::new();
    /// heap.walk(|object, size| found.push((object, size)));
    /// assert_eq!(found, [(small, 104), (large, 40 << 10)]);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn walk(&self, mut visit: impl FnMut(NonNull<u8>, usize)) {
        for number in 0..self.slabs().high.get() {
            match self.slabs().slab(number).usage() {
                SlabUse::Vacant | SlabUse::Rest(_) => {}
                SlabUse::Span(extent) => visit(self.slabs().address(number), extent.bytes()),
                SlabUse::Class(class) => self.walk_slab(number, class, &mut visit),
            }
        }
    }

    fn walk_slab(&self, number: usize, class: usize, visit: &mut impl FnMut(NonNull<u8>, usize)) {
        let (slabs, table) = (self.slabs(), &TABLE[class]);
        for word in 0..table.words {
            let mut seen = 0;
            loop {
                // What `visit` did may lie in the magazine; it may even have given the slab to another class.
                self.flush(class);
                let slab = slabs.slab(number);
                if slab.usage() != SlabUse::Class(class) {
                    return;
                }
                let rest = slabs.out_in(slab, table, word) & !seen;
                if rest == 0 {
                    break;
                }
                let bit = rest.trailing_zeros() as usize;
                // This one and all before it.
                seen = u64::MAX >> (BITS - 1 - bit);
                // SAFETY: an object of the slab.
                let object = unsafe { slabs.address(number).add((word * BITS + bit) * table.size) };
                visit(object, table.size);
            }
        }
    }

    /// Marks the object that holds an address; whether it was not marked before. `None` where no object of this heap can be.
    ///
    /// The address may point into the object, as a conservative collector's do; it is never dereferenced. Costs a division by
    /// multiplication and a write of one word, out of line, also if the mark is there already. A free place can be marked as well, which
    /// keeps nothing alive.
    ///
    /// A mark belongs to a place: it stays when an object that shares a slab is freed, and the next one there has it. So between marking
    /// and sweeping free nothing by hand, or [`clear_marks`](Self::clear_marks) and begin again.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// let object = heap.alloc(Layout::new::<[u8; 100]>())?.as_ptr();
    /// assert_eq!(heap.mark(object.wrapping_add(99)), Some(true)); // its last byte serves
    /// assert_eq!(heap.mark(object), Some(false)); // it was marked before
    /// assert_eq!(heap.mark("elsewhere"), None);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn mark<T: ?Sized>(&self, address: *const T) -> Option<bool> {
        self.slabs().mark(address.cast::<u8>().addr())
    }

    /// Returns `true` if the object that holds an address is marked; `false` if no object of this heap can be there.
    ///
    /// Costs what [`mark`](Self::mark) costs, without the write.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// let [one, other] = [heap.alloc(Layout::new::<u64>())?, heap.alloc(Layout::new::<u64>())?].map(|object| object.as_ptr());
    /// heap.mark(one);
    /// assert_eq!((heap.is_marked(one), heap.is_marked(other)), (true, false)); // neighbours, each with a mark of its own
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn is_marked<T: ?Sized>(&self, address: *const T) -> bool {
        let slabs = self.slabs();
        let Some((number, index)) = slabs.object_at(address.cast::<u8>().addr()) else { return false };
        let slab = slabs.slab(number);
        let SlabUse::Class(class) = slab.usage() else { return slab.is(Flag::Marked) };
        let (_, marks) = slabs.bits(slab, &TABLE[class]);
        marks[index / BITS].get() >> (index % BITS) & 1 == 1
    }

    /// Takes every mark away. Costs a look at the marks of each slab, and a write for each word of 64 in which there is one.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// let object = heap.alloc(Layout::new::<u64>())?.as_ptr();
    /// heap.mark(object);
    /// heap.clear_marks();
    /// assert!(!heap.is_marked(object));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn clear_marks(&self) {
        let _round = RoundEnd(&self.mark_round);
        for number in 0..self.slabs().high.get() {
            self.slabs().clear_marks(number);
        }
    }

    /// Frees every live object that is not marked, and takes the marks away. No destructor runs.
    ///
    /// A heap that holds transient code is swept with [`Transients::sweep`](crate::Transients::sweep), which ends the code that it frees.
    ///
    /// Costs a flush of all magazines, and a look at the bits of each slab. Each word of them, 64 objects, costs a
    /// write. It touches no object. Memory goes back as after frees ([`Decay`](crate::heap::Decay)).
    ///
    /// # Safety
    ///
    /// 1. Nobody uses an object that is not marked any more, be it through a pointer, a collection, a [`HeapRc`](crate::HeapRc), or to free
    ///    it. For a [`GlobalHeap`](crate::heap::GlobalHeap) that holds for other threads too, from the call of its
    ///    [`heap`](crate::heap::GlobalHeap::heap) on.
    /// 2. No transient code lies on the heap, or all of it is marked. Otherwise each of its
    ///    [`Transients`](crate::Transients) that still exists [retired](crate::Transients::retire_unmarked) its
    ///    unmarked code, after the last mark was set and code made.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<u64>());
    /// let [kept, _lost] = [heap.alloc(layout)?, heap.alloc(layout)?];
    /// heap.mark(kept.as_ptr());
    /// // SAFETY: nobody uses what is not marked.
    /// assert_eq!(unsafe { heap.sweep() }.objects, 1);
    /// assert!(heap.stats().objects == 1 && !heap.is_marked(kept.as_ptr())); // ready for the next mark
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub unsafe fn sweep(&self) -> SweepReport {
        let _round = RoundEnd(&self.mark_round);
        self.flush_all();
        let mut swept = SweepReport::default();
        for number in 0..self.slabs().high.get() {
            let dead = self.slabs().sweep_slab(number);
            swept.objects += dead.objects;
            swept.bytes += dead.bytes;
        }
        self.spend(swept.objects);
        swept
    }

    /// The number of the round of marks: of the time between two calls that take them away. The first is 1.
    ///
    /// A mark that was set on a live object in this round is there until the round ends.
    #[inline]
    pub(crate) fn mark_round(&self) -> u64 {
        self.mark_round.get()
    }
}

/// Ends the round when it is dropped: after the last mark went, and also if a [`PageSource`](crate::pages::PageSource) panics before. So what
/// that marks meanwhile counts as marked in no later round.
struct RoundEnd<'h>(&'h Cell<u64>);

impl Drop for RoundEnd<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Slabs {
    /// Marks the object at an address. All work of a collector goes through here, so nothing is looked up twice.
    fn mark(&self, address: usize) -> Option<bool> {
        let offset = self.offset(address)?;
        let slab = self.slab(offset / SLAB);
        let Some(class) = slab.class() else { return self.mark_large(address) };
        let table = &TABLE[class];
        let index = table.index(offset % SLAB);
        if index >= usize::from(slab.first_untouched.get()) {
            return None;
        }
        // SAFETY: 1. A slab of a class took a bitmap of twice so many words when it became that, the marks behind the free ones; the index is
        // of an object that was handed out, so its word is one of `table.words`. 2. The pool is borrowed.
        let word = unsafe { self.pool.word(slab.bitmap(), table.words + index / BITS) };
        let (marked, bit) = (word.get(), 1 << (index % BITS));
        word.set(marked | bit);
        Some(marked & bit == 0)
    }

    #[cold]
    fn mark_large(&self, address: usize) -> Option<bool> {
        self.object_at(address).map(|(first, _)| self.mark_span(first))
    }

    fn clear_marks(&self, number: usize) {
        let slab = self.slab(number);
        match slab.usage() {
            SlabUse::Class(class) => {
                let (_, marks) = self.bits(slab, &TABLE[class]);
                marks.iter().filter(|word| word.get() != 0).for_each(|word| word.set(0));
            }
            _ => _ = slab.note(Flag::Marked, false),
        }
    }

    fn sweep_slab(&self, number: usize) -> SweepReport {
        let slab = self.slab(number);
        match slab.usage() {
            SlabUse::Vacant | SlabUse::Rest(_) => SweepReport::default(),
            SlabUse::Span(_) if slab.note(Flag::Marked, false) => SweepReport::default(),
            SlabUse::Span(extent) => {
                self.free_span(number, extent);
                SweepReport { objects: 1, bytes: extent.bytes() }
            }
            SlabUse::Class(class) => {
                let table = &TABLE[class];
                let (free, marks) = self.bits(slab, table);
                let mut objects = 0;
                for word in 0..table.words {
                    let dead = self.out_in(slab, table, word) & !marks[word].get();
                    free[word].set(free[word].get() | dead);
                    #[cfg(debug_assertions)]
                    self.forget(slab, table, word, dead);
                    objects += dead.count_ones() as usize;
                }
                self.clear_marks(number);
                if objects != 0 {
                    self.count_freed(class, table, objects);
                    self.freed(class, number, slab, objects as u32, true);
                }
                SweepReport { objects, bytes: objects * table.size }
            }
        }
    }
}
