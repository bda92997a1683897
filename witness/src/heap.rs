//! Objects of a heap that know what they were filled with, and the kernel's word on the heap.

use crate::all;
use permacode::{Error, HeapArena};
use std::alloc::Layout;
use std::ops::Range;
use std::ptr::NonNull;
use std::slice;

/// Returns a layout.
///
/// # Panics
///
/// There is none of this size and alignment.
pub fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// One object of [`Objects`].
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// Its first byte.
    pub at: NonNull<u8>,
    /// Its layout.
    pub layout: Layout,
    byte: u8,
}

impl Object {
    /// Returns its addresses.
    pub fn range(&self) -> Range<usize> {
        let start = self.at.addr().get();
        start..start + self.layout.size()
    }
}

/// Objects of a heap, each filled with a byte of its own, and freed one by one.
#[derive(Debug)]
pub struct Objects<'h> {
    /// Their heap.
    pub heap: &'h HeapArena,
    /// Those that live.
    pub all: Vec<Object>,
    made: usize,
}

impl<'h> Objects<'h> {
    /// Starts with no object.
    pub fn new(heap: &'h HeapArena) -> Self {
        Self { heap, all: Vec::new(), made: 0 }
    }

    /// Allocates as many objects of a size.
    ///
    /// # Panics
    ///
    /// The heap refuses.
    pub fn of(heap: &'h HeapArena, count: usize, size: usize) -> Self {
        let mut objects = Self::new(heap);
        (0..count).for_each(|_| _ = objects.alloc(layout(size, 8)).unwrap());
        objects
    }

    /// Allocates an object, and fills it.
    ///
    /// # Errors
    ///
    /// Those of the heap.
    pub fn alloc(&mut self, layout: Layout) -> Result<NonNull<u8>, Error> {
        let at = self.heap.alloc(layout)?;
        self.made += 1;
        let byte = (self.made % 255) as u8 + 1;
        // SAFETY: a new object of this layout.
        unsafe { at.write_bytes(byte, layout.size()) };
        self.all.push(Object { at, layout, byte });
        Ok(at)
    }

    /// Checks and frees one; the last takes its number.
    ///
    /// # Panics
    ///
    /// It was overwritten.
    pub fn free(&mut self, index: usize) {
        let object = self.all.swap_remove(index);
        self.check_one(&object);
        // SAFETY: taken from the list, so freed once, with its layout.
        unsafe { self.heap.free(object.at, object.layout) };
    }

    /// Frees those for which `dies` says so, by their number.
    pub fn free_if(&mut self, mut dies: impl FnMut(usize) -> bool) {
        for index in (0..self.all.len()).rev().filter(|&index| dies(index)).collect::<Vec<_>>() {
            self.free(index);
        }
    }

    /// Frees all.
    pub fn free_all(&mut self) {
        self.free_if(|_| true);
    }

    /// Checks and resizes one.
    ///
    /// # Errors
    ///
    /// Those of the heap; the object is as it was then.
    pub fn realloc(&mut self, index: usize, size: usize) -> Result<(), Error> {
        let old = self.all[index];
        self.check_one(&old);
        let new = layout(size, old.layout.align());
        // SAFETY: a live object with its layout; its old address is forgotten if it moved.
        let at = unsafe { self.heap.realloc(old.at, old.layout, new) }?;
        self.check_one(&Object { at, layout: layout(size.min(old.layout.size()), old.layout.align()), ..old });
        // SAFETY: an object of this layout.
        unsafe { at.write_bytes(old.byte, size) };
        self.all[index] = Object { at, layout: new, ..old };
        Ok(())
    }

    fn check_one(&self, object: &Object) {
        // SAFETY: a live object, filled when it was made.
        let bytes = unsafe { slice::from_raw_parts(object.at.as_ptr(), object.layout.size()) };
        assert!(all(bytes, object.byte), "{:?} was overwritten", object.at);
    }

    /// Checks that every object holds what it was filled with.
    ///
    /// # Panics
    ///
    /// One was overwritten.
    pub fn check(&self) {
        self.all.iter().for_each(|object| self.check_one(object));
    }

    /// Returns the addresses of each.
    pub fn ranges(&self) -> Vec<Range<usize>> {
        self.all.iter().map(Object::range).collect()
    }
}

/// Returns what a closure says when it panics.
///
/// # Panics
///
/// It does not.
#[track_caller]
pub fn panics(body: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).expect_err("nothing panicked");
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap()
}

/// Returns the bytes of a heap's objects' pages that are in physical memory, as the kernel says.
///
/// # Panics
///
/// It says nothing.
#[cfg(target_os = "linux")]
pub fn resident(heap: &HeapArena) -> usize {
    let start = heap.address_range().start;
    let objects = start..start + heap.stats().committed;
    crate::resident(0, objects).unwrap()
}
