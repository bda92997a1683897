//! What instructions found last time, beside the code: it is sealed, or counted, and in either case never written to by the machine.
//!
//! ```text
//!   code     ops  ┄ Global(0) ┄ Attribute(1) ┄        named  [3, 1]  which name an instruction looks up
//!            sites ─┐      │             │
//!   table   ┄┄┄┄┄┄┄┄├ cache 0 ┼ cache 1 ┼ for texts ┤┄┄┄┄┄   an entry for each site of each code object
//!                     │            └─ class of the object          ─▶ which attribute
//!                     └─ machine, version of its global variables ─▶ slot
//! ```
//!
//! A frame looks its entries up once, when it is made. A process has a table of its own after a fork, and so should each thread. Numbers of
//! transient code are used again, so [`Caches::home`] has them cleared.
//!
//! The arena keeps the table, the caches around it, and the closure that clears them. So a machine borrows all three, and owns none.

use crate::error::VmError;
use permacode::side::{InlineCache, SideTableBuilder, Version};
use permacode::{CodeArena, HeapArena, SideTable, Sites, Transients};
use std::cell::Cell;

/// What one instruction found.
pub type Cache = InlineCache<u32>;

/// The caches of all code of an arena.
pub struct Caches<'a> {
    table: &'a SideTable<'a, Cache>,
    machines: Cell<usize>,
}

impl<'a> Caches<'a> {
    pub fn new(arena: &'a CodeArena) -> Result<&'a Self, VmError> {
        Self::build(SideTable::builder(arena))
    }

    /// A table of chosen size.
    pub fn build(builder: SideTableBuilder<'a, Cache>) -> Result<&'a Self, VmError> {
        let table = builder.build()?.keep()?;
        Ok(table.arena().keep(Self { table, machines: Cell::new(0) })?)
    }

    /// A place of transient code in `heap`, whose caches are cleared before its numbers are used again.
    pub fn home(&'a self, heap: &'a HeapArena) -> Result<&'a Transients<'a>, VmError> {
        let arena = self.table.arena();
        let clear = arena.keep(|sites: Sites| self.clear(sites))?;
        Ok(Transients::new(arena, heap).clearing(clear).keep()?)
    }

    /// The caches of one code object. None if the table has no room for them: then the code runs without.
    pub fn of(&self, sites: Sites) -> &[Cache] {
        self.table.of(sites).unwrap_or_default()
    }

    /// Forgets what was found at sites whose code is gone.
    fn clear(&self, sites: Sites) {
        self.table.present(sites).iter().for_each(Cache::clear);
    }

    /// A number that tells machines apart which use one table: each has global variables, and versions of them, of its own.
    pub fn machine(&self) -> usize {
        self.machines.replace(self.machines.get() + 1)
    }
}

/// How often a cache had the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    pub hits: u64,
    pub misses: u64,
}

impl Looks {
    /// What a cache has, counted.
    pub fn get(&mut self, cache: Option<&Cache>, key: usize, now: Version) -> Option<u32> {
        let cache = cache?;
        let found = cache.get(key, now);
        *(if found.is_some() { &mut self.hits } else { &mut self.misses }) += 1;
        found
    }

    /// What a cache has, or what is found instead and remembered. What is not found is not remembered.
    pub fn get_or_find(
        &mut self,
        cache: Option<&Cache>,
        key: usize,
        now: Version,
        find: impl FnOnce() -> Result<u32, VmError>,
    ) -> Result<u32, VmError> {
        if let Some(found) = self.get(cache, key, now) {
            return Ok(found);
        }
        let found = find()?;
        cache.into_iter().for_each(|cache| cache.set(key, now, found));
        Ok(found)
    }
}
