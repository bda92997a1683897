//! The allocators that are compared, each as an `allocator_api2` allocator.

use allocator_api2::alloc::{AllocError, Allocator};
use bumpalo::Bump;
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::ptr::NonNull;
use permacode::{Error, HeapArena};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// What a Rust program gets from the crate. Ratios are to this one.
    Mimalloc,
    Permacode,
    Glibc,
    Jemalloc,
    #[cfg(feature = "snmalloc")]
    Snmalloc,
    /// `mi_malloc` and `mi_free` without an alignment, as a C program calls them.
    MimallocC,
    /// For reference: it frees nothing.
    Bumpalo,
}

/// All that free.
pub(crate) const FREEING: &[Subject] = &[
    Subject::Mimalloc,
    Subject::Permacode,
    Subject::Glibc,
    Subject::Jemalloc,
    #[cfg(feature = "snmalloc")]
    Subject::Snmalloc,
    Subject::MimallocC,
];

/// All, the one that does not free last.
pub(crate) fn all() -> Vec<Subject> {
    FREEING.iter().copied().chain([Subject::Bumpalo]).collect()
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mimalloc => "mimalloc",
            Self::Permacode => "permacode",
            Self::Glibc => "glibc",
            Self::Jemalloc => "jemalloc",
            #[cfg(feature = "snmalloc")]
            Self::Snmalloc => "snmalloc",
            Self::MimallocC => "mimalloc from C",
            Self::Bumpalo => "(bumpalo)",
        }
    }
}

/// Work for an allocator whose type is known, so that it is compiled for each.
pub(crate) trait Job {
    type Outcome;
    fn run<A: Allocator + Copy>(self, heap: A) -> Self::Outcome;
}

/// What the subjects keep between samples. One heap serves a whole run, as the others' do: what came before has left its traces in all.
pub(crate) struct Heaps {
    arena: HeapArena,
    bump: Bump,
}

impl Heaps {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { arena: HeapArena::new()?, bump: Bump::new() })
    }

    /// Before each sample, when nothing is live.
    pub(crate) fn reset(&mut self) {
        self.bump.reset();
    }

    /// Compiled for the subject's type: what a Rust program has that names its allocator.
    pub(crate) fn inlined<J: Job>(&self, subject: Subject, job: J) -> J::Outcome {
        match subject {
            Subject::Mimalloc => job.run(ByGlobal(&mimalloc::MiMalloc)),
            Subject::Permacode => job.run(&self.arena),
            Subject::Glibc => job.run(ByGlobal(&std::alloc::System)),
            Subject::Jemalloc => job.run(ByGlobal(&tikv_jemallocator::Jemalloc)),
            #[cfg(feature = "snmalloc")]
            Subject::Snmalloc => job.run(ByGlobal(&snmalloc_rs::SnMalloc)),
            Subject::MimallocC => job.run(ByGlobal(&MimallocC)),
            Subject::Bumpalo => job.run(&self.bump),
        }
    }

    /// The same machine code for all, each called through a table of functions: what an interpreter in C has, whose allocator is a
    /// callback.
    pub(crate) fn called<J: Job>(&self, subject: Subject, job: J) -> J::Outcome {
        let (arena, bump) = (&self.arena, &self.bump);
        let heap: &dyn Allocator = match subject {
            Subject::Mimalloc => &ByGlobal(&mimalloc::MiMalloc),
            Subject::Permacode => &arena,
            Subject::Glibc => &ByGlobal(&std::alloc::System),
            Subject::Jemalloc => &ByGlobal(&tikv_jemallocator::Jemalloc),
            #[cfg(feature = "snmalloc")]
            Subject::Snmalloc => &ByGlobal(&snmalloc_rs::SnMalloc),
            Subject::MimallocC => &ByGlobal(&MimallocC),
            Subject::Bumpalo => &bump,
        };
        job.run(heap)
    }

    /// Gives back to the system what is not in use, where the subject can.
    pub(crate) fn trim(&self, subject: Subject) -> Result<(), Error> {
        match subject {
            // SAFETY: no preconditions.
            Subject::Glibc => unsafe {
                libc::malloc_trim(0);
            },
            // SAFETY: no preconditions.
            Subject::Mimalloc | Subject::MimallocC => unsafe { libmimalloc_sys::mi_collect(true) },
            Subject::Jemalloc => {
                // `MALLCTL_ARENAS_ALL` is 4096; `thread.tcache.flush` first, so that the arenas have everything.
                for name in [c"thread.tcache.flush", c"arena.4096.purge"] {
                    let (null, nothing) = (core::ptr::null_mut(), core::ptr::null_mut());
                    // SAFETY: both controls neither read nor write a value.
                    unsafe { tikv_jemalloc_sys::mallctl(name.as_ptr(), null, nothing, core::ptr::null_mut(), 0) };
                }
            }
            Subject::Permacode => {
                self.arena.trim()?;
            }
            // These have no such call.
            _ => {}
        }
        Ok(())
    }
}

/// A global allocator as an `Allocator`, the way std's `Global` does it: growing and shrinking are `realloc`.
struct ByGlobal<G: 'static>(&'static G);

impl<G> Clone for ByGlobal<G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G> Copy for ByGlobal<G> {}

fn sized(object: *mut u8, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
    NonNull::new(object).map(|object| NonNull::slice_from_raw_parts(object, layout.size())).ok_or(AllocError)
}

// SAFETY: the promises of `GlobalAlloc`. The benchmarks ask for no object without bytes.
unsafe impl<G: GlobalAlloc> Allocator for ByGlobal<G> {
    #[inline(always)]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: not without bytes.
        sized(unsafe { self.0.alloc(layout) }, layout)
    }

    #[inline(always)]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: not without bytes.
        sized(unsafe { self.0.alloc_zeroed(layout) }, layout)
    }

    #[inline(always)]
    unsafe fn deallocate(&self, object: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.dealloc(object.as_ptr(), layout) }
    }

    #[inline(always)]
    unsafe fn grow(&self, object: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise; no benchmark changes an alignment.
        sized(unsafe { self.0.realloc(object.as_ptr(), old, new.size()) }, new)
    }

    #[inline(always)]
    unsafe fn shrink(&self, object: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as for `grow`.
        unsafe { self.grow(object, old, new) }
    }
}

struct MimallocC;

// SAFETY: mimalloc aligns to 16 what has 16 bytes or more, and no benchmark asks for a greater alignment, or for one above the size.
unsafe impl GlobalAlloc for MimallocC {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: no preconditions.
        unsafe { libmimalloc_sys::mi_malloc(layout.size()).cast() }
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: no preconditions.
        unsafe { libmimalloc_sys::mi_zalloc(layout.size()).cast() }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, object: *mut u8, _: Layout) {
        // SAFETY: it came from mimalloc.
        unsafe { libmimalloc_sys::mi_free(object.cast::<c_void>()) }
    }

    #[inline(always)]
    unsafe fn realloc(&self, object: *mut u8, _: Layout, size: usize) -> *mut u8 {
        // SAFETY: it came from mimalloc.
        unsafe { libmimalloc_sys::mi_realloc(object.cast::<c_void>(), size).cast() }
    }
}
