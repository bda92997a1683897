//! A check that bytes are values: one pass over the runs. It has no unsafe code and no memory of what was seen. It recurses no deeper than a
//! type is nested.
//!
//! ```text
//!   run of Code   │ Code │ Code │ Code │    each value by its description:
//!                    │      └ parent ───▶ leads to a run of Code, to the beginning of one, and the word is marked
//!                    └ name ────────────▶ leads to a run of text, between characters
//! ```
//!
//! Each run is an array of one type. So a reference is right if it leads to an element of a run of its type. It may also lead to a part of an
//! element that has this type by its description. That is arithmetic. Nothing is followed, so it takes time in proportion to the file,
//! whoever wrote it.
//!
//! Runs of types that the program does not know are skipped. No value that was checked leads to them.
//!
//! The index is small beside the code. What is done for each type and each root looks at all types.
#![forbid(unsafe_code)]

use super::finder::Finder;
use super::known::KnownTypes;
use crate::code::value::Sites;
use crate::image::format::{HEADER, Header, ImageError, Index, Run, WORD, is_marked};
use crate::image::shape::{Field, Kind, Shape, TEXT};
use alloc::string::String;

/// Checks all values of the types that are known, but for those of types that were known `before`.
pub(super) fn check(
    types: &KnownTypes,
    before: &KnownTypes,
    header: &Header,
    index: &Index,
    code: &[u8],
    marks: &[u8],
) -> Result<(), ImageError> {
    let finder = Finder::new(index, code.len());
    let mut check = Check { header, index, finder, code, marks, types, references: 0 };
    let is_new = |number: u32| before.of(number).is_none();
    check.gaps()?;
    for run in index.runs.iter().filter(|run| is_new(run.of)) {
        check.run(run)?;
    }
    for root in index.roots.iter().filter(|root| is_new(root.of)) {
        if let Some(shape) = types.of(root.of) {
            let (element, count) = flat(shape, 1);
            let why = check.leads_to(root.at, count.unwrap_or(usize::MAX), element).err();
            why.map_or(Ok(()), |why| Err(BadValue { at: root.at, why }.of(shape)))?;
        }
    }
    Ok(())
}

struct Check<'b> {
    header: &'b Header,
    index: &'b Index,
    finder: Finder,
    code: &'b [u8],
    marks: &'b [u8],
    types: &'b KnownTypes,
    /// References that were met in the run.
    references: usize,
}

/// A place where a value is none.
struct BadValue {
    /// Bytes from the beginning of the code.
    at: usize,
    why: &'static str,
}

impl BadValue {
    fn of(self, shape: &Shape) -> ImageError {
        ImageError::BadValue { of: String::from(shape.name()), at: self.at, why: self.why }
    }
}

