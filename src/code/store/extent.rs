//! Extents: pieces of code pages, each filled by one module.
//!
//! An **extent** is a contiguous piece of code pages that one module filled, or may fill while it is open. When the
//! module is finished, the rest of it, its *tail*, goes to later loaders. So several modules' extents follow each other
//! on a page. A module has extents in several places if its room was full:
//!
//! ```text
//!   ├─ extent of "json" ─┼─ extent of "re" ─┼┄┄┄┄ room ┄┄┄┄┤
//!   start                start              end            limit
//!       ▲──── below ────┘
//! ```
//!
//! From `end` to `limit` only the open loader may write. When it is finished, that right goes to whoever takes the tail (`shelf.rs`).

use super::module_list::ModuleRecord;
use super::record::{AtomicRecord, Record, RecordPtr};
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// A piece of code pages that one module fills; offsets count from the first of them.
pub(in crate::code) struct Extent {
    module: RecordPtr<ModuleRecord>,
    start: usize,
    /// `start` until the loader leaves the extent.
    end: AtomicUsize,
    /// The end up to which the loader may fill it.
    limit: AtomicUsize,
    /// Bytes of the module in its earlier extents.
    before: AtomicUsize,
    /// The finished extent that ends on the page where this one begins, if it does not begin with the page.
    below: AtomicRecord<Extent>,
    /// The module's next extent.
    next: AtomicRecord<Extent>,
}

impl Extent {
    /// An extent of `module` in `room`, of which nothing is filled.
    ///
    /// # Safety
    ///
    /// 1. The record goes to the ledger that `module` and `below` lie in.
    /// 2. The caller holds the room, and fills it for `module` alone until it [closes](super::code_pages::CodePages::close_extent) the extent.
    /// 3. `below` is the finished extent with the highest address on the page where the room begins, unless it begins with the page.
    pub(in crate::code) unsafe fn new(
        module: Record<'_, ModuleRecord>,
        room: Range<usize>,
        below: Option<Record<'_, Extent>>,
    ) -> Self {
        // SAFETY: all of them are parts of a record that goes to the ledger of these records, and so does every extent that follows it.
        let (module, below, next) =
            unsafe { (RecordPtr::new(module), AtomicRecord::new(below), AtomicRecord::empty()) };
        let (end, limit) = (AtomicUsize::new(room.start), AtomicUsize::new(room.end));
        Self { module, start: room.start, end, limit, before: AtomicUsize::new(0), below, next }
    }

    pub(in crate::code) fn module(&self) -> Record<'_, ModuleRecord> {
        self.module.get()
    }

    pub(in crate::code) fn start(&self) -> usize {
        self.start
    }

    pub(in crate::code) fn end(&self) -> usize {
        self.end.load(Acquire)
    }

    pub(in crate::code) fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    /// Says how far the extent is filled.
    ///
    /// # Safety
    ///
    /// 1. The caller is the loader that fills it.
    /// 2. It has filled that much, within the limit, and nothing behind it.
    pub(in crate::code) unsafe fn set_end(&self, end: usize) {
        self.end.store(end, Release);
    }

    /// Says how far the extent may be filled.
    ///
    /// # Safety
    ///
    /// 1. The caller is the loader that fills it.
    /// 2. The bytes from the former limit to this one are the caller's own room, which it holds as it does the extent.
    pub(in crate::code) unsafe fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Relaxed);
    }

    pub(in crate::code) fn below(&self) -> Option<Record<'_, Extent>> {
        self.below.get()
    }

    pub(in crate::code) fn next(&self) -> Option<Record<'_, Extent>> {
        self.next.get()
    }

    pub(in crate::code) fn set_next(&self, next: Record<'_, Extent>) {
        self.next.set(next);
    }

    /// Says how many bytes of its module lie in earlier extents.
    pub(in crate::code) fn set_before(&self, before: usize) {
        self.before.store(before, Release);
    }

    /// Returns the distance of the byte at `offset` from its module's start; `None` if it is not the extent's.
    pub(in crate::code) fn position(&self, offset: usize) -> Option<usize> {
        (self.start..self.end()).contains(&offset).then(|| self.before.load(Acquire) + (offset - self.start))
    }
}
