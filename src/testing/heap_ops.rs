//! Operation sequences on a heap arena, and what must hold after each: one model for property tests and for fuzzing.
//!
//! A [`HeapCase`] is plain data. [`HeapCase::check`] runs it on a heap, through the Rust and the C face in turn, and beside it on a list of
//! what should be live:
//!
//! * no two live objects share a byte, each is aligned, in the heap, and keeps what was written until it is freed (soundness S1);
//! * zeroed objects are zero, also where memory was used before (S2, S15);
//! * a walk visits exactly what is live; marks and a sweep free exactly what is not marked;
//! * the limit holds to the byte, statistics agree, a failed call changes nothing (S16);
//! * the page source saw no misuse, and everything came back (S13).

use super::{Pages, Reserve};
use crate::Error;
use crate::error::PageCall;
use crate::heap::*;
use arbitrary::Arbitrary;
use core::alloc::Layout;
use core::ptr::NonNull;
use std::collections::BTreeMap;

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
    /// Allocates through C.
    Malloc(Shape),
    /// Frees one.
    Free(u16),
    /// Frees every second, or third, or fourth of all.
    FreeMany(u8),
    /// Changes one's size.
    Realloc(u16, Shape),
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
    fn layout(self) -> Layout {
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

struct Live {
    layout: Layout,
    byte: u8,
    /// Allocated through C, which frees it by its address alone.
    c: bool,
}

struct State<'p> {
    heap: HeapArena,
    pages: &'p Pages,
    limit: Option<usize>,
    /// By address; objects without size are not kept.
    live: BTreeMap<usize, Live>,
    next_byte: u8,
    /// Where objects may not begin, behind a fence.
    fenced: Vec<(usize, usize)>,
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
        let mut state = State { heap, pages: &pages, limit, live: BTreeMap::new(), next_byte: 0, fenced: Vec::new() };
        for &op in &self.ops {
            state.run(op);
        }
        state.finish();
        assert_eq!(pages.live(), 0, "a reservation was not released");
        assert_eq!(pages.violations(), 0, "the page source was misused");
    }
}

