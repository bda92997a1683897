//! What must hold after each operation on a heap: one model for property tests and for fuzzing.
//!
//! A [`HeapCase`] runs on a heap, through the Rust and the C face in turn, and beside it on a list of what should be live:
//!
//! * no two live objects share a byte, each is aligned, in the heap, and keeps what was written until it is freed (soundness S1);
//! * zeroed objects are zero, also where memory was used before (S2, S15);
//! * a walk visits exactly what is live; marks and a sweep free exactly what is not marked;
//! * the limit holds to the byte, statistics agree, a failed call changes nothing (S16), and a large object grows where nothing stands behind;
//! * an object that lies where it may is made smaller, however full the heap is (S31);
//! * the heap's own records agree;
//! * the page source saw no misuse, and everything came back (S13).

use crate::heap_ops::{HeapCase, HeapOp};
use crate::reserve::check_at_end;
use permacode::Error;
use permacode::HeapArena;
use permacode::error::PageCall;
use permacode::ffi::*;
use permacode::heap::*;
use permacode::testing::Pages;
use std::alloc::Layout;
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::ptr::NonNull;
use std::time::Duration;

/// An object above this has slabs of its own.
const LARGEST: usize = 32 << 10;
const SLAB: usize = 64 << 10;
/// What such an object counts in.
const GRAIN: usize = 4 << 10;

std::thread_local! {
    /// The time of the heap on this thread.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// How an object was allocated, and how it is therefore resized and freed.
#[derive(Clone, Copy, PartialEq)]
enum Face {
    /// With its layout.
    Rust,
    /// By its address alone.
    C,
    /// With its size.
    Lua,
}

struct Live {
    layout: Layout,
    byte: u8,
    face: Face,
}
impl HeapCase {
    /// Runs the case.
    ///
    /// Costs the operations, a look at everything for each `Walk` and one in the end, and a list of what is there: some 50 bytes for each
    /// object.
    ///
    /// # Panics
    ///
    /// When anything does not hold.
    ///
    /// ```
    /// use arbitrary::{Arbitrary, Unstructured};
    /// use permacode_model::HeapCase;
    ///
    /// for seed in 0..5 {
    ///     let bytes: Vec<u8> = (0..=255u8).map(|byte| byte.wrapping_mul(37).wrapping_add(seed)).collect(); // a fuzzer's
    ///     let case = HeapCase::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes are a case");
    ///     case.check();
    /// }
    /// ```
    pub fn check(&self) {
        let pages = self.reserve.pages();
        let decay = match self.megabytes / 32 % 4 {
            0 | 1 => Decay::default(),
            2 => Decay::Now,
            _ => Decay::Never,
        };
        let mut builder = HeapArena::builder()
            .reservation((usize::from(self.megabytes % 32) + 1) << 20)
            .huge_pages_from(if self.megabytes < 128 { 16 << 20 } else { 0 })
            .pages(pages.clone())
            .clock(|| NOW.get())
            .decay(decay);
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
        check_at_end(&pages);
    }
}

/// A heap and its model.
struct State<'p> {
    heap: HeapArena,
    pages: &'p Pages,
    limit: Option<usize>,
    /// By address; objects without size are not kept.
    live: BTreeMap<usize, Live>,
    next_byte: u8,
    /// Slabs in which no new object may lie, behind a fence.
    fenced: HashSet<usize>,
}

impl<'p> State<'p> {
    pub(crate) fn new(heap: HeapArena, pages: &'p Pages, limit: Option<usize>) -> Self {
        Self { heap, pages, limit, live: BTreeMap::new(), next_byte: 0, fenced: HashSet::new() }
    }

