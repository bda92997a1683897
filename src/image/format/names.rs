//! The hash index of an image's names: built once, read by any process.
//!
//! ```text
//!   hash of "len" ─ high bits ─▶ buckets │ 0 │ 2 │ 2 │ 3 │      the first name of each
//!                                            └───────┐
//!                                names   │ .. │ .. │ len │ .. │  sorted by bucket, then by text
//! ```
//!
//! The hash has a key that is made of all names. So nobody who writes a program chooses how they fall. Whoever knows the image can find texts for one
//! bucket; that takes a look at the few names there, and no more.

use super::tables::NamePlace;
use crate::base::checksum::checksum;
use alloc::vec::Vec;

/// Names of a bucket that are looked at. Chance gives a dozen; whoever makes a file of one bucket makes no name slow to find.
pub(in crate::image) const MOST_OF_BUCKET: usize = 128;

/// The table of names, to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::image) struct NameTable {
    pub(super) key: [u8; 16],
    /// The number of the first name of each bucket.
    pub(super) buckets: Vec<u32>,
    pub(super) entries: Vec<NamePlace>,
}

impl NameTable {
    /// A table of names, each with its place in the code. They are sorted by their texts, each of another.
    pub(in crate::image) fn new(names: &[(&[u8], usize)]) -> Self {
        if names.is_empty() {
            return Self::default();
        }
        let mut all = blake3::Hasher::new();
        for (text, _) in names {
            all.update(&(text.len() as u64).to_le_bytes());
            all.update(text);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&all.finalize().as_bytes()[..16]);
        let buckets = bucket_count(names.len());
        let mut entries: Vec<_> = names
            .iter()
            .map(|&(text, at)| {
                let hash = hash(&key, text);
                (bucket_of(hash, buckets).unwrap_or(0), NamePlace { at, len: text.len(), hash })
            })
            .collect();
        // Stable: within a bucket they stay sorted by text.
        entries.sort_by_key(|&(bucket, _)| bucket);
        let mut firsts = Vec::with_capacity(buckets);
        let mut next = 0;
        for bucket in 0..buckets {
            firsts.push(next as u32);
            next += entries[next..].iter().take_while(|&&(of, _)| of == bucket).count();
        }
        Self { key, buckets: firsts, entries: entries.into_iter().map(|(_, name)| name).collect() }
    }
}

/// The hash of a name's text.
pub(super) fn hash(key: &[u8; 16], text: &[u8]) -> u32 {
    let key = [0, 8].map(|at| key[at..].first_chunk().map_or(0, |half| u64::from_le_bytes(*half)));
    (checksum(key, text) >> 32) as u32
}

/// The bucket of a hash among so many; `None` if there are none.
pub(super) fn bucket_of(hash: u32, buckets: usize) -> Option<usize> {
    match buckets {
        0 => None,
        buckets => Some((u64::from(hash) >> (32 - buckets.ilog2())) as usize),
    }
}

/// The number of buckets for so many names.
pub(super) fn bucket_count(names: usize) -> usize {
    if names == 0 { 0 } else { names.next_power_of_two() }
}
