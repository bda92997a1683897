//! Numbers and text, one behind the other, in bytes.

use super::error::ImageError;
use super::room::reserved;
use alloc::string::String;
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

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
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
        let (taken, rest) =
            self.0.split_at(count.ok_or(ImageError::Index("an entry goes beyond the end of the index"))?);
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

    pub(super) fn text(&mut self) -> Result<String, ImageError> {
        let len = self.number()?;
        let text = core::str::from_utf8(self.bytes(len)?).map_err(|_| ImageError::Index("a name is not UTF-8"))?;
        let mut owned = String::new();
        owned.try_reserve_exact(text.len()).map_err(|_| ImageError::Memory { bytes: text.len() })?;
        owned.push_str(text);
        Ok(owned)
    }

    /// Reads a table: a count, and as many entries, each of at least `least` bytes.
    pub(super) fn table<T>(
        &mut self,
        least: usize,
        mut entry: impl FnMut(&mut Self) -> Result<T, ImageError>,
    ) -> Result<Vec<T>, ImageError> {
        let count = self.number()?;
        let count = usize::try_from(count).ok().filter(|&count| count <= self.0.len() / least);
        let count = count.ok_or(ImageError::Index("a table is longer than the index"))?;
        let mut table = reserved(count)?;
        for _ in 0..count {
            table.push(entry(self)?);
        }
        Ok(table)
    }
}
