//! An object that is counted, and the cell that counts it while somebody points to it weakly.
//!
//! ```text
//!   HeapRc ──▶ ┌ count │ heap ┬ value ┐          no weak pointers: two words, and no more work than a count takes
//!
//!   HeapRc ──▶ ┌ MAX   │ cell ┬ value ┐          with weak pointers: the second word has a tag
//!                         ▼
//!   HeapWeak ─▶ ┌ strong │ weak │ heap ┐         an object of its own, which outlives the value
//! ```
//!
//! * A count below `MAX` is the number of pointers, and the second word is the heap.
//! * At `MAX` the second word decides. With a tag it is the cell, and the cell has the counts. Without, the count overflowed: it is unknown, and the
//!   value is never dropped.
//! * A cell is there exactly while its weak count is not 0. Its strong count is 0 as soon as the value is being dropped, and then no weak
//!   pointer touches the object any more.
//!
//! So pointers to objects without weak ones do what they would do if there were none at all, instruction by instruction.

use crate::error::Error;
use crate::heap::HeapArena;
use core::alloc::Layout;
use core::cell::Cell;
use core::marker::PhantomData;
use core::num::NonZero;
use core::ptr::{self, NonNull};

/// A value with its header.
#[repr(C)]
pub(super) struct Counted<'h, T: ?Sized> {
    header: Header,
    heap: PhantomData<&'h HeapArena>,
    pub(super) value: T,
}

/// The two words before a value.
pub(super) struct Header {
    count: Cell<usize>,
    /// The heap, or a [`WeakCell`] with a [`TAG`].
    home: Cell<NonNull<HeapArena>>,
}

/// The counts of an object that has weak pointers.
pub(super) struct WeakCell {
    strong: Cell<usize>,
    weak: Cell<usize>,
    heap: NonNull<HeapArena>,
}

/// The count says nothing: the second word does.
const ELSEWHERE: usize = usize::MAX;
/// A count that overflowed. It stays.
const UNKNOWN: usize = usize::MAX;
/// In the second word: it is a cell. Neither a heap nor a cell has an odd address.
const TAG: usize = 1;

const _: () = assert!(align_of::<HeapArena>() > TAG && align_of::<WeakCell>() > TAG);

impl Header {
    pub(super) fn new(heap: &HeapArena) -> Self {
        Self { count: Cell::new(1), home: Cell::new(NonNull::from(heap)) }
    }

    /// The cell that has the counts, if there are weak pointers.
    #[inline]
    pub(super) fn cell(&self) -> Option<NonNull<WeakCell>> {
        let home = self.home.get();
        let tagged = self.count.get() == ELSEWHERE && home.addr().get() & TAG != 0;
        tagged.then(|| home.map_addr(|at| NonZero::new(at.get() & !TAG).unwrap_or(at)).cast())
    }

    /// Counts one pointer more.
    #[inline]
    pub(super) fn add(&self) {
        // One instruction adds and tells.
        match self.count.get().wrapping_add(1) {
            0 => self.add_slow(),
            more => self.count.set(more),
        }
    }

    #[cold]
    #[inline(never)]
    fn add_slow(&self) {
        if let Some(cell) = self.cell() {
            // SAFETY: a cell is live while the object leads to it.
            unsafe { cell.as_ref() }.add_strong();
        }
    }

    /// Pointers to the object, and weak ones.
    pub(super) fn counts(&self) -> (usize, usize) {
        match self.cell() {
            // SAFETY: a cell is live while the object leads to it.
            Some(cell) => unsafe { cell.as_ref() }.counts(),
            None => (self.count.get(), 0),
        }
    }

    /// Returns `true` for one pointer and no weak one.
    #[inline]
    pub(super) fn is_unique(&self) -> bool {
        self.count.get() == 1
    }

    #[cfg(test)]
    pub(super) fn set_count(&self, count: usize) {
        self.count.set(count);
    }

