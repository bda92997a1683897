//! The code of an image: its bytes and its names, read from the file.

use super::inspection::Inspection;
use super::parts::CodePart;
use crate::image::format::{ImageError, WORD, each_marked, reserved};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

impl Inspection {
    /// Returns the number of interned names.
    ///
    /// ```
    /// # use permacode::image::{ImageWriter, inspect::Inspection};
    /// # let arena = permacode::CodeArena::new()?;
    /// assert_eq!(Inspection::of(ImageWriter::new(&arena).seal()?)?.name_count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name_count(&self) -> usize {
        self.places.of(&self.tables).names()
    }

    /// Reads the interned names, sorted. The [type](Self)'s example uses it.
    ///
    /// # Errors
    ///
    /// [`ImageError::Index`] if the table of names is damaged. [`ImageError::System`] when the system refuses.
    ///
    /// # Cost
    ///
    /// A system call for each name.
    pub fn names(&self) -> Result<Vec<String>, ImageError> {
        let tables = self.places.of(&self.tables);
        let mut names = reserved(tables.names())?;
        for name in (0..tables.names()).filter_map(|number| tables.name(number)) {
            let end = name.at.checked_add(name.len).ok_or(ImageError::Index("a name does not lie in text"))?;
            let text = self.code_bytes(name.at..end)?;
            let text = core::str::from_utf8(&text).map_err(|_| ImageError::Index("a name is not UTF-8"))?;
            names.push(text.to_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads a part of the code: bytes from the beginning of the image's own. References in it are [places](super::RootInfo::place), whatever window
    /// the image was written for. So equal images give equal bytes.
    ///
    /// The part begins and ends with a word, or the error is [`ImageError::Index`].
    ///
    /// # Errors
    ///
    /// [`ImageError::Index`] if it does not lie in the code. [`ImageError::System`] when the system refuses.
    ///
    /// ```
    /// use permacode::image::{ImageWriter, inspect::Inspection};
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let text: &&str = loader.alloc(loader.alloc_str("text")?)?;
    /// loader.seal()?;
    /// let image = Inspection::of(ImageWriter::new(&arena).root("text", text)?.seal()?)?;
    /// let value = image.code(0..16)?;
    /// assert_eq!(value.references, [0]); // the first word is a reference, the second is a length
    /// let place = u64::from_ne_bytes(value.bytes[..8].try_into()?) as usize;
    /// assert_eq!(&image.code(place..place + 8)?.bytes[..4], b"text");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn code(&self, range: Range<usize>) -> Result<CodePart, ImageError> {
        if range.start % WORD != 0 || range.end % WORD != 0 {
            return Err(ImageError::Index("a part of the code begins or ends within a word"));
        }
        let mut bytes = self.code_bytes(range.clone())?;
        let linked = range.start.min(self.header.linked)..range.end.min(self.header.linked);
        // The marks of eight words are a byte.
        let (first, words) = (linked.start / WORD, linked.len() / WORD);
        let skipped = first % 8;
        let from = self.header.marks_range().start;
        let mut marks = self.file.bytes(from + first / 8..from + (first + words).div_ceil(8))?;
        if let Some(byte) = marks.first_mut() {
            *byte &= u8::MAX << skipped;
        }
        let mut references = reserved(marks.iter().map(|byte| byte.count_ones() as usize).sum())?;
        each_marked(&marks, |word| {
            references.extend(Some(word - skipped).filter(|&word| word < words).map(|word| word * WORD))
        });
        for &at in &references {
            if let Some((word, _)) = bytes.get_mut(at..).and_then(|rest| rest.split_first_chunk_mut::<WORD>()) {
                *word = usize::from_ne_bytes(*word).wrapping_sub(self.header.base()).to_ne_bytes();
            }
        }
        Ok(CodePart { bytes, references })
    }

    /// Reads bytes of the code as they are.
    pub(super) fn code_bytes(&self, range: Range<usize>) -> Result<Vec<u8>, ImageError> {
        let code = self.header.code_range();
        if range.start > range.end || range.end > code.len() {
            return Err(ImageError::Index("a place lies outside of the code"));
        }
        self.file.bytes(code.start + range.start..code.start + range.end)
    }
}
