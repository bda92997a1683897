//! What several of the heap's test files need: filled objects, random numbers, children, and the kernel's word on memory.
#![allow(dead_code, unused_imports)] // each test file uses a part

use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;
use permacode::{Error, HeapArena};
#[cfg(target_os = "linux")]
pub(crate) use permacode_witness::{in_child, limit, status, watched};

pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// Bytes that no heap of these tests has: a terabyte, or a gigabyte where addresses have 32 bits.
pub(crate) const VAST: usize = 1 << if usize::BITS > 32 { 40 } else { 30 };

/// A small generator with a seed, so that every run does the same.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % bound as u64) as usize // the same on targets of narrower words
    }
}

/// One object of [`Objects`].
#[derive(Clone, Copy)]
pub(crate) struct Object {
    pub(crate) at: NonNull<u8>,
    pub(crate) layout: Layout,
    byte: u8,
}

impl Object {
    pub(crate) fn range(&self) -> Range<usize> {
        let start = self.at.addr().get();
        start..start + self.layout.size()
    }
}

/// Objects of a heap, each filled with a byte of its own, and freed one by one.
pub(crate) struct Objects<'h> {
    pub(crate) heap: &'h HeapArena,
    pub(crate) all: Vec<Object>,
    made: usize,
}

impl<'h> Objects<'h> {
    pub(crate) fn new(heap: &'h HeapArena) -> Self {
        Self { heap, all: Vec::new(), made: 0 }
    }

    /// As many objects of a size.
    pub(crate) fn of(heap: &'h HeapArena, count: usize, size: usize) -> Self {
        let mut objects = Self::new(heap);
        (0..count).for_each(|_| _ = objects.alloc(layout(size, 8)).unwrap());
        objects
    }

    pub(crate) fn alloc(&mut self, layout: Layout) -> Result<NonNull<u8>, Error> {
        let at = self.heap.alloc(layout)?;
        self.made += 1;
        let byte = (self.made % 255) as u8 + 1;
        // SAFETY: a new object of this layout.
        unsafe { at.write_bytes(byte, layout.size()) };
        self.all.push(Object { at, layout, byte });
        Ok(at)
    }

    /// Checks and frees one; the last takes its number.
    pub(crate) fn free(&mut self, index: usize) {
        let object = self.all.swap_remove(index);
        self.check_one(&object);
        // SAFETY: taken from the list, so freed once, with its layout.
        unsafe { self.heap.free(object.at, object.layout) };
    }

    /// Frees those for which `dies` says so, by their number.
    pub(crate) fn free_if(&mut self, mut dies: impl FnMut(usize) -> bool) {
        for index in (0..self.all.len()).rev().filter(|&index| dies(index)).collect::<Vec<_>>() {
            self.free(index);
        }
    }

    pub(crate) fn free_all(&mut self) {
        self.free_if(|_| true);
    }

    /// Checks and resizes one.
    pub(crate) fn realloc(&mut self, index: usize, size: usize) -> Result<(), Error> {
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

    /// Every object holds what it was filled with.
    pub(crate) fn check(&self) {
        self.all.iter().for_each(|object| self.check_one(object));
    }

    pub(crate) fn ranges(&self) -> Vec<Range<usize>> {
        self.all.iter().map(Object::range).collect()
    }
}

/// Whether each of `bytes` is `byte`; quick in a debug build.
pub(crate) fn all(bytes: &[u8], byte: u8) -> bool {
    bytes.split_first().is_none_or(|(&first, rest)| first == byte && rest == &bytes[..rest.len()])
}

/// What a closure says when it panics, which it must.
#[track_caller]
pub(crate) fn panics(body: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).expect_err("nothing panicked");
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap()
}

/// Bytes of a heap's objects' pages that are in physical memory, as the kernel says.
#[cfg(target_os = "linux")]
pub(crate) fn resident(heap: &HeapArena) -> usize {
    let start = heap.address_range().start;
    let objects = start..start + heap.stats().committed;
    permacode_witness::copied(0, [objects]).unwrap() * 4096
}