impl Check<'_> {
    /// Checks that between runs there are zeros, and no marks.
    fn gaps(&self) -> Result<(), ImageError> {
        let ends = self.index.runs.iter().map(|run| run.bytes(&self.index.types).end);
        let starts = self.index.runs.iter().map(|run| run.start).chain([self.code.len()]);
        for (from, to) in core::iter::once(0).chain(ends).zip(starts) {
            let gap = self.code.get(from..to).unwrap_or_default();
            if gap.iter().any(|&byte| byte != 0) {
                return Err(ImageError::Index("there is something between its runs"));
            }
            if self.marked(from.next_multiple_of(WORD)..to) != 0 {
                return Err(ImageError::Index("a gap between its runs is marked as an address"));
            }
        }
        Ok(())
    }

    /// The number of marks for the words that begin in a range of the code.
    fn marked(&self, bytes: core::ops::Range<usize>) -> usize {
        let words = bytes.start.div_ceil(WORD)..bytes.end.min(self.header.linked).div_ceil(WORD);
        let mut count = 0;
        let mut word = words.start;
        while word < words.end {
            if word % 8 == 0 && word + 8 <= words.end {
                count += self.marks.get(word / 8).map_or(0, |byte| byte.count_ones() as usize);
                word += 8;
            } else {
                count += usize::from(is_marked(self.marks, word));
                word += 1;
            }
        }
        count
    }

    fn run(&mut self, run: &Run) -> Result<(), ImageError> {
        let Some(shape) = self.types.of(run.of) else { return Ok(()) };
        let range = run.bytes(&self.index.types);
        let bad = |why| Err(BadValue { at: run.start, why }.of(shape));
        if run.start % shape.align() != 0 || shape.align() > HEADER {
            // Code begins with a page, of which this is the smallest.
            return bad("the run is not aligned");
        }
        if shape.is_linked() != (run.start < self.header.linked) {
            return bad("the run lies in the wrong half");
        }
        match shape.kind {
            Kind::Bits => return Ok(()),
            Kind::TextByte => {
                let text = core::str::from_utf8(&self.code[range]);
                return text.map_or_else(
                    |error| bad_at(run.start + error.valid_up_to(), "text is not UTF-8", shape),
                    |_| Ok(()),
                );
            }
            _ => {}
        }
        self.references = 0;
        for at in range.clone().step_by(shape.size()) {
            self.value(shape, at).map_err(|bad| bad.of(shape))?;
        }
        // Each reference that was met is marked.
        if self.marked(range) != self.references {
            return bad("something in the run is marked that is no reference");
        }
        Ok(())
    }

    /// Checks a value at a place that is aligned for it.
    fn value(&mut self, shape: &'static Shape, at: usize) -> Result<(), BadValue> {
        let bad = |why| Err(BadValue { at, why });
        let bytes = &self.code[at..at + shape.size()];
        match shape.kind {
            Kind::Bits | Kind::TextByte => Ok(()),
            Kind::Bool if bytes[0] > 1 => bad("a `bool` is neither 0 nor 1"),
            Kind::Bool => Ok(()),
            Kind::Char => match u32::try_from(number(bytes)).ok().and_then(char::from_u32) {
                Some(_) => Ok(()),
                None => bad("a `char` is no character"),
            },
            Kind::NonZero if bytes.iter().all(|&byte| byte == 0) => bad("a `NonZero` is zero"),
            Kind::NonZero => Ok(()),
            Kind::Value(target) => self.reference(at, self.word(at), 1, target()),
            Kind::Link(_) if self.word(at) == 0 => Ok(()),
            Kind::Link(target) => self.reference(at, self.word(at), 1, target()),
            Kind::Slice(target) => self.reference(at, self.word(at), self.word(at + WORD), target()),
            Kind::Text | Kind::Name => self.text(at, self.word(at), self.word(at + WORD)),
            Kind::Sites => {
                let mut array = [0; 8];
                array.copy_from_slice(bytes);
                let (numbers, tag) = Sites::read(array);
                match () {
                    () if numbers.end > self.header.sites => bad("sites are above those of the image"),
                    () if !numbers.is_empty() && tag != self.header.tag => bad("sites are not those of the image"),
                    () => Ok(()),
                }
            }
            Kind::Array { element, len } => (0..len).try_for_each(|i| self.value(element, at + i * element.size())),
            Kind::Struct(fields) => self.fields(fields, at),
            Kind::Enum { tag, variants } => {
                let found = number(&bytes[..tag]);
                match variants.iter().find(|variant| u128::from(variant.tag) == found) {
                    Some(variant) => self.fields(variant.fields, at),
                    None => bad("the tag of an enum is that of no variant"),
                }
            }
            Kind::Option { none, .. } if number(&bytes[none.offset..none.offset + none.width]) == none.none => Ok(()),
            Kind::Option { value, .. } => self.value(value, at),
        }
    }

    fn fields(&mut self, fields: &'static [Field], at: usize) -> Result<(), BadValue> {
        fields.iter().try_for_each(|field| self.value(field.shape, at + field.offset))
    }

    fn text(&mut self, at: usize, address: usize, len: usize) -> Result<(), BadValue> {
        self.reference(at, address, len, &TEXT)?;
        if len == 0 {
            return Ok(());
        }
        let start = address.wrapping_sub(self.header.window);
        let run = self.finder.run_at(self.index, start).map_or(0..0, |run| run.bytes(&self.index.types));
        // All of the run is UTF-8.
        let is_boundary = |at: usize| at == run.end || (self.code[at] as i8) >= -0x40;
        if is_boundary(start) && is_boundary(start + len) {
            Ok(())
        } else {
            Err(BadValue { at, why: "text begins or ends within a character" })
        }
    }

    /// Checks a reference in the word at `at`.
    fn reference(&mut self, at: usize, address: usize, len: usize, to: &'static Shape) -> Result<(), BadValue> {
        let bad = |why| Err(BadValue { at, why });
        let is_marked = at % WORD == 0 && is_marked(self.marks, at / WORD);
        let (element, count) = flat(to, len);
        if element.size() == 0 || count == Some(0) {
            return match () {
                () if is_marked => bad("a reference to nothing is marked"),
                () if address == 0 || address % to.align() != 0 => {
                    bad("a reference to nothing is null, or is not aligned")
                }
                () => Ok(()),
            };
        }
        if !is_marked {
            return bad("a reference is not marked");
        }
        self.references += 1;
        let Some(count) = count else { return bad("a slice is longer than the address space") };
        self.leads_to(address.wrapping_sub(self.header.window), count, element).or_else(bad)
    }

    /// Checks that so many values of a type lie at a place.
    fn leads_to(&self, start: usize, len: usize, to: &'static Shape) -> Result<(), &'static str> {
        let Some(bytes) = len.checked_mul(to.size()) else { return Err("a slice is longer than the address space") };
        if bytes == 0 {
            return Ok(());
        }
        let Some(run) = self.finder.run_at(self.index, start) else { return Err("a reference leads to no run") };
        let range = run.bytes(&self.index.types);
        if bytes > range.end - start {
            return Err("a reference leads beyond the end of a run");
        }
        let Some(shape) = self.types.of(run.of) else {
            return Err("a reference leads to a type that this program does not know");
        };
        if shape.holds(start - run.start, to, bytes, |one, other| self.types.same(one, other)) {
            Ok(())
        } else {
            Err("a reference leads to a value of another type")
        }
    }

    fn word(&self, at: usize) -> usize {
        let mut word = [0; WORD];
        word.copy_from_slice(&self.code[at..at + WORD]);
        usize::from_ne_bytes(word)
    }
}

fn bad_at(at: usize, why: &'static str, shape: &Shape) -> Result<(), ImageError> {
    Err(BadValue { at, why }.of(shape))
}

/// Arrays are what they are made of. `None` for more elements than can be counted.
fn flat(mut shape: &'static Shape, len: usize) -> (&'static Shape, Option<usize>) {
    let mut count = Some(len);
    while let Kind::Array { element, len } = shape.kind {
        (shape, count) = (element, count.and_then(|count| count.checked_mul(len)));
    }
    (shape, count)
}

/// Bytes as a number, 16 at most.
pub(super) fn number(bytes: &[u8]) -> u128 {
    let mut wide = [0; 16];
    let from = if cfg!(target_endian = "big") { 16 - bytes.len() } else { 0 };
    wide[from..from + bytes.len()].copy_from_slice(bytes);
    u128::from_ne_bytes(wide)
}
