//! Numbers and bytes, one behind the other.

use super::error::ImageError;
use alloc::vec::Vec;

/// Bytes to be written.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, number: u64) {
        self.bytes(&number.to_ne_bytes());
    }

    pub(super) fn numbers<const N: usize>(&mut self, numbers: [usize; N]) {
        numbers.into_iter().for_each(|number| self.number(number as u64));
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Bytes to be read, from the beginning. An end that comes too early is an error.
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    pub(super) fn bytes(&mut self, count: u64) -> Result<&'b [u8], ImageError> {
        let count = usize::try_from(count).ok().filter(|&count| count <= self.0.len());
        let (taken, rest) = self.0.split_at(count.ok_or(ImageError::Index("a table is longer than the index"))?);
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ImageError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N as u64)?);
        Ok(array)
    }

    pub(super) fn number(&mut self) -> Result<u64, ImageError> {
        self.array().map(u64::from_ne_bytes)
    }
}