    /// The cell, which is made if there is none, counted once more.
    fn weaken(&self, heap: &HeapArena) -> Result<NonNull<WeakCell>, Error> {
        if let Some(cell) = self.cell() {
            // SAFETY: a cell is live while the object leads to it.
            unsafe { cell.as_ref() }.add_weak();
            return Ok(cell);
        }
        let cell: NonNull<WeakCell> = heap.alloc(Layout::new::<WeakCell>())?.cast();
        let counts = WeakCell { strong: self.count.clone(), weak: Cell::new(1), heap: NonNull::from(heap) };
        // SAFETY: a new object of this layout.
        unsafe { cell.write(counts) };
        self.count.set(ELSEWHERE);
        self.home.set(cell.cast::<HeapArena>().map_addr(|at| at | TAG));
        Ok(cell)
    }
}

impl WeakCell {
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.strong.get(), self.weak.get())
    }

    pub(super) fn heap(&self) -> NonNull<HeapArena> {
        self.heap
    }

    pub(super) fn add_strong(&self) {
        self.strong.set(self.strong.get().saturating_add(1));
    }

    pub(super) fn add_weak(&self) {
        self.weak.set(self.weak.get().saturating_add(1));
    }
}

impl<'h, T> Counted<'h, T> {
    /// Moves a value to the heap, counted once.
    pub(super) fn new(heap: &'h HeapArena, value: T) -> Result<NonNull<Self>, Error> {
        let object = heap.alloc(Layout::new::<Self>())?.cast();
        // SAFETY: a new object of this layout.
        unsafe { object.write(Self { header: Header::new(heap), heap: PhantomData, value }) };
        Ok(object)
    }
}

impl<'h, T> Counted<'h, [T]> {
    /// Copies the bytes of so many values to the heap, counted once.
    ///
    /// # Safety
    ///
    /// The values are not used any more, unless they are `Copy`.
    pub(super) unsafe fn of_values(heap: &'h HeapArena, first: NonNull<T>, len: usize) -> Result<NonNull<Self>, Error> {
        let too_large = Error::TooLarge { len, element: size_of::<T>() };
        let values = Layout::array::<T>(len).map_err(|_| too_large)?;
        // Of the header alone, with the alignment of the values and filled up to it: the values begin where it ends.
        let header = Layout::new::<Counted<'h, [T; 0]>>();
        let (layout, offset) = header.extend(values).map_err(|_| too_large)?;
        let object = heap.alloc(layout.pad_to_align())?;
        // SAFETY: a new object of this layout, apart from all others: a header at its beginning, and the values where `repr(C)` has them.
        unsafe {
            object.cast().write(Header::new(heap));
            object.add(offset).cast::<T>().copy_from_nonoverlapping(first, len);
        }
        // The length of the values is the length of the whole, as of every type that ends with a slice.
        let whole = ptr::slice_from_raw_parts_mut(object.as_ptr().cast::<T>(), len) as *mut Self;
        // SAFETY: not null, as `object` is not.
        Ok(unsafe { NonNull::new_unchecked(whole) })
    }
}

