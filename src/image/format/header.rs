//! The first 4096 bytes: sizes, the window, digests, and a check of themselves.
//!
//! ```text
//!   0                    FIELDS                                4088    4096
//!   │ sizes, window, digests │ zeros, each looked at              │ check │   the check is of the fields
//! ```

use super::WORD;
use super::digest::Digest;
use super::error::ImageError;
use super::scroll::{Reader, Writer};
use crate::base::align;
use crate::base::checksum::checksum;
use alloc::vec::Vec;
use core::ops::Range;

/// Bytes of the header.
pub(in crate::image) const HEADER: usize = 4096;

const MAGIC: [u8; 8] = *b"permacde";
/// The format of everything behind the header.
const FORMAT: u64 = 2;
/// A number that reads otherwise on a machine of the other endianness.
const ENDIANNESS: u64 = 0x0102_0304_0506_0708;
/// Bytes of what it says. All that lies between them and the check is zero.
const FIELDS: usize = 168;
/// Bytes of the check at the header's end.
const CHECK: usize = 8;

/// The sizes of a file's parts. Each begins where the one before it ends, the code with a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::image) struct Header {
    /// The size of the pages of the system that wrote the file.
    pub(in crate::image) page: usize,
    pub(in crate::image) index: usize,
    /// Bytes of both halves, whole pages.
    pub(in crate::image) linked: usize,
    pub(in crate::image) leaf: usize,
    /// The address of the first linked byte.
    pub(in crate::image) window: usize,
    /// Bytes of code of the images that this one stands on, which lie in front of its window.
    pub(in crate::image) below: usize,
    /// The digest of the image that it stands on, if it stands on one.
    pub(in crate::image) parent: Option<Digest>,
    /// Site numbers, those of the images below too: they are `0..sites`.
    pub(in crate::image) sites: u64,
    /// The tag of all of them.
    pub(in crate::image) tag: u16,
    pub(in crate::image) digest: Digest,
}

impl Header {
    pub(in crate::image) fn index_range(&self) -> Range<usize> {
        HEADER..HEADER + self.index
    }

    /// The index, and the zeros between it and the code.
    pub(in crate::image) fn tables_range(&self) -> Range<usize> {
        HEADER..self.code_range().start
    }

    /// The part that is mapped at the window: linked runs, then leaf runs.
    pub(in crate::image) fn code_range(&self) -> Range<usize> {
        // Whole pages, and below the length of the file, as `read` and `plan` made sure.
        let start = align::align_up(HEADER + self.index, self.page).unwrap_or(usize::MAX);
        start..start.saturating_add(self.code())
    }

    pub(in crate::image) fn linked_range(&self) -> Range<usize> {
        let code = self.code_range();
        code.start..code.start + self.linked
    }

    pub(in crate::image) fn leaf_range(&self) -> Range<usize> {
        let code = self.code_range();
        code.start + self.linked..code.end
    }

    pub(in crate::image) fn marks_range(&self) -> Range<usize> {
        let start = self.code_range().end;
        start..start.saturating_add(self.marks())
    }

    /// The address of the first byte of the oldest image that this one stands on, or of its own.
    pub(in crate::image) fn base(&self) -> usize {
        self.window - self.below
    }

    /// The end of its code, in bytes from the base.
    pub(in crate::image) fn end(&self) -> usize {
        self.below + self.code()
    }

    /// Bytes of code.
    pub(in crate::image) fn code(&self) -> usize {
        self.linked + self.leaf
    }

    fn marks(&self) -> usize {
        self.linked / WORD / 8
    }

    /// Bytes of the file.
    pub(in crate::image) fn len(&self) -> usize {
        self.marks_range().end
    }

    /// Checks that the parts fit an address space.
    pub(in crate::image) fn fits(&self) -> Result<(), ImageError> {
        let sum = [HEADER, self.index, self.page, self.linked, self.leaf, self.linked / WORD / 8]
            .into_iter()
            .try_fold(0usize, usize::checked_add)
            .filter(|&sum| sum <= isize::MAX as usize);
        sum.map(drop).ok_or(ImageError::TooLarge)
    }

