//! A value that threads copy while others replace it, without a lock.
//!
//! ```text
//!   Gate { inside: readers │ node ─▶ Node { value } │ replaced ─▶ Node ─▶ Node }
//!
//!   get       inside + 1     copy what is there     inside - 1, and the last one out frees what was replaced
//!   replace   other node     the old one waits in `replaced`     whoever finds nobody inside frees it
//! ```
//!
//! A count in the value alone would not do: a reader could load the pointer, be held up, and count a value that is gone. So a reader says that
//! it is inside before it looks.
//!
//! **Who frees.** A thread takes the whole list `replaced`, and *after that* adds zero to `inside`. If there was nobody, it frees what it took.
//! For any reader, its `+ 1` and that addition are in one order:
//!
//! * The `+ 1` came later. It reads from the addition, or from one behind it. So it sees what was done before the addition: the node was taken
//!   out of its place before it was put on the list. The reader finds a newer one.
//! * It came earlier. Then so did its `- 1`, or the sum would not be zero. The addition reads from it, so the copy was made before.
//!
//! An addition of zero, not a load: a load may read an older number. Each node is new, and in its place once.
//!
//! **Nothing waits while nobody is inside.** Whoever finds somebody puts the list back, and looks again. If he is gone by then, it begins anew.
//! Else that reader's `- 1` comes after, and sees the list. It is the last out, or a later one is.
//!
//! Under readers that never leave all at once, what was replaced waits. A thread that vanishes inside, as in a forked child, makes it wait for
//! ever: a leak, and no fault (invariant 5).

use crate::base::atomics::{AtomicPtr, AtomicUsize};
use alloc::boxed::Box;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::*;

/// A place for a value.
pub(crate) struct Gate<V> {
    inside: AtomicUsize,
    node: AtomicPtr<Node<V>>,
    replaced: AtomicPtr<Node<V>>,
    /// A raw pointer, so that it is neither `Send` nor `Sync` by itself.
    values: PhantomData<*const V>,
}

// SAFETY: values come and go between threads, and several copy one at once.
unsafe impl<V: Send + Sync> Send for Gate<V> {}
// SAFETY: as above.
unsafe impl<V: Send + Sync> Sync for Gate<V> {}

/// A value, in memory of its own.
pub(crate) struct Node<V> {
    value: V,
    /// Written by who has it out of the list, read by who takes the list.
    next: *mut Node<V>,
}

impl<V> Node<V> {
    pub(crate) fn new(value: V) -> Self {
        Self { value, next: ptr::null_mut() }
    }
}

impl<V: Clone> Gate<V> {
    pub(crate) fn new(node: Box<Node<V>>) -> Self {
        Self {
            inside: AtomicUsize::new(0),
            node: AtomicPtr::new(Box::into_raw(node)),
            replaced: AtomicPtr::new(ptr::null_mut()),
            values: PhantomData,
        }
    }

    /// Returns a copy of the value.
    pub(crate) fn get(&self) -> V {
        // Acquire: what was done before an addition of zero is done for this thread.
        self.inside.fetch_add(1, Acquire);
        let inside = Inside(self);
        // SAFETY: a node that is in its place, or was while this thread was inside, which the proof above is about.
        let value = unsafe { &(*self.node.load(Acquire)).value }.clone();
        drop(inside);
        value
    }

    /// Puts another value in, and returns the one that was there.
    pub(crate) fn replace(&self, node: Box<Node<V>>) -> V {
        // Release: the node is whole. Acquire: and so is the old one.
        let old = self.node.swap(Box::into_raw(node), AcqRel);
        // SAFETY: it is this thread's to free, which came to have it by the exchange. Readers may still copy it.
        let value = unsafe { &(*old).value }.clone();
        // SAFETY: it left its place just now, and is in no list.
        unsafe { self.retire(old, old) };
        self.free_replaced();
        value
    }
}

impl<V> Gate<V> {
    /// Puts nodes on the list, from the first to the last.
    ///
    /// # Safety
    ///
    /// They lead from the first to the last, are in no list, and left their place.
    unsafe fn retire(&self, first: *mut Node<V>, last: *mut Node<V>) {
        let mut next = self.replaced.load(Relaxed);
        loop {
            // SAFETY: the caller's promise; readers do not look at this field.
            unsafe { (&raw mut (*last).next).write(next) };
            match self.replaced.compare_exchange(next, first, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => next = now,
            }
        }
    }

    /// Frees what was replaced, unless somebody is inside.
    #[cold]
    fn free_replaced(&self) {
        loop {
            // Acquire: the nodes were put on it whole, after they had left their place.
            let first = self.replaced.swap(ptr::null_mut(), Acquire);
            if first.is_null() {
                return;
            }
            // Both: copies of those who left were made, and who comes in finds a newer node.
            if self.inside.fetch_add(0, AcqRel) == 0 {
                // SAFETY: the list was taken, and nobody is inside: the proof above.
                unsafe { free(first) };
                return;
            }
            let mut last = first;
            // SAFETY: nodes of the list that this thread took; only it reads or writes how they lead on.
            unsafe {
                while !(*last).next.is_null() {
                    last = (*last).next;
                }
                self.retire(first, last);
            }
            // Release: a reader that is inside finds the list.
            if self.inside.fetch_add(0, Release) != 0 {
                return;
            }
        }
    }
}

/// A reader inside; dropping it lets it out, also when a copy panics.
struct Inside<'g, V>(&'g Gate<V>);

impl<V> Drop for Inside<'_, V> {
    fn drop(&mut self) {
        // Release: the copy was made. Acquire: what was put back is on the list.
        if self.0.inside.fetch_sub(1, AcqRel) == 1 && !self.0.replaced.load(Relaxed).is_null() {
            self.0.free_replaced();
        }
    }
}

/// Frees nodes, from the first one on.
///
/// # Safety
///
/// They were boxed, nobody has them, and nobody reads them any more.
unsafe fn free<V>(first: *mut Node<V>) {
    let mut next = NonNull::new(first);
    while let Some(node) = next {
        // SAFETY: the caller's promise; each is freed once.
        next = NonNull::new(unsafe { Box::from_raw(node.as_ptr()) }.next);
    }
}

impl<V> Drop for Gate<V> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the gate, so nobody is inside. A node is in its place or on the list.
        unsafe {
            free(self.node.load(Acquire));
            free(self.replaced.load(Acquire));
        }
    }
}
