//! The state that loaders and arenas share: pages, records, and the tables over them.

use super::aligned::{AlignedBlock, AlignedBlocks, AlignedRecord};
use super::code_pages::{CodePages, SealBy, StoreOptions};
use super::counters::Counters;
use super::extent::Extent;
use super::ground::Ground;
use super::ledger::{CHUNK, Ledger};
use super::memory::StoreMemory;
use super::module_list::{ModuleList, ModuleRecord};
use super::name_trie::NameTrie;
use super::page_groups::PageGroups;
use super::plan::StorePlan;
use super::prefix::Prefix;
use super::protection::Protection;
use super::record::Record;
use super::shelf::{Board, Spot};
use super::spare_sites::{Returns, SpareSites};
use super::tail::Tail;
use super::tails::Search;
use super::watermark::End;
use crate::base::page::PageSize;
use crate::code::value::{Birth, SiteCounter, SitePool};
use crate::error::{Error, PageError};
use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// One reservation and all that lies in it.
pub(in crate::code) struct CodeStore {
    birth: Birth,
    modules: ModuleList,
    names: NameTrie,
    sites: SiteCounter,
    spare_sites: SpareSites,
    aligned: AlignedBlocks,
    ledger: Ledger,
    next_module: AtomicU32,
    counters: Counters,
    /// Dropped last: all of the above may point into it.
    memory: StoreMemory,
}

impl CodeStore {
    /// Returns where the parts of a reservation for `code` bytes lie, with at least one chunk of records.
    /// In front of them there is room for a prefix, with its head.
    pub(in crate::code) fn plan(code: usize, prefix: [usize; 2], page: PageSize) -> Option<StorePlan> {
        StorePlan::new(code, prefix, page, CHUNK, PageGroups::bytes)
    }

    /// Makes an empty store.
    pub(in crate::code) fn new(ground: Ground, options: StoreOptions) -> Self {
        let (reservation, plan, prefix) = ground.into_parts();
        let ledger = Ledger::new(plan.table..plan.records(), plan.rest, plan.back);
        // SAFETY: the parts of a ground: the reservation was made for this plan; the page table's part and the first code are committed and
        // untouched. Every record that the pages are told of is of this store's ledger.
        let pages = unsafe { CodePages::new(reservation, plan, options) };
        // SAFETY: the list is this store's, and `enlist` appends modules of this store only.
        let modules = unsafe { ModuleList::new() };
        // SAFETY: the list is this store's, and `take_spare_sites` hands it records of this store only.
        let spare_sites = unsafe { SpareSites::new() };
        // SAFETY: the list is this store's, and `note_aligned` hands it records of this store only.
        let aligned = unsafe { AlignedBlocks::new() };
        let birth = Birth::now();
        let (first_module, sites) = match &prefix {
            None => (0, SiteCounter::new(birth)),
            Some(prefix) if cfg!(not(permacode_begin_with_image)) => {
                (prefix.modules(), SiteCounter::behind(birth, prefix.sites()))
            }
            Some(prefix) => (0, SiteCounter::behind(birth, prefix.sites())),
        };
        Self {
            birth,
            modules,
            names: NameTrie::new(),
            sites,
            spare_sites,
            aligned,
            ledger,
            next_module: AtomicU32::new(first_module),
            counters: Counters::default(),
            memory: StoreMemory::new(prefix, pages),
        }
    }

    /// The place of the arena in the order in which arenas are made.
    pub(in crate::code) fn birth(&self) -> Birth {
        self.birth
    }

    #[inline]
    pub(in crate::code) fn pages(&self) -> &CodePages {
        self.memory.pages()
    }

    /// The memory, with the state of its lookout.
    #[cfg(all(feature = "fault-report", target_os = "linux"))]
    pub(super) fn memory(&self) -> &StoreMemory {
        &self.memory
    }

    /// The tables that the unwinder was told of.
    #[cfg(permacode_unwind_tables)]
    pub(in crate::code) fn unwind_tables(&self) -> &super::unwind_tables::UnwindTables {
        self.memory.unwind_tables()
    }

    pub(in crate::code) fn modules(&self) -> &ModuleList {
        &self.modules
    }

    pub(in crate::code) fn names(&self) -> &NameTrie {
        &self.names
    }

    /// The sealed code in front of the arena's own.
    pub(in crate::code) fn prefix(&self) -> Option<&dyn Prefix> {
        self.memory.prefix()
    }

    /// The prefix, for what counts and lists: none for tests with arenas that are not empty, which count what they load.
    pub(in crate::code) fn counted_prefix(&self) -> Option<&dyn Prefix> {
        self.prefix().filter(|_| cfg!(not(permacode_begin_with_image)))
    }

    /// The offset in the prefix of an address that lies there.
    pub(in crate::code) fn in_prefix(&self, address: usize) -> Option<(&dyn Prefix, usize)> {
        let prefix = self.prefix()?;
        let offset = self.pages().position(address).filter(|&position| position < self.pages().prefix())?;
        Some((prefix, offset))
    }

    /// The name of the prefix with this text.
    #[inline]
    pub(in crate::code) fn prefixed_name(&self, text: &str) -> Option<&str> {
        self.prefix().and_then(|prefix| self.name_in(prefix, text))
    }

