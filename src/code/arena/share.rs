//! A counted share in the memory that code lies in.
//!
//! ```text
//!   Owned { root │ Share ─┐ }     Edge { Share ─┐ │ older }     a region's kept Share ─┐
//!                         ▼                     ▼                                      ▼
//!   0:  Arc { counts │ CodeArena }  ─ ─ the last share that goes gives the pages back
//!   1:  Counted { shares │ end } and what lies behind it  ─ ─ the last share that goes calls `end`
//!         └ the word of a share: an address, and two low bits that say which of them it is
//! ```
//!
//! All that owns code, or keeps code for other code, holds a share. The second kind is memory that lies above this folder, and begins with a
//! [`Counted`]: a region of transient code that threads share. Here it is a count, and a function that ends it.
//!
//! A pointer, and no `Arc`, because an owner is a key of maps: what a share leads to is not part of the key.

use super::arena::CodeArena;
use crate::base::atomics::AtomicUsize;
use alloc::sync::Arc;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::*;

/// The low bits of a share's word.
const KIND: usize = 3;
/// They are this for a share in counted memory, and zero for an arena.
const COUNTED: usize = 1;

/// More shares than this were forgotten, not dropped: the count stays up there, and the memory for ever. As a signed number it is negative then.
const MOST: usize = isize::MAX as usize;

/// A share in an arena or in counted memory. It lives, where it is, until its last share is dropped.
pub(crate) struct Share(NonNull<()>);

/// The beginning of memory that is counted here and ends elsewhere.
#[repr(C, align(8))]
pub(crate) struct Counted {
    shares: AtomicUsize,
    end: unsafe fn(NonNull<Counted>),
}

// SAFETY: both kinds are counted by atomics, and what they lead to is `Send` and `Sync`: an arena, and by the promise of `Share::first` the rest.
unsafe impl Send for Share {}
// SAFETY: as above.
unsafe impl Sync for Share {}

impl Counted {
    /// The beginning of memory in which there is one share. The last one calls `end`, once.
    pub(crate) fn new(end: unsafe fn(NonNull<Counted>)) -> Self {
        Self { shares: AtomicUsize::new(1), end }
    }

    #[inline(always)]
    fn add(&self) {
        // Relaxed, as in an `Arc`: whoever gets the new share gets it of one that counts.
        if (self.shares.fetch_add(1, Relaxed) as isize) < 0 {
            self.stay();
        }
    }

    /// Counts a share out. Returns `true` if it was the last.
    #[inline(always)]
    fn remove(&self) -> bool {
        let shares = self.shares.fetch_sub(1, Release);
        // One comparison for the last one, and for too many.
        (shares as isize) <= 1 && self.was_last(shares)
    }

    #[cold]
    fn was_last(&self, shares: usize) -> bool {
        if shares != 1 {
            self.stay();
            return false;
        }
        // All that was done with the other shares was done before the end. No fence, which ThreadSanitizer does not know.
        self.shares.load(Acquire);
        true
    }

    /// Counts so many shares that they are never counted out.
    #[cold]
    fn stay(&self) {
        self.shares.store(MOST + MOST / 2, Relaxed);
    }
}

impl Share {
    pub(crate) fn new(arena: &Arc<CodeArena>) -> Self {
        const { assert!(align_of::<CodeArena>() > KIND && align_of::<Counted>() > KIND, "two low bits are free") };
        // SAFETY: the pointer of an `Arc` is not null.
        Self(unsafe { NonNull::new_unchecked(Arc::into_raw(Arc::clone(arena)).cast_mut()) }.cast())
    }

    /// The first share in counted memory.
    ///
    /// # Safety
    ///
    /// 1. The memory begins with a new `Counted`, and lives until that calls its `end`. The pointer is good for all that `end` does.
    /// 2. Any thread may use what is reached through a share, several at once, and any may call `end`.
    pub(crate) unsafe fn first(memory: NonNull<Counted>) -> Self {
        Self(memory.cast().map_addr(|address| address | COUNTED))
    }

    /// The arena that it is a share in, if it is one.
    pub(crate) fn arena(&self) -> Option<&CodeArena> {
        // SAFETY: without a bit it is the pointer of an `Arc`, which lives as long as this share.
        (!self.is_counted()).then(|| unsafe { self.0.cast().as_ref() })
    }

    /// The counted memory that it is a share in, if it is in no arena.
    pub(crate) fn counted(&self) -> Option<NonNull<Counted>> {
        self.is_counted().then(|| self.memory())
    }