impl State<'_> {
    fn run(&mut self, op: HeapOp) {
        match op {
            HeapOp::Alloc(shape) => self.alloc(shape.layout(), false),
            HeapOp::AllocZeroed(shape) => self.alloc(shape.layout(), true),
            HeapOp::AllocMany(shape, count) => (0..count).for_each(|_| self.alloc(small(shape.layout()), false)),
            HeapOp::Malloc(shape) => self.malloc(shape.layout().size()),
            HeapOp::Free(at) => self.free_nth(at.into()),
            HeapOp::FreeMany(step) => {
                let step = usize::from(step % 3) + 2;
                let chosen: Vec<usize> = self.live.keys().copied().step_by(step).collect();
                chosen.into_iter().for_each(|address| self.free(address));
            }
            HeapOp::Realloc(at, shape) => self.realloc(at.into(), shape.layout()),
            HeapOp::Trim => self.excuse(self.heap.trim().map(|_| ())),
            HeapOp::Walk => self.check(),
            HeapOp::Sweep(bit) => self.sweep(bit % 8),
            HeapOp::Fence => {
                self.heap.fence();
                self.fenced = self.live.iter().map(|(&start, live)| (start, start + live.layout.size())).collect();
            }
            HeapOp::LiftFence => {
                self.heap.lift_fence();
                self.fenced.clear();
            }
            HeapOp::Reset => {
                let reset = self.heap.reset();
                self.excuse(reset);
                self.live.clear();
                self.fenced.clear();
            }
            HeapOp::Fail(after) => match after % 3 {
                0 => self.pages.fail_nth(usize::from(after % 5)),
                1 => self.pages.fail_call(PageCall::Commit, 0),
                _ => self.pages.fail_call_halfway(PageCall::Commit, 0),
            },
        }
    }

    // ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn alloc(&mut self, layout: Layout, zeroed: bool) {
        let object = if zeroed { self.heap.alloc_zeroed(layout) } else { self.heap.alloc(layout) };
        match object {
            Ok(object) => {
                if zeroed {
                    // SAFETY: a new object, zeroed, so initialised.
                    let bytes = unsafe { core::slice::from_raw_parts(object.as_ptr(), layout.size()) };
                    assert!(bytes.iter().all(|&byte| byte == 0), "a zeroed object is not zero");
                }
                self.add(object, layout, false);
            }
            Err(error) => self.excuse(Err(error)),
        }
    }

    fn malloc(&mut self, size: usize) {
        let layout = Layout::from_size_align(size.max(1), 16).expect("small sizes fit");
        // SAFETY: the heap is this thread's.
        let object = unsafe { permacode_heap_malloc(&self.heap, size) };
        if let Some(object) = NonNull::new(object.cast::<u8>()) {
            assert!(self.heap.usable_size(object.as_ptr()).is_some_and(|usable| usable >= size));
            self.add(object, layout, true);
        }
    }

    /// Notes and fills a new object.
    fn add(&mut self, object: NonNull<u8>, layout: Layout, c: bool) {
        let start = object.addr().get();
        assert_eq!(start % layout.align(), 0, "{layout:?} is not aligned");
        if layout.size() == 0 {
            return;
        }
        assert!(self.heap.contains(object.as_ptr()));
        let before = self.live.range(..start + layout.size()).next_back();
        assert!(before.is_none_or(|(&other, live)| other + live.layout.size() <= start), "two objects share a byte");
        let page = |address: usize| address / 4096;
        let shares =
            |&(from, to): &(usize, usize)| page(start) <= page(to - 1) && page(from) <= page(start + layout.size() - 1);
        assert!(!self.fenced.iter().any(shares), "a new object lies on a page that was in use before the fence");
        self.next_byte = self.next_byte % 200 + 1;
        // SAFETY: a new object of this layout.
        unsafe { object.write_bytes(self.next_byte, layout.size()) };
        self.live.insert(start, Live { layout, byte: self.next_byte, c });
    }

    fn nth(&self, at: usize) -> Option<usize> {
        (!self.live.is_empty()).then(|| *self.live.keys().nth(at % self.live.len()).expect("in range"))
    }

    fn free_nth(&mut self, at: usize) {
        if let Some(address) = self.nth(at) {
            self.free(address);
        }
    }

    /// Checks and frees a live object.
    fn free(&mut self, address: usize) {
        let live = self.live.remove(&address).expect("chosen among the live ones");
        self.check_bytes(address, &live, live.layout.size());
        let object = self.object(address);
        // SAFETY: live until now, with this layout; one from C is freed by C.
        unsafe {
            match live.c {
                true => permacode_heap_free(&self.heap, object.as_ptr().cast()),
                false => self.heap.free(object, live.layout),
            }
        }
    }

    fn realloc(&mut self, at: usize, shape: Layout) {
        let Some(address) = self.nth(at) else { return };
        let live = self.live.remove(&address).expect("chosen among the live ones");
        let (object, size) = (self.object(address), shape.size().max(1));
        let new = Layout::from_size_align(size, live.layout.align()).expect("small sizes fit");
        // SAFETY: live until now, with this layout; one from C is reallocated by C.
        let moved = unsafe {
            match live.c {
                true => NonNull::new(permacode_heap_realloc(&self.heap, object.as_ptr().cast(), size).cast()),
                false => self.heap.realloc(object, live.layout, new).ok(),
            }
        };
        match moved {
            Some(moved) => {
                let kept = live.layout.size().min(size);
                self.check_bytes(moved.addr().get(), &live, kept);
                if moved == object {
                    // It may lie on a fenced page, as it did before.
                    let fenced = core::mem::take(&mut self.fenced);
                    self.add(moved, new, live.c);
                    self.fenced = fenced;
                } else {
                    self.add(moved, new, live.c);
                }
            }
            None => {
                self.check_bytes(address, &live, live.layout.size());
                self.live.insert(address, live);
            }
        }
    }

    fn sweep(&mut self, bit: u8) {
        self.heap.clear_marks();
        let kept = |index: usize| index >> bit & 1 == 1;
        for (index, &address) in self.live.keys().enumerate().filter(|&(index, _)| kept(index)) {
            assert!(!self.heap.is_marked(core::ptr::without_provenance::<u8>(address)));
            // Any address within will do.
            let inside = address + index % self.live[&address].layout.size();
            assert_eq!(self.heap.mark(core::ptr::without_provenance::<u8>(inside)), Some(true));
            assert_eq!(self.heap.mark(core::ptr::without_provenance::<u8>(address)), Some(false));
        }
        // SAFETY: what is not marked is forgotten below.
        let swept = unsafe { self.heap.sweep() };
        let before = self.live.len();
        let mut index = 0;
        self.live.retain(|_, _| {
            index += 1;
            kept(index - 1)
        });
        assert_eq!(swept.objects, before - self.live.len());
        self.check();
    }

    // ── what must hold ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The pointer to an object whose address is known.
    fn object(&self, address: usize) -> NonNull<u8> {
        let range = self.heap.address_range();
        // SAFETY: addresses that are kept lie in the heap.
        unsafe { self.heap.base().add(address - range.start) }
    }

    fn check_bytes(&self, address: usize, live: &Live, size: usize) {
        // SAFETY: a live object of at least that size, filled when it was allocated.
        let bytes = unsafe { core::slice::from_raw_parts(self.object(address).as_ptr(), size) };
        assert!(bytes.iter().all(|&byte| byte == live.byte), "an object was overwritten");
    }

    fn check(&self) {
        for (&address, live) in &self.live {
            self.check_bytes(address, live, live.layout.size());
        }
        let mut walked = BTreeMap::new();
        self.heap.walk(|object, size| {
            assert_eq!(walked.insert(object.addr().get(), size), None, "an object is visited twice");
        });
        assert!(walked.keys().eq(self.live.keys()), "the walk and the model differ");
        assert!(self.live.iter().all(|(address, live)| walked[address] >= live.layout.size()));
        let stats = self.heap.stats();
        assert_eq!(stats.live, walked.values().sum::<usize>());
        assert_eq!(stats.objects, self.live.len());
        assert!(self.limit.is_none_or(|limit| stats.live <= limit));
    }

    /// An error is excused when the system was made to fail, or when the heap is nearly full.
    fn excuse(&self, result: Result<(), Error>) {
        match result {
            Ok(()) => {}
            Err(Error::Pages(_)) => assert!(self.pages.failures() > 0, "an error and nothing was made to fail"),
            Err(Error::Limit { needed, left, .. }) => assert!(needed > left, "refused below the limit"),
            Err(Error::Exhausted { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn finish(mut self) {
        self.pages.relent();
        self.check();
        let all: Vec<usize> = self.live.keys().copied().collect();
        all.into_iter().for_each(|address| self.free(address));
        assert_eq!(self.heap.stats().live, 0);
        self.heap.trim().expect("nothing is made to fail any more");
        let stats = self.heap.stats();
        assert_eq!((stats.objects, stats.cached, stats.slabs), (0, 0, 0), "{stats:?}");
        self.heap.walk(|_, _| panic!("nothing is live"));
    }
}

/// At most a class's size.
fn small(layout: Layout) -> Layout {
    Layout::from_size_align(layout.size() % 2048, layout.align().min(64)).expect("small sizes fit")
}
