//! Operation sequences on a heap arena, for property tests and for fuzzing. What must hold after each is in `heap_model.rs`.

use crate::Reserve;
use arbitrary::Arbitrary;
use std::alloc::Layout;

/// A sequence of operations on one heap. Plain data: an operation is eight bytes or less.
///
/// ```
/// use permacode_model::{HeapCase, HeapOp, Reserve, Shape};
///
/// let words = Shape { kind: 0, size: 24 };
/// let ops = vec![HeapOp::AllocMany(words, 200), HeapOp::Fence, HeapOp::FreeMany(0), HeapOp::Alloc(words), HeapOp::Walk];
/// HeapCase { reserve: Reserve::Ordinary, megabytes: 0, limit: None, ops }.check(); // panics where something does not hold
/// ```
#[derive(Arbitrary, Clone, Debug)]
pub struct HeapCase {
    /// Where pages come from.
    pub reserve: Reserve,
    /// Megabytes to reserve, less one, modulo 32. Above: when memory goes back by itself (after 8 seconds, from 64 on at once, from 96 on
    /// never); from 128 on the same, with huge pages from the first byte on.
    pub megabytes: u8,
    /// Kilobytes that may be live, if there is a limit.
    pub limit: Option<u16>,
    /// What is done, in this order.
    pub ops: Vec<HeapOp>,
}

/// One operation. Indices are taken modulo what there is; an operation on what there is none of does nothing.
///
/// ```
/// use permacode_model::{HeapCase, HeapOp, Reserve, Shape};
///
/// let (small, large) = (Shape { kind: 0, size: 24 }, Shape { kind: 7, size: 40_000 }); // 24 bytes, and 640,000
/// let refused = HeapOp::Fail(1); // the next commit
/// let ops = vec![HeapOp::Malloc(small), refused, HeapOp::Realloc(0, large), HeapOp::Realloc(0, large), HeapOp::Sweep(0)];
/// // The object is kept as it is when it cannot grow, and grows when asked again.
/// HeapCase { reserve: Reserve::Ordinary, megabytes: 1, limit: None, ops }.check();
/// ```
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum HeapOp {
    /// Allocates.
    Alloc(Shape),
    /// Allocates zeroed.
    AllocZeroed(Shape),
    /// Allocates so many objects of a shape.
    AllocMany(Shape, u8),
    /// Allocates through C, zeroed if the size is odd.
    Malloc(Shape),
    /// Allocates through the callback of Lua.
    Lua(Shape),
    /// Frees one.
    Free(u16),
    /// Frees every second, or third, or fourth of all.
    FreeMany(u8),
    /// Changes one's size.
    Realloc(u16, Shape),
    /// Makes one so many sixteenths larger, as a vector grows.
    Grow(u16, u8),
    /// Gives memory back.
    Trim,
    /// Rests for so many seconds.
    Idle(u8),
    /// Looks at everything.
    Walk,
    /// Marks each object whose number has this bit set, and sweeps the others.
    Sweep(u8),
    /// Puts a fence.
    Fence,
    /// Lifts it.
    LiftFence,
    /// Frees everything.
    Reset,
    /// Makes a later page call fail.
    Fail(u8),
}

/// A size and an alignment, as real programs ask for them: mostly small. Four bytes, `Copy`.
///
/// By `kind % 8`, a size is `size` modulo 160 (0 to 3), modulo 520 (4), as it is (5), modulo 40,000 (6) or times 16 (7), in bytes: at most
/// 1 MiB. By `kind / 8`, the alignment is 8 bytes (0 to 9), 16 (10 to 19), 1 MiB (20), or 1, 2, 4 and so on up to 1 KiB (21 to 31).
///
/// ```
/// use permacode_model::{HeapCase, HeapOp, Reserve, Shape};
///
/// let page_aligned = Shape { kind: 20 * 8 + 6, size: 12_345 };
/// let ops = vec![HeapOp::AllocZeroed(page_aligned), HeapOp::Walk, HeapOp::Free(0)];
/// HeapCase { reserve: Reserve::Ordinary, megabytes: 3, limit: None, ops }.check(); // 12,345 zeros, aligned to 1 MiB
/// ```
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Shape {
    /// Chooses the order of magnitude, and the alignment: see the type.
    pub kind: u8,
    /// Chooses the size within it.
    pub size: u16,
}

impl Shape {
    pub(crate) fn layout(self) -> Layout {
        let size = usize::from(self.size);
        let size = match self.kind % 8 {
            0..=3 => size % 160,
            4 => size % 520,
            5 => size,
            6 => size % 40_000,
            _ => size * 16,
        };
        let align = match self.kind / 8 {
            0..=9 => 8,
            10..=19 => 16,
            kind => 1 << (kind % 21),
        };
        Layout::from_size_align(size, align).expect("small sizes fit")
    }
}