    #[inline(always)]
    fn is_counted(&self) -> bool {
        self.0.addr().get() & KIND != 0
    }

    /// The pointer that `first` was given, of a share in counted memory.
    #[inline(always)]
    fn memory(&self) -> NonNull<Counted> {
        // SAFETY: the bit was set in an aligned address that is not null.
        unsafe { NonNull::new_unchecked(self.0.as_ptr().map_addr(|address| address.wrapping_sub(COUNTED))) }.cast()
    }

    /// Returns `true` for a share in this very arena.
    pub(crate) fn is_in(&self, arena: &CodeArena) -> bool {
        self.0.cast() == NonNull::from(arena)
    }

    /// Returns `true` if both are shares in the same memory.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Gives the share up. Returns the arena if it was the last in one, for the caller to end.
    pub(super) fn into_last(self) -> Option<CodeArena> {
        if self.is_counted() {
            return None; // dropped
        }
        let share = ManuallyDrop::new(self);
        // SAFETY: the pointer came from `Arc::into_raw`, and the count is this share's, which is not dropped.
        Arc::into_inner(unsafe { Arc::from_raw(share.0.cast().as_ptr()) })
    }

    /// Gives the share up. Returns counted memory if it was the last in it, for the caller to end: as [`Counted::new`] was told to.
    pub(crate) fn into_last_counted(self) -> Option<NonNull<Counted>> {
        if !self.is_counted() {
            return None; // dropped
        }
        let memory = ManuallyDrop::new(self).memory();
        // SAFETY: it is live until its last share is counted out, which is this one or a later one.
        unsafe { memory.as_ref() }.remove().then_some(memory)
    }
}

impl Clone for Share {
    #[inline]
    fn clone(&self) -> Self {
        if self.is_counted() {
            // SAFETY: it lives as long as this share.
            unsafe { self.memory().as_ref() }.add();
        } else {
            // SAFETY: the pointer came from `Arc::into_raw`, and is counted by this share meanwhile.
            unsafe { Arc::increment_strong_count(self.0.cast::<CodeArena>().as_ptr()) };
        }
        Self(self.0)
    }
}

impl Drop for Share {
    #[inline]
    fn drop(&mut self) {
        if self.is_counted() {
            let memory = self.memory();
            // SAFETY: it is live until its last share is counted out.
            if unsafe { memory.as_ref() }.remove() {
                // SAFETY: nobody else has a share, and it is ended once, with the pointer that it began with.
                unsafe { (memory.as_ref().end)(memory) };
            }
        } else {
            // SAFETY: the pointer came from `Arc::into_raw`, and the count is this share's.
            drop(unsafe { Arc::from_raw(self.0.cast::<CodeArena>().as_ptr()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ENDED: AtomicUsize = AtomicUsize::new(0);

    unsafe fn end(memory: NonNull<Counted>) {
        ENDED.fetch_add(1, Relaxed);
        // SAFETY: boxed by the test, and ended once.
        drop(unsafe { Box::from_raw(memory.as_ptr()) });
    }

    #[test]
    fn counted_memory_ends_with_its_last_share_and_not_after_too_many_were_forgotten() {
        let memory = NonNull::from(Box::leak(Box::new(Counted::new(end))));
        // SAFETY: new, freed by `end`, and of atomics alone.
        let first = unsafe { Share::first(memory) };
        let (second, third) = (first.clone(), first.clone());
        assert!(first.same(&second) && first.arena().is_none() && first.counted() == Some(memory));
        drop((first, second));
        assert_eq!(ENDED.load(Relaxed), 0);
        assert_eq!(third.into_last_counted(), Some(memory));
        // SAFETY: it was the last share.
        unsafe { end(memory) };
        assert_eq!(ENDED.load(Relaxed), 1);

        let memory = NonNull::from(Box::leak(Box::new(Counted::new(end))));
        // SAFETY: as above.
        let first = unsafe { Share::first(memory) };
        // SAFETY: live.
        unsafe { memory.as_ref() }.shares.store(MOST, Relaxed); // all but one of them forgotten
        for _ in 0..3 {
            drop((first.clone(), first.clone()));
        }
        drop(first);
        // SAFETY: it stays for ever, so it is the test's to free.
        let shares = unsafe { memory.as_ref() }.shares.load(Relaxed);
        assert!(shares > MOST, "{shares}");
        // SAFETY: the same.
        unsafe { end(memory) };
    }
}
