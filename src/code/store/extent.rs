//! Who filled what: modules, and the extents of code pages that they fill.
//!
//! An **extent** is a contiguous piece of code pages that one module filled, or may fill while it is open. When the module is finished,
//! the rest of it, its *tail*, goes to later loaders: several modules' extents follow each other on a page, and a module has extents in
//! several places when its room was full:
//!
//! ```text
//!   ├─ extent of "json" ─┼─ extent of "re" ─┼┄┄┄┄ room ┄┄┄┄┤
//!   start                start              end            limit
//!       ▲──── below ────┘
//! ```
//!
//! From `end` to `limit` only the open loader may write. When it is finished, that right goes to whoever takes the tail (`shelf.rs`).

use super::record::{Known, Published, Record};
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// What the ledger keeps of a module. Written by its loader while open, published in the arena's list when finished.
pub(in crate::code) struct ModuleRecord {
    id: u32,
    name: *const str,
    /// Bytes of all extents, gaps between blocks included.
    bytes: AtomicUsize,
    first: Published<Extent>,
    /// The module finished next after this one.
    next: Published<ModuleRecord>,
}

// SAFETY: by the promise of `new`, the name points to text in the ledger, which is immutable and lives as long as the record.
unsafe impl Send for ModuleRecord {}
// SAFETY: as above; the other fields are atomic or never change.
unsafe impl Sync for ModuleRecord {}

impl ModuleRecord {
    /// A module without extents.
    ///
    /// # Safety
    ///
    /// 1. The record goes to an arena's ledger.
    /// 2. `name` lies in that ledger and never changes.
    /// 3. Only extents of that ledger are added to it, and only modules of that ledger follow it.
    pub(in crate::code) unsafe fn new(id: u32, name: &str) -> Self {
        // SAFETY: the places are parts of a record that goes to the ledger whose records are published there.
        let (first, next) = unsafe { (Published::empty(), Published::empty()) };
        Self { id, name, bytes: AtomicUsize::new(0), first, next }
    }

    /// The module's extents in the order in which they were filled.
    pub(in crate::code) fn extents(&self) -> impl Iterator<Item = Record<'_, Extent>> {
        core::iter::successors(self.first.get(), |extent| extent.get().next())
    }

    pub(in crate::code) fn id(&self) -> u32 {
        self.id
    }

    pub(in crate::code) fn name(&self) -> *const str {
        self.name
    }

    /// Bytes of all extents, once the module is finished.
    pub(in crate::code) fn bytes(&self) -> usize {
        self.bytes.load(Acquire)
    }

    /// The module finished next after this one.
    pub(in crate::code) fn next(&self) -> Option<Record<'_, Self>> {
        self.next.get()
    }

    /// Says which module was finished next, unless that is known; then that one is returned.
    pub(in crate::code) fn set_next<'l>(&'l self, next: Record<'l, Self>) -> Result<(), Record<'l, Self>> {
        self.next.set_if_empty(next)
    }

    pub(in crate::code) fn set_first(&self, extent: Record<'_, Extent>) {
        self.first.set(extent);
    }

    pub(in crate::code) fn set_bytes(&self, bytes: usize) {
        self.bytes.store(bytes, Release);
    }
}

/// A piece of code pages that one module fills; offsets count from the first of them.
pub(in crate::code) struct Extent {
    module: Known<ModuleRecord>,
    start: usize,
    /// `start` until the loader leaves the extent.
    end: AtomicUsize,
    /// How far the loader may fill it.
    limit: AtomicUsize,
    /// Bytes of the module in its earlier extents.
    before: AtomicUsize,
    /// The finished extent that ends on the page where this one begins, if it does not begin with the page.
    below: Published<Extent>,
    /// The module's next extent.
    next: Published<Extent>,
}

impl Extent {
    /// An extent of `module` in `room`, of which nothing is filled.
    ///
    /// # Safety
    ///
    /// 1. The record goes to the ledger that `module` and `below` lie in.
    /// 2. The caller holds the room, and fills it for `module` alone until it [leaves](super::code_pages::CodePages::leave) the extent.
    /// 3. `below` is the finished extent with the highest address on the page where the room begins, unless it begins with the page.
    pub(in crate::code) unsafe fn new(
        module: Record<'_, ModuleRecord>,
        room: Range<usize>,
        below: Option<Record<'_, Extent>>,
    ) -> Self {
        // SAFETY: all of them are parts of a record that goes to the ledger of these records, and so does every extent that follows it.
        let (module, below, next) = unsafe { (Known::new(module), Published::new(below), Published::empty()) };
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

    /// How far into its module the byte at `offset` lies; `None` where it is not the extent's.
    pub(in crate::code) fn position(&self, offset: usize) -> Option<usize> {
        (self.start..self.end()).contains(&offset).then(|| self.before.load(Acquire) + (offset - self.start))
    }
}
