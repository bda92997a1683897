//! Operation sequences on a heap arena, for property tests and for fuzzing. What must hold after each is in `heap_model.rs`.

use super::Reserve;
use super::heap_model::State;
use crate::heap::HeapArena;
use arbitrary::Arbitrary;
use core::alloc::Layout;

/// A sequence of operations on one heap.
#[derive(Arbitrary, Clone, Debug)]
pub struct HeapCase {
    /// Where pages come from.
    pub reserve: Reserve,
    /// Megabytes to reserve, less one, modulo 32.
    pub megabytes: u8,
    /// Kilobytes that may be live, if there is a limit.
    pub limit: Option<u16>,
    /// What is done, in this order.
    pub ops: Vec<HeapOp>,
}

/// One operation. Indices are taken modulo what there is.
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

/// A size and an alignment, as real programs ask for them: mostly small.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Shape {
    /// Chooses the order of magnitude, and the alignment.
    pub kind: u8,
    /// Chooses the size.
    pub size: u16,
}

impl Shape {
    pub(super) fn layout(self) -> Layout {
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

impl HeapCase {
    /// Runs the case.
    ///
    /// # Panics
    ///
    /// When anything does not hold.
    pub fn check(&self) {
        let pages = self.reserve.pages();
        let mut builder =
            HeapArena::builder().reservation((usize::from(self.megabytes % 32) + 1) << 20).pages(pages.clone());
        let limit = self.limit.map(|limit| usize::from(limit) << 10);
        if let Some(limit) = limit {
            builder = builder.limit(limit);
        }
        let heap = builder.build().expect("a small heap can be made");
        let mut state = State::new(heap, &pages, limit);
        for &op in &self.ops {
            state.run(op);
        }
        state.finish();
        assert_eq!(pages.live(), 0, "a reservation was not released");
        assert_eq!(pages.violations(), 0, "the page source was misused");
    }
}