    pub(crate) fn run(&mut self, op: HeapOp) {
        match op {
            HeapOp::Alloc(shape) => self.alloc(shape.layout(), false),
            HeapOp::AllocZeroed(shape) => self.alloc(shape.layout(), true),
            HeapOp::AllocMany(shape, count) => (0..count).for_each(|_| self.alloc(small(shape.layout()), false)),
            HeapOp::Malloc(shape) => self.malloc(shape.layout().size()),
            HeapOp::Lua(shape) => self.lua(shape.layout().size().max(1)),
            HeapOp::Free(at) => self.free_nth(at.into()),
            HeapOp::FreeMany(step) => {
                let step = usize::from(step % 3) + 2;
                let chosen: Vec<usize> = self.live.keys().copied().step_by(step).collect();
                chosen.into_iter().for_each(|address| self.free(address));
            }
            HeapOp::Realloc(at, shape) => _ = self.nth(at.into()).map(|old| self.realloc(old, shape.layout())),
            HeapOp::Grow(at, sixteenths) => {
                let Some(old) = self.nth(at.into()) else { return };
                let layout = self.live[&old].layout;
                let size = (layout.size() + layout.size() * usize::from(sixteenths) / 16).min(4 << 20);
                self.realloc(old, Layout::from_size_align(size, layout.align()).expect("small sizes fit"));
            }
            HeapOp::Trim => self.excuse(self.heap.trim().map(|_| ())),
            HeapOp::Idle(seconds) => {
                NOW.set(NOW.get() + Duration::from_secs(seconds.into()));
                self.heap.idle();
            }
            HeapOp::Walk => self.check(),
            HeapOp::Sweep(bit) => self.sweep(bit % 8),
            HeapOp::Fence => {
                self.heap.fence();
                self.fenced = self.live.iter().flat_map(|(&start, live)| slabs(start, live.layout.size())).collect();
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
            HeapOp::Fail(after) => match after % 4 {
                0 => self.pages.fail_nth(usize::from(after % 5)),
                1 => self.pages.fail_call(PageCall::Commit, 0),
                2 => self.pages.fail_call_halfway(PageCall::Commit, 0),
                _ => self.pages.fail_call_halfway(PageCall::Discard, usize::from(after % 3)),
            },
        }
    }

    // ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn alloc(&mut self, layout: Layout, zeroed: bool) {
        let object = if zeroed { self.heap.alloc_zeroed(layout) } else { self.heap.alloc(layout) };
        match object {
            Ok(object) => {
                assert!(!zeroed || holds(object, layout.size(), 0), "a zeroed object is not zero");
                self.add(object, layout, Face::Rust, 0, 0..0);
            }
            Err(error) => self.excuse(Err(error)),
        }
    }

    fn malloc(&mut self, size: usize) {
        // SAFETY: the heap is this thread's.
        let object = unsafe {
            match size % 2 {
                0 => permacode_heap_malloc(&self.heap, size),
                _ => permacode_heap_calloc(&self.heap, 1, size),
            }
        };
        if let Some(object) = NonNull::new(object.cast::<u8>()) {
            assert!(size % 2 == 0 || holds(object, size, 0), "a zeroed object is not zero");
            self.add(object, c_layout(size), Face::C, 0, 0..0);
        }
    }

    fn lua(&mut self, size: usize) {
        let heap = (&raw const self.heap).cast_mut().cast();
        // SAFETY: the heap is this thread's. For a new object, the old size means nothing.
        let object = unsafe { permacode_heap_lua_alloc(heap, std::ptr::null_mut(), size % 10, size) };
        if let Some(object) = NonNull::new(object.cast::<u8>()) {
            self.add(object, c_layout(size), Face::Lua, 0, 0..0);
        }
    }

