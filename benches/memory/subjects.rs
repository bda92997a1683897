//! The allocators that are compared, each as a `GlobalAlloc` of which a pattern knows nothing else.

use crate::Outcome;
use permacode::HeapArena;
use permacode::heap::GlobalHeap;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{self, NonNull};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Permacode,
    Glibc,
    Jemalloc,
    Mimalloc,
}

pub(crate) const ALL: [Subject; 4] = [Subject::Permacode, Subject::Glibc, Subject::Jemalloc, Subject::Mimalloc];

static GLOBAL: GlobalHeap = GlobalHeap::new();

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Permacode => "permacode",
            Self::Glibc => "glibc",
            Self::Jemalloc => "jemalloc",
            Self::Mimalloc => "mimalloc",
        }
    }

    /// The allocator; of this crate's two, the one that threads may share if `shared`.
    pub(crate) fn make(self, shared: bool) -> Outcome<&'static (dyn GlobalAlloc + Sync)> {
        Ok(match self {
            Self::Permacode if shared => {
                if !GLOBAL.claim()? {
                    return Err("this thread is not the first to claim the heap".into());
                }
                &GLOBAL
            }
            Self::Permacode => Box::leak(Box::new(OfOneThread(HeapArena::new()?))),
            Self::Glibc => &System,
            Self::Jemalloc => &tikv_jemallocator::Jemalloc,
            Self::Mimalloc => &mimalloc::MiMalloc,
        })
    }

    /// Gives back to the system what is not in use, by whatever call the allocator has for that.
    pub(crate) fn trim(self, allocator: &'static (dyn GlobalAlloc + Sync), shared: bool) -> Outcome<()> {
        match self {
            Self::Permacode if shared => GLOBAL.heap().map(HeapArena::trim).transpose().map(|_| ())?,
            // SAFETY: what `make` has made of this subject.
            Self::Permacode => unsafe { &*ptr::from_ref(allocator).cast::<OfOneThread>() }.0.trim().map(|_| ())?,
            // SAFETY: no preconditions.
            Self::Glibc => unsafe {
                libc::malloc_trim(0);
            },
            Self::Jemalloc => {
                // 4096 stands for all arenas; what this thread has kept goes to them before.
                for name in [c"thread.tcache.flush", c"arena.4096.purge"] {
                    let (null, nothing) = (ptr::null_mut(), ptr::null_mut());
                    // SAFETY: both controls neither read nor write a value.
                    unsafe { tikv_jemalloc_sys::mallctl(name.as_ptr(), null, nothing, ptr::null_mut(), 0) };
                }
            }
            // SAFETY: no preconditions.
            Self::Mimalloc => unsafe { libmimalloc_sys::mi_collect(true) },
        }
        Ok(())
    }
}

/// A heap that the patterns of one thread call.
struct OfOneThread(HeapArena);

// SAFETY: every pattern that is not `shared` has one thread.
unsafe impl Sync for OfOneThread {}

fn or_null(object: Result<NonNull<u8>, permacode::Error>) -> *mut u8 {
    object.map_or(ptr::null_mut(), NonNull::as_ptr)
}

// SAFETY: the heap's promises are those of a global allocator.
unsafe impl GlobalAlloc for OfOneThread {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        or_null(self.0.alloc(layout))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        or_null(self.0.alloc_zeroed(layout))
    }

    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise; an object has an address.
        unsafe { self.0.free(NonNull::new_unchecked(object), layout) }
    }

    unsafe fn realloc(&self, object: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise; an object has an address, and its alignment goes with any size that there can be.
        unsafe {
            let new = Layout::from_size_align_unchecked(size, layout.align());
            or_null(self.0.realloc(NonNull::new_unchecked(object), layout, new))
        }
    }
}