    fn name_in<'p>(&'p self, prefix: &dyn Prefix, text: &str) -> Option<&'p str> {
        let place = prefix.interned(text)?;
        let (start, end) = (self.pages().prefix_at(place.start), self.pages().prefix_at(place.end));
        let len = end.addr().get().checked_sub(start.addr().get())?;
        // SAFETY: the promise of `Prefix`: readable bytes of the reservation that never change, and UTF-8. The reservation stays while the store
        // is borrowed.
        Some(unsafe { core::str::from_utf8_unchecked(core::slice::from_raw_parts(start.as_ptr(), len)) })
    }

    pub(in crate::code) fn sites(&self) -> &SiteCounter {
        &self.sites
    }

    /// Takes a pool of site numbers: see [`SpareSites::take`].
    pub(in crate::code) fn take_spare_sites(&self) -> Option<(SitePool, Returns)> {
        self.spare_sites.take(|record| self.record(record).ok())
    }

    /// Leaves a pool of site numbers to the next one who takes one.
    ///
    /// # Safety
    ///
    /// As for [`SpareSites::leave`].
    pub(in crate::code) unsafe fn leave_spare_sites(&self, pool: SitePool, returns: Returns) {
        // SAFETY: the caller's promise.
        unsafe { self.spare_sites.leave(pool, returns) };
    }

    pub(in crate::code) fn counters(&self) -> &Counters {
        &self.counters
    }

    // ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes memory for a record, which stays the caller's alone for as long as the store lives.
    pub(in crate::code) fn claim_record(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        self.ledger.claim(self.pages(), layout)
    }

    /// Puts a record into the ledger.
    pub(in crate::code) fn record<T: Sync>(&self, value: T) -> Result<Record<'_, T>, Error> {
        self.ledger.insert(self.pages(), value)
    }

    /// Notes a block whose alignment no type says.
    pub(in crate::code) fn note_aligned(&self, block: AlignedBlock) -> Result<(), Error> {
        // SAFETY: the record goes to this store's ledger, and to its own list.
        self.aligned.push(self.record(unsafe { AlignedRecord::new(block) })?);
        Ok(())
    }

    /// The blocks whose alignment no type says, but for those of the prefix.
    #[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
    pub(in crate::code) fn aligned(&self) -> impl Iterator<Item = AlignedBlock> {
        self.aligned.all()
    }

    /// The record of a new module called `name`.
    pub(in crate::code) fn module_record(&self, name: &str) -> Result<Record<'_, ModuleRecord>, Error> {
        self.ledger.insert_named(self.pages(), name, |name| {
            // SAFETY: the ledger puts the record in front of the name that it copied. Its loader adds what it records in this store.
            unsafe { ModuleRecord::new(self.next_module.fetch_add(1, Relaxed), name) }
        })
    }

    /// A board for more tails to wait on, if there is room for it.
    fn board(&self) -> Option<Record<'_, Board>> {
        // SAFETY: the board goes to this store's ledger, and so to its own shelves only.
        self.record(unsafe { Board::new() }).ok()
    }

    // ── room ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Populates pages ahead of the first load: see [`CodePages::prefault`].
    pub(in crate::code) fn prefault(&self, bytes: usize) -> Result<(), Error> {
        if bytes == 0 { Ok(()) } else { self.pages().prefault(bytes, || self.board()) }
    }

    /// Leaves a tail for a later loader: see [`CodePages::park`].
    pub(in crate::code) fn park<'l>(&'l self, end: End, tail: Tail<'l>) {
        self.pages().park(end, tail, || self.board());
    }

    /// Claims what comes right behind a loader's room: see [`CodePages::claim_behind`].
    pub(in crate::code) fn claim_behind<'l>(
        &'l self,
        search: Search,
        rest: &Range<usize>,
        behind: Option<Spot<'l>>,
    ) -> Result<Option<Tail<'l>>, PageError> {
        self.pages().claim_behind(search, rest, behind, || self.board())
    }

    /// Closes what a finished loader filled: see [`CodePages::close_extent`].
    ///
    /// # Safety
    ///
    /// As for [`CodePages::close_extent`].
    pub(in crate::code) unsafe fn close_extent<'l>(
        &'l self,
        extent: Record<'l, Extent>,
        padded: bool,
        seal_by: SealBy,
        side: End,
        behind: Option<Spot<'l>>,
    ) {
        // SAFETY: the caller's promise.
        unsafe { self.pages().close_extent(extent, padded, seal_by, side, behind, || self.board()) };
    }

    // ── modules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Adds a closed module to the list of finished ones.
    pub(in crate::code) fn enlist<'l>(
        &'l self,
        module: Record<'l, ModuleRecord>,
        filled: usize,
        gaps: usize,
        lost: usize,
    ) {
        let pages = module.get().extents().map(|extent| self.pages().fresh(&extent)).sum();
        self.counters.add(filled, gaps, lost, pages);
        self.modules.append(module);
        #[cfg(all(feature = "fault-report", target_os = "linux"))]
        self.show_first();
    }

    /// Returns what holds for every page of the prefix.
    pub(in crate::code) fn protection_of_prefix(&self) -> Protection {
        let parts = self.prefix().map_or(&[][..], Prefix::parts);
        parts.iter().map(|part| part.level()).min().unwrap_or(Protection::ReadOnly)
    }

    /// Returns what holds for every page of these extents.
    pub(in crate::code) fn protection_of<'l>(
        &'l self,
        extents: impl Iterator<Item = Record<'l, Extent>>,
    ) -> Protection {
        let filled = extents.filter(|extent| extent.start() != extent.end());
        let least = filled.map(|extent| self.pages().protection(extent.start()..extent.end())).min();
        // Of what has no bytes, nothing can change.
        least.unwrap_or(if self.pages().reservation().protects() { Protection::ReadOnly } else { Protection::TypeOnly })
    }
}