    /// Notes and fills an object: a new one, into which so many bytes were copied, or one that kept the slabs that it had.
    fn add(&mut self, object: NonNull<u8>, layout: Layout, face: Face, copied: usize, kept: Range<usize>) {
        let start = object.addr().get();
        assert_eq!(start % layout.align(), 0, "{layout:?} is not aligned");
        if layout.size() == 0 {
            return;
        }
        assert!(self.heap.contains(object.as_ptr()));
        let before = self.live.range(..start + layout.size()).next_back();
        assert!(before.is_none_or(|(&other, live)| other + live.layout.size() <= start), "two objects share a byte");
        self.reused(object, layout.size(), copied, kept);
        self.next_byte = self.next_byte % 200 + 1;
        // SAFETY: a new object of this layout.
        unsafe { object.write_bytes(self.next_byte, layout.size()) };
        self.live.insert(start, Live { layout, byte: self.next_byte, face });
    }

    /// A new object, or the end of one that grew in place, lies where something lay before the fence: in slabs that were returned since, so that
    /// they are nobody else's. What is returned is zero, until somebody copies something there.
    fn reused(&mut self, object: NonNull<u8>, size: usize, copied: usize, kept: Range<usize>) {
        let start = object.addr().get();
        for slab in slabs(start, size).filter(|slab| !kept.contains(slab)) {
            if !self.fenced.remove(&slab) {
                continue;
            }
            let (first, end) = (slab * SLAB, (slab + 1) * SLAB);
            let others = self.live.range(..end).next_back().is_some_and(|(&at, live)| at + live.layout.size() > first);
            assert!(!others, "a new object lies in a slab that was in use before the fence");
            let until = end.min(start + size) - start;
            let from = first.saturating_sub(start).max(copied).min(until);
            // SAFETY: a part of the object.
            let zeros = unsafe { object.add(from) };
            assert!(holds(zeros, until - from, 0), "a new object lies on a page that was in use before the fence");
        }
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
        let heap = (&raw const self.heap).cast_mut().cast();
        // SAFETY: live until now, with this layout; freed as it was allocated.
        unsafe {
            match live.face {
                Face::Rust => self.heap.free(object, live.layout),
                Face::C => permacode_heap_free(&self.heap, object.as_ptr().cast()),
                Face::Lua => {
                    let null = permacode_heap_lua_alloc(heap, object.as_ptr().cast(), live.layout.size(), 0);
                    assert!(null.is_null());
                }
            }
        }
    }

    /// Changes an object's size and, through Rust, its alignment.
    fn realloc(&mut self, address: usize, new: Layout) {
        let live = self.live.remove(&address).expect("chosen among the live ones");
        let (object, size) = (self.object(address), new.size().max(1));
        let align = if matches!(live.face, Face::Rust) { new.align() } else { live.layout.align() };
        let new = Layout::from_size_align(size, align).expect("small sizes fit");
        let (heap, c) = ((&raw const self.heap).cast_mut().cast(), object.as_ptr().cast());
        // C does not know how much of it is used.
        let usable = self.heap.usable_size(object.as_ptr()).expect("a live object");
        // SAFETY: live until now, with this layout; resized as it was allocated.
        let moved = unsafe {
            match live.face {
                Face::Rust => {
                    let moved = self.heap.realloc(object, live.layout, new);
                    moved.inspect_err(|error| self.excuse_realloc(address, live.layout, new, error)).ok()
                }
                Face::C => NonNull::new(permacode_heap_realloc(&self.heap, c, size).cast()),
                Face::Lua => NonNull::new(permacode_heap_lua_alloc(heap, c, live.layout.size(), size).cast()),
            }
        };
        let Some(moved) = moved else {
            let fits = new.pad_to_align().size() <= live.layout.pad_to_align().size();
            assert!(!fits || address % align != 0, "a shrink was refused");
            self.check_bytes(address, &live, live.layout.size());
            self.live.insert(address, live);
            return;
        };
        let copied = live.layout.size().min(size);
        self.check_bytes(moved.addr().get(), &live, copied);
        // It may lie in fenced slabs if it did before.
        let kept = if moved == object { slabs(address, live.layout.size()) } else { 0..0 };
        self.add(moved, new, live.face, usable.min(size), kept);
    }

