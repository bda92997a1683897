//! A counted share in the memory that code lies in.
//!
//! ```text
//!   Owned { root │ Share ─┐ }     Edge { Share ─┐ │ older }     a region's kept Share ─┐
//!                         ▼                     ▼                                      ▼
//!   Arc { counts │ CodeArena }  ─ ─ the last share that goes gives the pages back
//!                  └ the word of a share: this address, and two low bits that are zero
//! ```
//!
//! All that owns code, or keeps code for other code, holds a share. An arena is the one kind of memory that it can be in. The low bits of the word
//! are there to tell others apart, by a change to this file alone.
//!
//! A pointer, and no `Arc`, because an owner is a key of maps: what a share leads to is not part of the key.

use super::arena::CodeArena;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use std::sync::Arc;

/// A share in an arena. The arena lives, where it is, until its last share is dropped.
pub(crate) struct Share(NonNull<CodeArena>);

// SAFETY: an `Arc` of something `Send` and `Sync`.
unsafe impl Send for Share {}
// SAFETY: as above.
unsafe impl Sync for Share {}

impl Share {
    pub(crate) fn new(arena: &Arc<CodeArena>) -> Self {
        const { assert!(align_of::<CodeArena>() >= 4, "two low bits are free") };
        // SAFETY: the pointer of an `Arc` is not null.
        Self(unsafe { NonNull::new_unchecked(Arc::into_raw(Arc::clone(arena)).cast_mut()) })
    }

    /// The arena that it is a share in.
    pub(crate) fn arena(&self) -> &CodeArena {
        // SAFETY: it lives as long as this share.
        unsafe { self.0.as_ref() }
    }

    /// Returns `true` for a share in this very arena.
    pub(crate) fn is_in(&self, arena: &CodeArena) -> bool {
        ptr::eq(self.0.as_ptr(), arena)
    }

    /// Gives the share up. Returns the arena if it was the last, for the caller to end.
    pub(super) fn into_last(self) -> Option<CodeArena> {
        let share = ManuallyDrop::new(self);
        // SAFETY: the pointer came from `Arc::into_raw`, and the count is this share's, which is not dropped.
        Arc::into_inner(unsafe { Arc::from_raw(share.0.as_ptr()) })
    }
}

impl Clone for Share {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: the pointer came from `Arc::into_raw`, and is counted by this share meanwhile.
        unsafe { Arc::increment_strong_count(self.0.as_ptr()) };
        Self(self.0)
    }
}

impl Drop for Share {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the pointer came from `Arc::into_raw`, and the count is this share's.
        drop(unsafe { Arc::from_raw(self.0.as_ptr()) });
    }
}
