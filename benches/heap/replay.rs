//! Traces replayed: once with every byte of every object checked, then against the clock.
//!
//! While the clock runs, an object's first and last byte carry a tag that is checked when it moves and when it is freed. So memory is
//! touched as a program does, and an allocator that hands out an object twice cannot win.

use crate::calls::{Kind, Op, Ops};
use crate::subjects::Job;
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::ptr::NonNull;

/// Where the objects are, by slot.
pub(crate) type Table = Vec<NonNull<u8>>;

pub(crate) fn table(slots: usize) -> Table {
    vec![NonNull::dangling(); slots]
}

/// The layout that the interpreter's allocator was asked for.
#[inline(always)]
fn layout(size: u32) -> Layout {
    // SAFETY: a power of two, and far from the largest size.
    unsafe { Layout::from_size_align_unchecked(size as usize, 16) }
}

#[inline(always)]
fn resize<A: Allocator>(heap: A, object: NonNull<u8>, op: Op) -> Result<NonNull<[u8]>, AllocError> {
    // SAFETY: the slot's object is live and has that size.
    unsafe {
        if op.new >= op.old {
            heap.grow(object, layout(op.old), layout(op.new))
        } else {
            heap.shrink(object, layout(op.old), layout(op.new))
        }
    }
}

/// The calls of a trace, or of a part of it. Returns how many objects did not have what was written to them.
pub(crate) struct Replay<'t> {
    pub(crate) ops: Ops<'t>,
    pub(crate) table: &'t mut Table,
}

impl Job for Replay<'_> {
    type Outcome = Result<usize, AllocError>;

    #[inline(never)]
    fn run<A: Allocator + Copy>(self, heap: A) -> Self::Outcome {
        let table = self.table.as_mut_slice();
        let mut wrong = 0;
        for op in self.ops.iter() {
            let entry = &mut table[op.slot as usize];
            let tag = (op.slot.wrapping_mul(0x9E37_79B1) >> 24) as u8;
            // SAFETY: a slot's object is live from the call that makes it to the one that frees it, and has the size that the trace says.
            unsafe {
                match op.kind {
                    Kind::Alloc => *entry = tagged(heap.allocate(layout(op.new))?, op.new, tag),
                    Kind::AllocZeroed => {
                        let object = heap.allocate_zeroed(layout(op.new))?;
                        wrong += usize::from(object.cast::<u8>().read() | last(object.cast(), op.new).read() != 0);
                        *entry = tagged(object, op.new, tag);
                    }
                    Kind::Realloc => {
                        let object = resize(heap, *entry, op)?;
                        let kept = last(object.cast(), op.old.min(op.new)).read();
                        wrong += usize::from(object.cast::<u8>().read() != tag || (op.new >= op.old && kept != tag));
                        *entry = tagged(object, op.new, tag);
                    }
                    Kind::Free => {
                        wrong += usize::from(entry.read() != tag || last(*entry, op.old).read() != tag);
                        heap.deallocate(*entry, layout(op.old));
                    }
                }
            }
        }
        Ok(wrong)
    }
}

/// # Safety
///
/// `object` has `size` bytes, at least one.
#[inline(always)]
unsafe fn last(object: NonNull<u8>, size: u32) -> NonNull<u8> {
    // SAFETY: the last byte.
    unsafe { object.add(size as usize - 1) }
}

/// # Safety
///
/// `object` has `size` bytes, at least one.
#[inline(always)]
unsafe fn tagged(object: NonNull<[u8]>, size: u32, tag: u8) -> NonNull<u8> {
    let object = object.cast::<u8>();
    // SAFETY: the first and the last byte.
    unsafe {
        object.write(tag);
        last(object, size).write(tag);
    }
    object
}

/// The same calls with every byte checked, and the alignment.
pub(crate) struct Verify<'t>(pub(crate) Replay<'t>);

impl Job for Verify<'_> {
    type Outcome = Result<usize, AllocError>;

    fn run<A: Allocator + Copy>(self, heap: A) -> Self::Outcome {
        let Replay { ops, table } = self.0;
        let mut tags = vec![0; table.len()];
        let mut wrong = 0;
        for (number, op) in ops.iter().enumerate() {
            let (entry, tag) = (&mut table[op.slot as usize], &mut tags[op.slot as usize]);
            if op.old != 0 {
                wrong += mismatches(*entry, op.old, |at| pattern(*tag, at));
            }
            let object = match op.kind {
                Kind::Alloc => heap.allocate(layout(op.new))?,
                Kind::AllocZeroed => heap.allocate_zeroed(layout(op.new))?,
                Kind::Realloc => resize(heap, *entry, op)?,
                Kind::Free => {
                    // SAFETY: the slot's object, live, of that size.
                    unsafe { heap.deallocate(*entry, layout(op.old)) };
                    continue;
                }
            };
            *entry = object.cast();
            match op.kind {
                Kind::Realloc => wrong += mismatches(*entry, op.old.min(op.new), |at| pattern(*tag, at)),
                Kind::AllocZeroed => wrong += mismatches(*entry, op.new, |_| 0),
                _ => {}
            }
            // An object of less than 16 bytes need not be aligned to 16 for a program in C.
            wrong += usize::from(op.new >= 16 && entry.addr().get() % 16 != 0);
            *tag = number as u32;
            for at in 0..op.new {
                // SAFETY: within the object.
                unsafe { entry.add(at as usize).write(pattern(*tag, at)) };
            }
        }
        Ok(wrong)
    }
}

fn pattern(tag: u32, at: u32) -> u8 {
    (tag.wrapping_mul(0x9E37_79B1) >> (8 * (at % 4))) as u8 ^ at as u8
}

fn mismatches(object: NonNull<u8>, size: u32, expected: impl Fn(u32) -> u8) -> usize {
    // SAFETY: the object is live and has that size.
    (0..size).filter(|&at| unsafe { object.add(at as usize).read() } != expected(at)).count()
}
