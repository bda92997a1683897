//! Who filled what: modules, runs of pages, and the extents that the former fill in the latter.
//!
//! A **run** is a contiguous piece of the reservation, claimed by one loader. An **extent** is the part of a run that one module
//! filled. When a module is finished, the rest of its run, its *tail*, goes to the next loader, so a run may hold many extents and a
//! module, when its run was full, extents in several runs:
//!
//! ```text
//!   run ├─ extent of "json" ─┼─ extent of "re" ─┼┄┄┄┄ tail ┄┄┄┄┤
//!     start              start              resume            limit
//!            ▲──── below ────┘
//! ```
//!
//! Exactly one owner may write from `resume` to `limit`: the open loader that holds the run, or nobody while it is parked. Ownership
//! moves by the atomic swap of the parking place, which orders what was written before it.

use super::published::{Known, Published, Record};
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// What the ledger keeps of a module. Written by its loader while open, published in the arena's list when finished.
pub(super) struct ModuleRecord {
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
    pub(super) unsafe fn new(id: u32, name: &str) -> Self {
        // SAFETY: the places are parts of a record that goes to the ledger whose records are published there.
        let (first, next) = unsafe { (Published::empty(), Published::empty()) };
        Self { id, name, bytes: AtomicUsize::new(0), first, next }
    }

    /// The module's extents in the order in which they were filled.
    pub(super) fn extents(&self) -> impl Iterator<Item = Record<'_, Extent>> {
        core::iter::successors(self.first.get(), |extent| extent.get().next())
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn name(&self) -> *const str {
        self.name
    }

    /// Bytes of all extents, once the module is finished.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Acquire)
    }

    /// The module finished next after this one.
    pub(super) fn next(&self) -> Option<Record<'_, Self>> {
        self.next.get()
    }

    /// Says which module was finished next, unless that is known; then that one is returned.
    pub(super) fn set_next<'l>(&'l self, next: Record<'l, Self>) -> Result<(), Record<'l, Self>> {
        self.next.set_if_empty(next)
    }

    pub(super) fn set_first(&self, extent: Record<'_, Extent>) {
        self.first.set(extent);
    }

    pub(super) fn set_bytes(&self, bytes: usize) {
        self.bytes.store(bytes, Release);
    }
}

/// A contiguous claimed piece of the reservation; offsets count from its base.
pub(super) struct Run {
    /// Where the next extent may begin. Changed by the owner only.
    resume: AtomicUsize,
    /// Where the run ends; grows when its owner extends it in place. Changed by the owner only.
    limit: AtomicUsize,
    /// The finished extent with the highest address.
    last: Published<Extent>,
}

impl Run {
    /// A run that nothing is filled of.
    ///
    /// # Safety
    ///
    /// 1. The record goes to the ledger of the arena whose code pages these are.
    /// 2. From `start` to `limit` the caller holds them: claimed, committed, zero, nobody else's.
    pub(super) unsafe fn new(start: usize, limit: usize) -> Self {
        // SAFETY: the place is part of a record, and `Extent::publish` puts only extents of the same ledger there.
        let last = unsafe { Published::empty() };
        Self { resume: AtomicUsize::new(start), limit: AtomicUsize::new(limit), last }
    }

    pub(super) fn resume(&self) -> usize {
        self.resume.load(Acquire)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(Acquire)
    }

    /// Bytes of the tail.
    pub(super) fn room(&self) -> usize {
        // In this order: an owner on another thread raises the limit before it resumes behind the old one.
        let resume = self.resume();
        self.limit() - resume
    }

    /// Says how far the run is filled.
    ///
    /// # Safety
    ///
    /// 1. The caller holds the run.
    /// 2. From `resume`, not above the limit, its bytes are zero and nobody's.
    pub(super) unsafe fn set_resume(&self, resume: usize) {
        self.resume.store(resume, Release);
    }

    /// Says how far the run reaches.
    ///
    /// # Safety
    ///
    /// 1. The caller holds the run.
    /// 2. The bytes from the former limit to this one are the caller's own claim: committed, zero, nobody else's.
    pub(super) unsafe fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Release);
    }
}

/// The part of a run that one module filled.
pub(super) struct Extent {
    module: Known<ModuleRecord>,
    run: Known<Run>,
    start: usize,
    /// `start` until the loader leaves the extent.
    end: AtomicUsize,
    /// Bytes of the module in its earlier extents.
    before: AtomicUsize,
    /// The finished extent that lies before this one in the same run.
    below: Published<Extent>,
    /// The module's next extent.
    next: Published<Extent>,
}

impl Extent {
    /// An extent of `module` that begins where `run` is to be filled next.
    ///
    /// # Safety
    ///
    /// 1. The record goes to the ledger that `module` and `run` lie in.
    /// 2. The caller holds the run, and fills it for `module` alone until it [leaves](super::code_pages::CodePages::leave) the extent.
    pub(super) unsafe fn new(module: Record<'_, ModuleRecord>, run: Record<'_, Run>) -> Self {
        let start = run.resume();
        // SAFETY: all of them are parts of a record that goes to the ledger of these records, and so does every extent that follows it.
        let (module, run, below, next) = unsafe {
            let below = Published::new(run.get().last.get());
            (Known::new(module), Known::new(run), below, Published::empty())
        };
        Self { module, run, start, end: AtomicUsize::new(start), before: AtomicUsize::new(0), below, next }
    }

    pub(super) fn module(&self) -> Record<'_, ModuleRecord> {
        self.module.get()
    }

    pub(super) fn run(&self) -> Record<'_, Run> {
        self.run.get()
    }

    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn end(&self) -> usize {
        self.end.load(Acquire)
    }

    pub(super) fn set_end(&self, end: usize) {
        self.end.store(end, Release);
    }

    pub(super) fn below(&self) -> Option<Record<'_, Extent>> {
        self.below.get()
    }

    pub(super) fn next(&self) -> Option<Record<'_, Extent>> {
        self.next.get()
    }

    pub(super) fn set_next(&self, next: Record<'_, Extent>) {
        self.next.set(next);
    }

    /// Publishes the extent as the highest of its run, `before` bytes into its module.
    pub(super) fn publish(extent: Record<'_, Self>, before: usize) {
        extent.before.store(before, Release);
        extent.run().last.set(extent);
    }

    /// How far into its module the byte at `offset` lies; `None` where it is not the extent's.
    pub(super) fn position(&self, offset: usize) -> Option<usize> {
        (self.start..self.end()).contains(&offset).then(|| self.before.load(Acquire) + (offset - self.start))
    }
}
