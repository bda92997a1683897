//! The reservations of a watching source: a list that is only added to, so that a forked child never waits.

use alloc::boxed::Box;
use core::iter;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, Ordering::SeqCst};

/// A reservation and the state of each of its pages.
pub(super) struct Reserved {
    pub(super) base: usize,
    /// Bytes of the source's reservation that lie before `base`.
    pub(super) skipped: usize,
    pub(super) states: Box<[AtomicU8]>,
    pub(super) live: AtomicBool,
    next: *mut Self,
}

/// Every reservation ever made, newest first.
#[derive(Default)]
pub(super) struct Reservations(AtomicPtr<Reserved>);

impl Reservations {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Reserved> {
        let at = |raw: *mut Reserved| {
            // SAFETY: null or a box that `add` leaked into the list, which only `Drop` takes back.
            unsafe { raw.as_ref() }
        };
        iter::successors(at(self.0.load(SeqCst)), move |reserved| at(reserved.next))
    }

    /// Adds one that is live.
    pub(super) fn add(&self, base: NonNull<u8>, skipped: usize, states: Box<[AtomicU8]>) {
        let mut next = self.0.load(SeqCst);
        let node = Reserved { base: base.addr().get(), skipped, states, live: AtomicBool::new(true), next };
        let node = Box::into_raw(Box::new(node));
        while let Err(now) = self.0.compare_exchange(next, node, SeqCst, SeqCst) {
            next = now;
            // SAFETY: the node is not in the list yet, so nobody else sees it.
            unsafe { (*node).next = now };
        }
    }
}

impl Drop for Reservations {
    fn drop(&mut self) {
        let mut next = *self.0.get_mut();
        while !next.is_null() {
            // SAFETY: a box that `add` leaked; the list is this value's alone now.
            next = unsafe { Box::from_raw(next) }.next;
        }
    }
}