    fn sweep(&mut self, bit: u8) {
        self.heap.clear_marks();
        let kept = |index: usize| index >> bit & 1 == 1;
        for (index, &address) in self.live.keys().enumerate().filter(|&(index, _)| kept(index)) {
            assert!(!self.heap.is_marked(std::ptr::without_provenance::<u8>(address)));
            // Any address within will do.
            let inside = address + index % self.live[&address].layout.size();
            assert_eq!(self.heap.mark(std::ptr::without_provenance::<u8>(inside)), Some(true));
            assert_eq!(self.heap.mark(std::ptr::without_provenance::<u8>(address)), Some(false));
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
        assert!(holds(self.object(address), size, live.byte), "an object was overwritten");
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
        for (&address, live) in &self.live {
            let usable = self.heap.usable_size(std::ptr::without_provenance(address));
            assert!(usable == Some(walked[&address]) && usable >= Some(live.layout.size()));
        }
        self.heap.audit();
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

    /// Besides, nothing stood behind a large object that had no room to grow where it lies.
    fn excuse_realloc(&self, address: usize, old: Layout, new: Layout, error: &Error) {
        self.excuse(Err(*error));
        let span = |layout: Layout| Some(layout.pad_to_align().size()).filter(|&size| size > LARGEST);
        let (Some(from), Some(to)) = (span(old), span(new)) else { return };
        let (from, to) = (from.next_multiple_of(GRAIN), to.next_multiple_of(GRAIN));
        let slabs = to.next_multiple_of(SLAB);
        let fits = address % new.align() == 0 && address + slabs <= self.heap.address_range().end;
        let stands_alone = self.live.range(address..address + slabs).next().is_none();
        let affordable = self.limit.is_none_or(|limit| self.heap.stats().live - from + to <= limit);
        let undisturbed = self.pages.failures() == 0 && self.fenced.is_empty();
        assert!(!(fits && stands_alone && affordable && undisturbed), "it could grow where it lies: {error}");
    }

    pub(crate) fn finish(mut self) {
        self.pages.relent();
        self.check();
        let all: Vec<usize> = self.live.keys().copied().collect();
        all.into_iter().for_each(|address| self.free(address));
        assert_eq!(self.heap.stats().live, 0);
        self.heap.trim().expect("nothing is made to fail any more");
        let stats = self.heap.stats();
        assert_eq!((stats.objects, stats.cached, stats.slabs), (0, 0, 0), "{stats:?}");
        self.heap.walk(|_, _| panic!("nothing is live"));
        // An empty heap has room for whatever it could ever hold.
        self.run(HeapOp::LiftFence);
        let room = stats.reserved.min(self.limit.unwrap_or(usize::MAX) & !(GRAIN - 1));
        let layout = Layout::from_size_align(room, 8).expect("smaller than the address space");
        assert!(self.heap.alloc(layout).is_ok(), "an empty heap has no room");
        assert_eq!(self.heap.stats().live, room);
    }
}

/// The numbers of the slabs in which bytes lie.
fn slabs(start: usize, size: usize) -> Range<usize> {
    start / SLAB..(start + size).div_ceil(SLAB)
}

/// Whether an object is filled with a byte; quick in a debug build.
fn holds(object: NonNull<u8>, size: usize, byte: u8) -> bool {
    // SAFETY: the callers' objects are live, of at least that size, and initialised.
    let bytes = unsafe { std::slice::from_raw_parts(object.as_ptr(), size) };
    bytes.split_first().is_none_or(|(&first, rest)| first == byte && rest == &bytes[..rest.len()])
}

/// What C asks for.
fn c_layout(size: usize) -> Layout {
    Layout::from_size_align(size.max(1), 16).expect("small sizes fit")
}

/// At most a class's size.
fn small(layout: Layout) -> Layout {
    Layout::from_size_align(layout.size() % 2048, layout.align().min(64)).expect("small sizes fit")
}
