//! Where a region lies, to be asked often: its pieces in the order of their addresses, so that one is found by halving.

use super::graph::push;
use crate::error::Error;
use crate::handles::region::Region;
use core::ptr::NonNull;

pub(in crate::handles) struct Pieces(Vec<NonNull<[u8]>>);

impl Pieces {
    /// The memory of a region, or none.
    pub(in crate::handles) fn of(region: Option<&Region<'_>>) -> Result<Self, Error> {
        let mut pieces = Vec::new();
        for piece in region.into_iter().flat_map(Region::memory) {
            push(&mut pieces, piece)?;
        }
        pieces.sort_unstable_by_key(|piece| piece.addr());
        Ok(Self(pieces))
    }

    /// The piece that holds an address.
    pub(in crate::handles) fn piece(&self, address: usize) -> Option<NonNull<[u8]>> {
        let index = self.0.partition_point(|piece| piece.addr().get() <= address).checked_sub(1)?;
        let piece = self.0[index];
        (address - piece.addr().get() < piece.len()).then_some(piece)
    }

    pub(in crate::handles) fn contains(&self, address: usize) -> bool {
        self.piece(address).is_some()
    }
}
