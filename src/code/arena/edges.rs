//! The arenas that an arena keeps alive, because its code refers to theirs.
//!
//! ```text
//!   CodeArena { edges ─▶ Edge ─▶ Edge ─▶ Edge }      in the ledger, the newest first; pushed by compare-exchange, never removed
//!                         │ Share  │ Share  │ Share
//!                         ▼        ▼        ▼
//!                      older arenas, each alive as long as this one
//! ```
//!
//! * **No cycle.** An arena keeps only arenas that were made before it ([`Birth`](crate::code::value::Birth)). So there is nothing to search.
//!   Two threads that add an edge each close no ring: of A that keeps B and B that keeps A, one is refused.
//! * **No lock** (invariant 5). In a child, an edge that a thread which no longer exists was adding is not there; its share is lost.
//! * **No recursion.** An arena that ends may be the last to keep others, and so on. Those wait in a list: each lies in the memory that
//!   `leak` would move it to, which is its own.

use super::arena::CodeArena;
use super::share::Share;
use crate::base::atomics::AtomicPtr;
use crate::error::Error;
use core::alloc::Layout;
use core::iter;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::*;

/// A list of arenas that live as long as the one that it is part of.
pub(super) struct Edges {
    newest: AtomicPtr<Edge>,
    /// The next arena in the list of those that end. Of an arena that lives there is none.
    waiting: Option<NonNull<CodeArena>>,
}

/// A record in the ledger of the arena that keeps.
struct Edge {
    /// Dropped with the list.
    share: ManuallyDrop<Share>,
    older: *mut Edge,
}

impl CodeArena {
    /// Keeps what a share is in for as long as this arena lives. Of its own, and of what it keeps already, nothing is added.
    ///
    /// # Errors
    ///
    /// [`Error::OtherArena`] for a share in a region: that lives shorter than code does. [`Error::Younger`] unless the other arena was made
    /// before this one. [`Error::Bookkeeping`] or [`Error::Pages`] when there is no room for the record.
    pub(in crate::code) fn keep_alive(&self, share: &Share) -> Result<(), Error> {
        if share.is_in(self) {
            return Ok(());
        }
        let Some(arena) = share.arena() else { return Err(Error::OtherArena) };
        if !arena.store().birth().is_before(self.store().birth()) {
            return Err(Error::Younger);
        }
        if self.edges.all().any(|edge| edge.share.same(share)) {
            return Ok(());
        }
        let place = self.store().claim_record(Layout::new::<Edge>())?.cast::<Edge>();
        // SAFETY: claimed for one edge of this arena, whose list this is, and nobody else's.
        unsafe { self.edges.push(place, share.clone()) };
        Ok(())
    }
}

#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
impl CodeArena {
    /// The arenas that this one keeps itself, the newest edge first.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &CodeArena> {
        self.edges.all().filter_map(|edge| edge.share.arena())
    }
}

impl Edges {
    /// A list of none.
    pub(super) const fn new() -> Self {
        Self { newest: AtomicPtr::new(ptr::null_mut()), waiting: None }
    }

    /// Adds an edge.
    ///
    /// # Safety
    ///
    /// 1. `place` is a record for one edge, the caller's alone.
    /// 2. It is in the ledger of the arena that the list is part of.
    unsafe fn push(&self, place: NonNull<Edge>, share: Share) {
        let (mut newest, share) = (self.newest.load(Relaxed), ManuallyDrop::new(share));
        // SAFETY: the caller's promise (1).
        unsafe { place.write(Edge { share, older: newest }) };
        // Release: whoever finds the edge finds it whole, and all below it, which were put there by such exchanges.
        while let Err(now) = self.newest.compare_exchange_weak(newest, place.as_ptr(), Release, Relaxed) {
            newest = now;
            // SAFETY: the same; nobody has found it yet.
            unsafe { (*place.as_ptr()).older = now };
        }
    }

    fn all(&self) -> impl Iterator<Item = &Edge> {
        // SAFETY: null, or an edge that was published whole and is not written to any more. It lies in the ledger of the arena that the list
        // is part of, so it lives as long as the list is borrowed.
        let edge = |edge: *mut Edge| unsafe { edge.as_ref() };
        iter::successors(edge(self.newest.load(Acquire)), move |found| edge(found.older))
    }

    fn is_empty(&self) -> bool {
        self.newest.load(Relaxed).is_null()
    }

    /// Lets go of all that is kept. Arenas that end with it, and keep others, are put in front of `waiting`.
    fn let_go(&mut self, waiting: &mut Option<NonNull<CodeArena>>) {
        // Relaxed: nobody else has the list.
        let mut next = self.newest.load(Relaxed);
        self.newest.store(ptr::null_mut(), Relaxed);
        // SAFETY: as in `all`; the store that the edge lies in is dropped after the list.
        while let Some(edge) = unsafe { next.as_mut() } {
            next = edge.older;
            // SAFETY: the list was taken, so each edge is come to once.
            let share = unsafe { ManuallyDrop::take(&mut edge.share) };
            let Some(mut last) = share.into_last() else { continue };
            if last.edges.is_empty() {
                continue; // ends here, and leads no further
            }
            last.edges.waiting = waiting.take();
            *waiting = Some(last.go_home());
        }
    }
}

impl Drop for Edges {
    fn drop(&mut self) {
        let mut waiting = self.waiting.take();
        self.let_go(&mut waiting);
        while let Some(arena) = waiting {
            // SAFETY: an arena of the list lies in memory of its own, to which nobody else has a pointer. It leaves the list here.
            let mut arena = unsafe { arena.read() };
            waiting = arena.edges.waiting.take();
            arena.edges.let_go(&mut waiting);
            // Ends here, with a list of none.
        }
    }
}
