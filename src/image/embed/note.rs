//! The note at the end of a program with an image: where the image lies.
#![forbid(unsafe_code)]

use crate::base::checksum::checksum;
use alloc::vec::Vec;

/// Bytes of the note.
pub(super) const NOTE: usize = 40;
/// The largest page of the systems that images are for: an image begins with a multiple of it.
pub(super) const ALIGN: u64 = 65536;

const MAGIC: &[u8; 8] = b"permaend";

/// The places of a file's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::image) struct Note {
    /// Bytes of the program.
    pub(in crate::image) program: u64,
    /// The offset at which the image begins.
    pub(in crate::image) offset: u64,
    /// Bytes of the image.
    pub(in crate::image) len: u64,
}

impl Note {
    /// The note for an image behind a program. `None` if no file is so long.
    pub(super) fn new(program: u64, len: u64) -> Option<Self> {
        let note = Self { program, offset: program.checked_next_multiple_of(ALIGN)?, len };
        note.file().map(|_| note)
    }

    /// Bytes of the file.
    fn file(&self) -> Option<u64> {
        let end = self.offset.checked_add(self.len)?.checked_add(NOTE as u64)?;
        (end <= i64::MAX as u64).then_some(end)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [self.program, self.offset, self.len] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let check = checksum([0; 2], &bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads the last bytes of a file of so many. `None` if they are no note.
    pub(super) fn read(bytes: &[u8; NOTE], file: u64) -> Option<Self> {
        let mut numbers = bytes[MAGIC.len()..].chunks(8).map(|number| number.try_into().map_or(0, u64::from_le_bytes));
        let note = Self::new(numbers.next()?, numbers.nth(1)?)?;
        (note.write() == bytes && note.file() == Some(file)).then_some(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_each_bit_of_it_counts() {
        let note = Note::new(70_000, 12_288).unwrap();
        assert_eq!(note, Note { program: 70_000, offset: 131_072, len: 12_288 });
        let bytes: [u8; NOTE] = note.write().try_into().unwrap();
        let file = note.file().unwrap();
        assert_eq!(Note::read(&bytes, file), Some(note));
        assert_eq!((Note::read(&bytes, file - 1), Note::read(&bytes, file + 1)), (None, None));
        for bit in 0..NOTE * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Note::read(&bad, file), None, "bit {bit}");
        }
    }

    #[test]
    fn lengths_that_no_file_has_are_none() {
        assert_eq!(Note::new(u64::MAX, 1), None);
        assert_eq!(Note::new(0, u64::MAX), None);
        assert_eq!(Note::new(0, i64::MAX as u64), None);
        assert_eq!(Note::new(0, 1).unwrap().offset, 0);
    }
}