    pub(in crate::image) fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.bytes(&MAGIC);
        writer.number(ENDIANNESS);
        writer.number(FORMAT);
        writer.number(WORD as u64);
        for number in [self.page, self.index, self.linked, self.leaf, self.window, self.below] {
            writer.number(number as u64);
        }
        writer.number(self.sites);
        writer.number(self.tag.into());
        writer.bytes(self.digest.as_bytes());
        writer.number(self.parent.is_some().into());
        writer.bytes(self.parent.unwrap_or(Digest::NONE).as_bytes());
        let mut bytes = writer.finish();
        assert_eq!(bytes.len(), FIELDS);
        let check = checksum([0; 2], &bytes);
        bytes.resize(HEADER - CHECK, 0);
        bytes.extend_from_slice(&check.to_ne_bytes());
        bytes
    }

    /// Returns `true` for the first bytes of a file that says it is an image.
    pub(in crate::image) fn is_begun(start: &[u8; 8]) -> bool {
        *start == MAGIC
    }

    /// Reads the header of a file of `len` bytes.
    pub(in crate::image) fn read(bytes: &[u8; HEADER], len: u64) -> Result<Self, ImageError> {
        let mut reader = Reader(bytes);
        if reader.array()? != MAGIC {
            return Err(ImageError::NoImage);
        }
        if reader.number()? != ENDIANNESS {
            return Err(ImageError::Endianness);
        }
        let format = reader.number()?;
        if format != FORMAT {
            return Err(ImageError::Format { expected: FORMAT, found: format });
        }
        let word = reader.number()?;
        if word != WORD as u64 {
            return Err(ImageError::Word { expected: WORD as u64, found: word });
        }
        let (fields, rest) = bytes.split_at(FIELDS);
        let (zeros, check) = rest.split_at(rest.len() - CHECK);
        if checksum([0; 2], fields).to_ne_bytes() != check || zeros != [0; HEADER - CHECK - FIELDS] {
            return Err(ImageError::Header("its check does not match"));
        }
        // An eighth of the addresses that there are, at most. So no sum of parts, and no end of a part, is above the largest of them.
        let mut size = || {
            let number = reader.number()?;
            usize::try_from(number).ok().filter(|&size| size <= isize::MAX as usize / 8).ok_or(ImageError::TooLarge)
        };
        let [page, index, linked, leaf, window, below] = [size()?, size()?, size()?, size()?, size()?, size()?];
        let mut header = Self {
            page,
            index,
            linked,
            leaf,
            window,
            below,
            parent: None,
            sites: reader.number()?,
            tag: u16::try_from(reader.number()?).map_err(|_| ImageError::Header("its sites have no such tag"))?,
            digest: Digest::from_bytes(reader.array()?),
        };
        let (has_parent, parent) = (reader.number()?, Digest::from_bytes(reader.array()?));
        header.parent = (has_parent == 1).then_some(parent);
        if has_parent > 1 || header.parent.is_some() != (below != 0) {
            return Err(ImageError::Header("it stands on an image without code, or on code without an image"));
        }
        if !page.is_power_of_two() || !(HEADER..=1 << 24).contains(&page) {
            return Err(ImageError::Header("the size of its pages is none"));
        }
        if [linked, leaf, window, below].iter().any(|part| part % page != 0) || window <= below {
            return Err(ImageError::Header("its code does not begin and end with a page"));
        }
        if header.code() == 0 {
            return Err(ImageError::Header("it has no code"));
        }
        if header.tag & 1 != 0 {
            return Err(ImageError::Header("its sites have no such tag"));
        }
        if header.sites > u64::from(u32::MAX) {
            return Err(ImageError::Header("it has more sites than an arena"));
        }
        if header.len() as u64 != len {
            return Err(ImageError::Length { expected: header.len() as u64, found: len });
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let digest = Digest::from_bytes([7; 32]);
        Header {
            page: 4096,
            index: 100,
            linked: 8192,
            leaf: 4096,
            window: 1 << 46,
            below: 0,
            parent: None,
            sites: 3,
            tag: 8,
            digest,
        }
    }

    fn read(bytes: &[u8], len: usize) -> Result<Header, ImageError> {
        Header::read(bytes.try_into().unwrap(), len as u64)
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = header();
        assert_eq!(header.code_range(), 8192..8192 + 3 * 4096);
        assert_eq!(header.len(), 5 * 4096 + 128);
        assert_eq!(read(&header.write(), header.len()).unwrap(), header);
    }

    // soundness S14
    #[test]
    fn each_bit_of_a_header_counts() {
        let (good, len) = (header().write(), header().len());
        for bit in 0..HEADER * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bad, len).is_err(), "bit {bit}");
        }
    }

    // soundness S3, S14: with a check that matches, too.
    #[test]
    fn sizes_that_no_file_has_are_refused() {
        let with = |change: fn(&mut Header)| {
            let mut bad = header();
            change(&mut bad);
            read(&bad.write(), header().len())
        };
        assert!(matches!(with(|header| header.page = 0), Err(ImageError::Header(_))));
        assert!(matches!(with(|header| header.page = 12288), Err(ImageError::Header(_))));
        assert!(matches!(with(|header| header.window = 0), Err(ImageError::Header(_))));
        assert!(matches!(with(|header| header.window = 4097), Err(ImageError::Header(_))));
        assert!(matches!(with(|header| header.linked = 100), Err(ImageError::Header(_))));
        let below = with(|header| (header.below, header.parent) = (100, Some(header.digest)));
        assert_eq!(below, Err(ImageError::Header("its code does not begin and end with a page")));
        assert!(matches!(with(|header| header.linked = 4096), Err(ImageError::Length { .. })));
        assert!(matches!(with(|header| header.leaf = usize::MAX & !4095), Err(ImageError::TooLarge)));
        assert!(matches!(with(|header| header.index = isize::MAX as usize / 8), Err(ImageError::Length { .. })));
        assert!(matches!(
            with(|header| header.window = (isize::MAX as usize / 8) & !4095),
            Err(ImageError::Length { .. }) | Ok(_)
        ));
        assert!(matches!(with(|header| header.sites = 1 << 32), Err(ImageError::Header(_))));
    }

    #[test]
    fn the_first_thing_that_is_wrong_is_told_with_what_was_expected() {
        let mut bytes = header().write();
        bytes[16] = 1;
        assert_eq!(read(&bytes, 0), Err(ImageError::Format { expected: 2, found: 1 }));
        bytes[8..16].reverse();
        assert_eq!(read(&bytes, 0), Err(ImageError::Endianness));
        bytes[0] = 0;
        assert_eq!(read(&bytes, 0), Err(ImageError::NoImage));
    }
}
