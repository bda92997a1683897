//! The intern index: one copy of each name per arena.
//!
//! A hash trie that only grows. Each node holds one name and four places for children; two bits of the hash choose the place at each
//! level. Finding reads published pointers, inserting is one compare-exchange, nothing is ever moved or rehashed, so there is nothing
//! to lock (invariant 5):
//!
//! ```text
//!   roots [ 00 │ 01 │ 10 │ 11 ]
//!            │
//!            ▼
//!          "len"  [ 00 │ 01 │ 10 │ 11 ]
//!                              │
//!                              ▼
//!                            "append" [ .. ]
//! ```
//!
//! 131,000 names lie about nine levels deep. The hash has a key of its own for each arena, from the system's randomness
//! once a thread. So no source text can choose its depth. Without the standard library the key is weaker (`base/hash.rs`). When its bits are used up, the rest of the path is a list.

use super::record::{AtomicRecord, Record};
use crate::base::hash::RandomState;
use core::hash::BuildHasher;

const WAYS: u32 = 4;

/// One name of the index.
pub(in crate::code) struct NameEntry {
    hash: u64,
    text: *const str,
    children: Children,
}

type Children = [AtomicRecord<NameEntry>; WAYS as usize];

// SAFETY: the text is immutable, and alive as long as anybody reads it through the entry (the promise of `new`).
unsafe impl Send for NameEntry {}
// SAFETY: as above; the children are atomic.
unsafe impl Sync for NameEntry {}

impl NameEntry {
    /// An entry for `text`, to be given to [`NameTrie::insert`].
    ///
    /// # Safety
    ///
    /// 1. `text` lies in a block of the arena whose index the entry goes to.
    /// 2. The block stays as it is until `insert` refuses the entry; if it does not, as long as the arena.
    pub(in crate::code) unsafe fn new(hash: u64, text: &str) -> Self {
        Self { hash, text, children: no_children() }
    }

    fn text(&self) -> &str {
        // SAFETY: by the promise of `new`, an unchanging block of the arena, which outlives every borrow of its records.
        unsafe { &*self.text }
    }
}

fn no_children() -> Children {
    [const {
        // SAFETY: these are the children of a name, which is a record, or the roots of an arena's index. `insert` takes records of that arena.
        unsafe { AtomicRecord::empty() }
    }; WAYS as usize]
}

/// The index over all names of one arena.
pub(in crate::code) struct NameTrie {
    hasher: RandomState,
    roots: Children,
}

/// The place of a name that was not found.
pub(in crate::code) struct Vacancy<'l> {
    place: &'l AtomicRecord<NameEntry>,
    /// The bits of the hash that are not used up, highest first.
    rest: u64,
}

impl NameTrie {
    pub(in crate::code) fn new() -> Self {
        Self { hasher: RandomState::new(), roots: no_children() }
    }

    pub(in crate::code) fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    /// The copy of `text`, or the place where it belongs.
    pub(in crate::code) fn find(&self, hash: u64, text: &str) -> Result<&str, Vacancy<'_>> {
        Self::descend(&self.roots[Self::way(hash)], hash << WAYS.ilog2(), hash, text)
    }

    /// Publishes `name`, not found before, at its place or below it. If another thread was first, that one's copy is returned.
    pub(in crate::code) fn insert<'l>(
        &'l self,
        vacancy: Vacancy<'l>,
        name: Record<'l, NameEntry>,
    ) -> Result<(), &'l str> {
        let mut vacancy = vacancy;
        while vacancy.place.set_if_empty(name).is_err() {
            match Self::descend(vacancy.place, vacancy.rest, name.hash, name.get().text()) {
                Ok(first) => return Err(first),
                Err(deeper) => vacancy = deeper,
            }
        }
        Ok(())
    }

    fn descend<'l>(
        mut place: &'l AtomicRecord<NameEntry>,
        mut rest: u64,
        hash: u64,
        text: &str,
    ) -> Result<&'l str, Vacancy<'l>> {
        while let Some(name) = place.get() {
            if name.hash == hash && name.text() == text {
                return Ok(name.get().text());
            }
            place = &name.get().children[Self::way(rest)];
            rest <<= WAYS.ilog2();
        }
        Err(Vacancy { place, rest })
    }

    /// The place that the highest bits choose.
    fn way(rest: u64) -> usize {
        (rest >> (u64::BITS - WAYS.ilog2())) as usize
    }
}
