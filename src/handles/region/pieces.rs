//! The pieces of a region in the order of their addresses, so that one is found by halving.

use super::source::Source;
use crate::error::Error;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::NonNull;

pub(in crate::handles) struct Pieces(Vec<NonNull<[u8]>>);

impl Pieces {
    /// The memory of a region.
    pub(in crate::handles) fn of(region: &dyn Source) -> Result<Self, Error> {
        let mut pieces = Vec::new();
        region.memory(&mut |piece| push(&mut pieces, piece))?;
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

/// Adds to a list, unless there is no memory.
pub(in crate::handles) fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), Error> {
    list.try_reserve(1).map_err(refusal::<T>)?;
    list.push(item);
    Ok(())
}

/// A box, unless there is no memory.
pub(in crate::handles) fn boxed<T>(value: T) -> Result<Box<T>, Error> {
    let mut one = Vec::new();
    one.try_reserve_exact(1).map_err(|_| Error::Memory { bytes: size_of::<T>() })?;
    one.push(value);
    let slice = Box::into_raw(one.into_boxed_slice());
    // SAFETY: a boxed slice of one element, which is laid out and freed as that element alone is.
    Ok(unsafe { Box::from_raw(slice.cast::<T>()) })
}

/// The refusal of the global allocator.
pub(in crate::handles) fn refusal<T>(_: impl Sized) -> Error {
    Error::Memory { bytes: size_of::<T>() }
}
