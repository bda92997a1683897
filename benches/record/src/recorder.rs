//! A global allocator that notes what one thread asks of it, in memory that no allocator knows.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// One call.
#[derive(Clone, Copy)]
pub struct Event {
    /// The object that is freed or resized; 0 for a new one.
    pub old: usize,
    /// The object that is new or was resized; 0 for one that was freed.
    pub new: usize,
    pub size: usize,
    pub align: usize,
    pub zeroed: bool,
}

/// Events that there is address space for.
const MOST: usize = 32 << 20;

thread_local!(static RECORDED: Cell<bool> = const { Cell::new(false) });
static EVENTS: AtomicPtr<Event> = AtomicPtr::new(ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(0);

pub struct Recorder;

fn note(event: Event) {
    if RECORDED.get() {
        let index = COUNT.load(Relaxed);
        assert!(index < MOST, "more calls than there is room for");
        // SAFETY: within the mapping, which this thread alone writes.
        unsafe { EVENTS.load(Relaxed).add(index).write(event) };
        COUNT.store(index + 1, Relaxed);
    }
}

// SAFETY: the system's allocator, watched.
unsafe impl GlobalAlloc for Recorder {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let object = unsafe { System.alloc(layout) };
        note(Event { old: 0, new: object.addr(), size: layout.size(), align: layout.align(), zeroed: false });
        object
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let object = unsafe { System.alloc_zeroed(layout) };
        note(Event { old: 0, new: object.addr(), size: layout.size(), align: layout.align(), zeroed: true });
        object
    }

    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        note(Event { old: object.addr(), new: 0, size: 0, align: layout.align(), zeroed: false });
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(object, layout) }
    }

    unsafe fn realloc(&self, object: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let moved = unsafe { System.realloc(object, layout, size) };
        note(Event { old: object.addr(), new: moved.addr(), size, align: layout.align(), zeroed: false });
        moved
    }
}

/// What a closure asks of the allocator, on this thread.
pub fn recorded(body: impl FnOnce()) -> &'static [Event] {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at no particular address.
    let events = unsafe { libc::mmap(ptr::null_mut(), MOST * size_of::<Event>(), access, flags, -1, 0) };
    assert_ne!(events, libc::MAP_FAILED, "no address space for the record");
    EVENTS.store(events.cast(), Relaxed);
    RECORDED.set(true);
    body();
    RECORDED.set(false);
    // SAFETY: as many were written, and nobody writes any more.
    unsafe { std::slice::from_raw_parts(EVENTS.load(Relaxed), COUNT.load(Relaxed)) }
}
