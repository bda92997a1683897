//! A place where a signal handler finds what an arena tells of its code, while the arena lives.
//!
//! ```text
//!   word:   ┌ lookers (each counts 2^2) ┬ open │ taken ┐        site ──▶ a record of the arena
//!   arena:  take ──▶ open(site) ──▶ … ──▶ leave            handler:  look: count in ── read the record ── count out
//! ```
//!
//! A handler cannot wait. An arena that is dropped must not wait for one either: in a forked child, the thread that looked may be gone. So
//! nobody waits. [`leave`](Post::leave) says whether a handler may be looking. If one may, the arena's memory stays mapped for ever.
//!
//! **No handler reads memory that was given back.** All changes of `word` are read-modify-write operations, so they have one order. A handler
//! counts itself in by one, and reads the record only if that operation found the post open. An arena closes the post by another one.
//!
//! 1. If the handler's comes first, the arena's finds the handler counted, unless it has counted itself out. In the first case the memory
//!    stays. In the second, the arena's operation acquires what the handler's last one released: all its reads were before.
//! 2. If the arena's comes first, the handler finds the post closed, or opened again by another arena, and then case 1 holds for that one.
//!
//! A handler that found the post open for one arena may find the record of the next, which took the post meanwhile. It is counted in since
//! before the next arena opened the post, so case 1 holds for that arena too. The record was published by a release store.

use crate::base::atomics::{AtomicPtr, AtomicUsize};
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::*;

/// Set by the arena whose post it is.
const TAKEN: usize = 1;
/// The site may be read.
const OPEN: usize = 2;
/// One handler that looks.
const LOOKER: usize = 4;

pub(in crate::code) struct Post<T> {
    word: AtomicUsize,
    site: AtomicPtr<T>,
}

impl<T> Post<T> {
    /// A post that nobody has.
    pub(in crate::code) const fn free() -> Self {
        Self { word: AtomicUsize::new(0), site: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Takes the post. Returns `false` if somebody has it.
    pub(in crate::code) fn take(&self) -> bool {
        self.word.load(Relaxed) & TAKEN == 0 && self.word.fetch_or(TAKEN, Relaxed) & TAKEN == 0
    }

    /// Shows a site to those who look.
    ///
    /// # Safety
    ///
    /// 1. The caller has [taken](Self::take) the post, and opens it once.
    /// 2. The site can be read by any thread until [`leave`](Self::leave) returned `true`.
    pub(in crate::code) unsafe fn open(&self, site: NonNull<T>)
    where
        T: Sync,
    {
        self.site.store(site.as_ptr(), Release);
        self.word.fetch_or(OPEN, Release);
    }

    /// Gives the post up, whether it was opened or not. Returns `false` if somebody may be looking at the site, now or for ever.
    ///
    /// # Safety
    ///
    /// The caller has the post, and does not use it from now on.
    pub(in crate::code) unsafe fn leave(&self) -> bool {
        self.word.fetch_and(!(OPEN | TAKEN), AcqRel) < LOOKER
    }

    /// Looks at the site, if there is one. It takes no lock and allocates nothing.
    pub(in crate::code) fn look<R>(&self, look: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        // Most posts are free.
        if self.word.load(Relaxed) & OPEN == 0 {
            return None;
        }
        let open = self.word.fetch_add(LOOKER, Acquire) & OPEN != 0;
        let site = if open { self.site.load(Acquire) } else { ptr::null_mut() };
        // SAFETY: null, or counted in while the post was open: whatever arena's site this is, it stays until this is counted out (see the head).
        let seen = unsafe { site.as_ref() }.and_then(look);
        self.word.fetch_sub(LOOKER, Release);
        seen
    }
}