impl<'h, T: ?Sized> Counted<'h, T> {
    #[inline]
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The heap that the object lies in.
    pub(super) fn heap(&self) -> &'h HeapArena {
        // SAFETY: a cell is live while the object leads to it.
        let home = self.header.cell().map_or(self.header.home.get(), |cell| unsafe { cell.as_ref() }.heap);
        // SAFETY: it was made of a `&'h HeapArena`, which `'h` still borrows.
        unsafe { home.as_ref() }
    }

    /// The cell for one weak pointer more.
    pub(super) fn weaken(&self) -> Result<NonNull<WeakCell>, Error> {
        self.header.weaken(self.heap())
    }

    /// Counts one pointer less, and drops the value with the last one.
    ///
    /// # Safety
    ///
    /// The object is live, and one of the pointers that are counted is not used any more.
    #[inline]
    pub(super) unsafe fn release(object: NonNull<Self>) {
        // SAFETY: the caller's promise.
        let header = unsafe { object.as_ref() }.header();
        match header.count.get() {
            // SAFETY: the caller's promise.
            ELSEWHERE => unsafe { Self::release_slow(object) },
            // SAFETY: below `ELSEWHERE` the second word is the heap, and the last pointer is being dropped.
            1 => unsafe { Self::drop_last(object, header.home.get()) },
            more => header.count.set(more - 1),
        }
    }

    /// # Safety
    ///
    /// As for [`release`](Self::release).
    #[cold]
    #[inline(never)]
    unsafe fn release_slow(object: NonNull<Self>) {
        // SAFETY: the caller's promise.
        let Some(cell) = (unsafe { object.as_ref() }).header.cell() else { return };
        // SAFETY: a cell is live while the object leads to it.
        let counts = unsafe { cell.as_ref() };
        match counts.strong.get() {
            UNKNOWN => {}
            1 => {
                // From here on the value is gone for weak pointers, and the last of them may take the cell away.
                counts.strong.set(0);
                // SAFETY: the last pointer is being dropped.
                unsafe { Self::drop_last(object, counts.heap) }
            }
            more => counts.strong.set(more - 1),
        }
    }

    /// Drops the value and frees the object, the latter also if the former panics.
    ///
    /// # Safety
    ///
    /// The object is live and of this heap, and nobody uses it any more.
    #[inline]
    unsafe fn drop_last(object: NonNull<Self>, heap: NonNull<HeapArena>) {
        struct Free<'o>(&'o HeapArena, NonNull<u8>, Layout);
        impl Drop for Free<'_> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the object came from this heap with this layout; the last pointer to it is being dropped.
                unsafe { self.0.free(self.1, self.2) };
            }
        }
        // SAFETY: the caller's promise: the value is dropped once, and its size is asked for before. A heap outlives its objects.
        unsafe {
            let _free = Free(heap.as_ref(), object.cast(), Layout::for_value(object.as_ref()));
            ptr::drop_in_place(&raw mut (*object.as_ptr()).value);
        }
    }

    /// Counts one weak pointer less. The last one gives the cell back, and the counts to the object, if that is there.
    ///
    /// # Safety
    ///
    /// The cell is live, and one of its weak pointers is not used any more. The object is the cell's.
    pub(super) unsafe fn release_weak(object: NonNull<Self>, cell: NonNull<WeakCell>) {
        // SAFETY: the caller's promise.
        let counts = unsafe { cell.as_ref() };
        match counts.weak.get() {
            UNKNOWN => return,
            1 => {}
            more => return counts.weak.set(more - 1),
        }
        let (strong, heap) = (counts.strong.get(), counts.heap);
        if strong != 0 {
            // SAFETY: as long as there are pointers to it, the object is live.
            let header = unsafe { object.as_ref() }.header();
            header.count.set(strong);
            header.home.set(heap);
        }
        // SAFETY: it came from this heap with this layout, and nothing leads to it any more. The heap outlives it.
        unsafe { heap.as_ref().free(cell.cast(), Layout::new::<WeakCell>()) };
    }
}

impl<'h, T> Counted<'h, T> {
    /// Takes the value out and frees the object, if there is one pointer to it. Weak pointers find nothing from then on.
    ///
    /// # Safety
    ///
    /// The object is live. If this returns a value, the pointer is not used any more.
    pub(super) unsafe fn take(object: NonNull<Self>) -> Option<T> {
        // SAFETY: the caller's promise.
        let counted = unsafe { object.as_ref() };
        let (heap, cell) = (counted.heap(), counted.header.cell());
        if counted.header.counts().0 != 1 {
            return None;
        }
        if let Some(cell) = cell {
            // SAFETY: a cell is live while the object leads to it.
            unsafe { cell.as_ref() }.strong.set(0);
        }
        // SAFETY: the only pointer, which is not used any more: the value is moved out once, and the object given back without dropping it.
        unsafe {
            let value = ptr::read(&raw const counted.value);
            heap.free(object.cast(), Layout::new::<Self>());
            Some(value)
        }
    }
}
