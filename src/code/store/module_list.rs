//! Modules: what is known of each, and the list of those that are finished, in that order.

use super::extent::Extent;
use super::record::{AtomicRecord, Record, RecordPtr};
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// The ledger's record of a module. Written by its loader while open, published in the arena's list when finished.
pub(in crate::code) struct ModuleRecord {
    id: u32,
    name: RecordPtr<str>,
    /// Bytes of all extents, gaps between blocks included.
    bytes: AtomicUsize,
    first: AtomicRecord<Extent>,
    /// The module finished next after this one.
    next: AtomicRecord<ModuleRecord>,
}

impl ModuleRecord {
    /// A module without extents.
    ///
    /// # Safety
    ///
    /// 1. The record goes to the ledger that `name` lies in.
    /// 2. Only extents of that ledger are added to it, and only modules of that ledger follow it.
    pub(in crate::code) unsafe fn new(id: u32, name: Record<'_, str>) -> Self {
        // SAFETY: all of them are parts of a record that goes to the ledger whose records are published there.
        let (name, first, next) = unsafe { (RecordPtr::new(name), AtomicRecord::empty(), AtomicRecord::empty()) };
        Self { id, name, bytes: AtomicUsize::new(0), first, next }
    }

    /// The module's extents in the order in which they were filled.
    pub(in crate::code) fn extents(&self) -> impl Iterator<Item = Record<'_, Extent>> {
        core::iter::successors(self.first.get(), |extent| extent.get().next())
    }

    pub(in crate::code) fn id(&self) -> u32 {
        self.id
    }

    pub(in crate::code) fn name(&self) -> Record<'_, str> {
        self.name.get()
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

/// The list of finished modules: appended to by compare-exchange, never shortened.
pub(in crate::code) struct ModuleList {
    first: AtomicRecord<ModuleRecord>,
    /// A module near the end of the list, to begin the search for the end at. A hint: any module will do.
    recent: AtomicRecord<ModuleRecord>,
}

impl ModuleList {
    /// # Safety
    ///
    /// 1. The directory becomes part of an arena.
    /// 2. Only modules of that arena are appended.
    pub(in crate::code) const unsafe fn new() -> Self {
        // SAFETY: the directory is part of an arena, and `append` is called with its modules only.
        unsafe { Self { first: AtomicRecord::empty(), recent: AtomicRecord::empty() } }
    }

    /// Appends a module whose record is complete.
    pub(in crate::code) fn append<'l>(&'l self, module: Record<'l, ModuleRecord>) {
        let mut end = match self.recent.get() {
            Some(recent) => recent,
            None => match self.first.set_if_empty(module) {
                Ok(()) => return self.recent.set(module),
                Err(first) => first,
            },
        };
        while let Err(next) = end.get().set_next(module) {
            end = next;
        }
        self.recent.set(module);
    }

    pub(in crate::code) fn first(&self) -> Option<Record<'_, ModuleRecord>> {
        self.first.get()
    }
}
