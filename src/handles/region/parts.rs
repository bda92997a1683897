//! The parts of a region: code objects that somebody holds, each with a count of its own, found by where they lie.
//!
//! ```text
//!   Parts { one ─▶ Part ⇄ Part ⇄ … }                          a few
//!   Parts { table ─▶ [ ─▶ Part ⇄ Part │ ─▶ Part │ … ] }       many: a list for each hash of an address
//! ```
//!
//! * A part is in exactly one list as long as it is live; the last one that leaves takes the region along.
//! * The table is an object of the heap and grows with the number of parts. Where the heap has no room for a larger one, the lists grow.

use super::part::Part;
use crate::heap::HeapArena;
use core::alloc::Layout;
use core::cell::Cell;
use core::iter;
use core::ptr::{self, NonNull};
use core::slice;

/// Parts that share a list before there are more lists.
const CROWDED: usize = 8;

/// A list, by its newest part.
type List<'a> = Cell<Option<NonNull<Part<'a>>>>;

/// All parts of one region. They are objects of the heap that whoever lets the last handle go frees.
pub(in crate::handles) struct Parts<'a> {
    len: Cell<usize>,
    /// The only list, while there is no table.
    one: List<'a>,
    table: Cell<Option<NonNull<[List<'a>]>>>,
}

impl<'a> Parts<'a> {
    pub(in crate::handles) const fn new() -> Self {
        Self { len: Cell::new(0), one: Cell::new(None), table: Cell::new(None) }
    }

    pub(in crate::handles) fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    /// The part that holds these bytes; as a pointer to the whole object, which can be freed through it.
    pub(in crate::handles) fn find(&self, root: NonNull<[u8]>) -> Option<NonNull<Part<'a>>> {
        // SAFETY: parts in a list are live.
        Self::in_list(self.list(root)).find(|part| ptr::eq(unsafe { part.as_ref() }.root.as_ptr(), root.as_ptr()))
    }

    /// Adds a part.
    ///
    /// # Safety
    ///
    /// It is live until it is [removed](Self::remove), and in no list; `heap` is that of every call.
    pub(in crate::handles) unsafe fn add(&self, part: NonNull<Part<'a>>, heap: &HeapArena) {
        // If the heap had no room, not before there are as many parts again: asking a full heap is slow.
        let (len, crowd) = (self.len.get(), CROWDED * self.lists().len());
        if len >= crowd && len % crowd == 0 {
            // SAFETY: the caller's promise.
            unsafe { self.grow(heap) };
        }
        // SAFETY: the caller's promise.
        unsafe { self.link(part) };
        self.len.set(self.len.get() + 1);
    }

    /// Takes a part out of its list.
    ///
    /// # Safety
    ///
    /// It is in one.
    pub(in crate::handles) unsafe fn remove(&self, part: NonNull<Part<'a>>) {
        // SAFETY: the caller's promise; neighbours in a list are live.
        unsafe {
            let (above, below) = (part.as_ref().above.get(), part.as_ref().below.get());
            match above {
                Some(above) => above.as_ref().below.set(below),
                None => self.list(part.as_ref().root).set(below),
            }
            below.iter().for_each(|below| below.as_ref().above.set(above));
        }
        self.len.set(self.len.get() - 1);
    }

    /// Marks the parts and the table, for a collector: all, because a part that were swept would still be in its list.
    pub(in crate::handles) fn mark(&self, heap: &HeapArena) {
        self.mark_table(heap);
        self.lists().iter().flat_map(Self::in_list).for_each(|part| _ = heap.mark(part.as_ptr()));
    }

    /// Marks the table alone.
    pub(in crate::handles) fn mark_table(&self, heap: &HeapArena) {
        self.table.get().iter().for_each(|table| _ = heap.mark(table.as_ptr()));
    }

    /// Gives the table back.
    ///
    /// # Safety
    ///
    /// 1. There are no parts any more.
    /// 2. `heap` is that of every call.
    pub(in crate::handles) unsafe fn free_table(&self, heap: &HeapArena) {
        if let Some(table) = self.table.take() {
            // SAFETY: it came from this heap with this layout, and without parts nobody looks into it.
            unsafe { heap.free(table.cast(), Layout::for_value(table.as_ref())) };
        }
    }

    fn lists(&self) -> &[List<'a>] {
        // SAFETY: the table lives until it is replaced or given back, when no list is borrowed.
        self.table.get().map_or(slice::from_ref(&self.one), |table| unsafe { &*table.as_ptr() })
    }

    fn in_list(list: &List<'a>) -> impl Iterator<Item = NonNull<Part<'a>>> + use<'a> {
        // SAFETY: parts in a list are live.
        iter::successors(list.get(), |part| unsafe { part.as_ref() }.below.get())
    }

    /// The list for a value at this address; there are as many as a power of two.
    fn list(&self, root: NonNull<[u8]>) -> &List<'a> {
        let lists = self.lists();
        let address = root.cast::<u8>().addr().get();
        &lists[hash(address) & (lists.len() - 1)]
    }

    /// Puts a part at the head of its list.
    ///
    /// # Safety
    ///
    /// It is live until it is taken out, and in no list.
    unsafe fn link(&self, part: NonNull<Part<'a>>) {
        // SAFETY: the caller's promise; those in a list are live.
        unsafe {
            let list = self.list(part.as_ref().root);
            let below = list.replace(Some(part));
            part.as_ref().above.set(None);
            part.as_ref().below.set(below);
            below.iter().for_each(|below| below.as_ref().above.set(Some(part)));
        }
    }

    /// Makes a table eight times as large, if the heap has room for one.
    ///
    /// # Safety
    ///
    /// `heap` is that of every call.
    unsafe fn grow(&self, heap: &HeapArena) {
        let len = self.lists().len() * CROWDED;
        let Ok(layout) = Layout::array::<List<'a>>(len) else { return };
        // Zeros are empty lists.
        let Ok(table) = heap.alloc_zeroed(layout) else { return };
        let (old, one) = (self.table.replace(Some(NonNull::slice_from_raw_parts(table.cast(), len))), self.one.take());
        // SAFETY: the old table is out of use but for this, and then given back with the layout that it has.
        unsafe {
            let lists = old.map_or(slice::from_ref(&self.one), |old| &*old.as_ptr());
            let heads = lists.iter().map(Cell::take).chain([one]);
            for head in heads {
                let mut next = head;
                while let Some(part) = next {
                    next = part.as_ref().below.get();
                    self.link(part);
                }
            }
            old.iter().for_each(|old| heap.free(old.cast(), Layout::for_value(old.as_ref())));
        }
    }
}

/// Spreads addresses: the high half of a product depends on all bits.
fn hash(address: usize) -> usize {
    (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32) as usize
}
