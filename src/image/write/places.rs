//! The pieces at an address, found without a table of all that is searched at random.
//!
//! ```text
//!   address / 64 KiB ─▶ chunk: 4096 heads, one for 16 bytes each ─▶ piece ─▶ piece ..    those that begin there, the last one first
//! ```
//!
//! A walk goes through memory much as it was filled. So do its searches through the heads. And the pieces come out in the order of their addresses.
#![forbid(unsafe_code)]

use super::address_hasher::AddressMap;
use crate::image::format::{ImageError, filled, push};
use alloc::vec::Vec;

/// Bytes for which there is a head.
const GRANULE: usize = 16;
/// Heads of a chunk.
const HEADS: usize = 4096;

/// No piece.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Default)]
pub(super) struct Places {
    /// The number of the chunk for an address.
    numbers: AddressMap<usize, usize>,
    chunks: Vec<Vec<u32>>,
    /// The chunk that was asked for last, and its number.
    last: (usize, usize),
}

impl Places {
    pub(super) fn new() -> Self {
        Self { last: (usize::MAX, 0), ..Self::default() }
    }

    /// The place for the number of the first piece that begins near an address. It is `NONE` before one is put there.
    pub(super) fn head(&mut self, address: usize) -> Result<&mut u32, ImageError> {
        let (chunk, head) = (address / GRANULE / HEADS, address / GRANULE % HEADS);
        if self.last.0 != chunk {
            let number = match self.numbers.get(&chunk) {
                Some(&number) => number,
                None => self.add(chunk)?,
            };
            self.last = (chunk, number);
        }
        Ok(&mut self.chunks[self.last.1][head])
    }

    fn add(&mut self, chunk: usize) -> Result<usize, ImageError> {
        let heads = filled(NONE, HEADS)?;
        self.numbers.try_reserve(1).map_err(|_| ImageError::Memory { bytes: HEADS * size_of::<u32>() })?;
        push(&mut self.chunks, heads)?;
        self.numbers.insert(chunk, self.chunks.len() - 1);
        Ok(self.chunks.len() - 1)
    }

    /// The first pieces of all places, in the order of addresses.
    pub(super) fn ascending(&self) -> impl Iterator<Item = u32> {
        let mut chunks: Vec<(usize, usize)> = self.numbers.iter().map(|(&chunk, &number)| (chunk, number)).collect();
        chunks.sort_unstable();
        chunks.into_iter().flat_map(|(_, number)| self.chunks[number].iter().copied()).filter(|&head| head != NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_at_an_address_is_found_near_it_and_comes_out_in_order() {
        let mut places = Places::new();
        let addresses = [0x7000_0000_0000usize, 0x10, 0x7000_0000_0013, 0x1f, 0x7000_0001_0000, 0x7000_0000_0008];
        for (number, &address) in (0u32..).zip(&addresses) {
            *places.head(address).unwrap() = number;
        }
        let mut get = |address| *places.head(address).unwrap();
        assert_eq!(addresses.map(&mut get), [5, 3, 2, 3, 4, 5]);
        assert_eq!((get(0x20), get(0x6000_0000_0000)), (NONE, NONE));
        assert!(places.ascending().eq([3, 5, 2, 4]));
    }
}
