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
//! An image may stand on others. A reference into one of these is right by the same arithmetic, if the type that it leads to was checked there.
//! None leads up, so what was checked there stays so. Places are counted from the beginning of the lowest.
//!
//! The index is small beside the code. What is done for each type and each root looks at all types.
#![forbid(unsafe_code)]

use super::ascii::Ascii;
use super::below::Below;
use super::body::Body;
use super::finder::Finder;
use super::known::KnownTypes;
use super::portions::{self, Portion};
use crate::code::value::Sites;
use crate::image::format::{HEADER, ImageError, Run, WORD, is_marked};
use crate::image::shape::{Field, Kind, SLOTS, Shape, TEXT};
use alloc::string::String;
use core::ops::Range;

/// Checks all values of the types that are known, but for those of types that were known `before`.
pub(super) fn check(
    body: Body<'_>,
    types: &KnownTypes,
    before: &KnownTypes,
    below: &[Below],
    threads: usize,
) -> Result<(), ImageError> {
    let Body { index, code, .. } = body;
    let finder = Finder::new(index, code.len())?;
    let is_text = |run: &&Run| types.of(run.of).is_some_and(|shape| matches!(shape.kind, Kind::TextByte));
    let ascii = Ascii::new(code, index.runs.iter().filter(is_text).map(|run| run.bytes(&index.types)))?;
    let check = Check { body, finder, ascii, types, below };
    let is_new = |number: u32| before.of(number).is_none();
    check.gaps()?;
    let portions = portions::of_runs(index, |of| is_new(of) && types.of(of).is_some())?;
    portions::each(&portions, threads, |hits: &mut Hits, portion| check.portion(portion, hits))?;
    for root in index.roots.iter().filter(|root| is_new(root.of)) {
        if let Some(shape) = types.of(root.of) {
            let (element, count) = shape.flat(1);
            let why = check.leads_to(root.at, count.unwrap_or(usize::MAX), element, &mut Hits::default()).err();
            why.map_or(Ok(()), |why| Err(BadValue { at: root.at, why }.of(shape)))?;
        }
    }
    Ok(())
}

struct Check<'b> {
    body: Body<'b>,
    finder: Finder,
    ascii: Ascii,
    types: &'b KnownTypes,
    below: &'b [Below],
}

/// Runs to which references led, by their type: the next one of that type often leads there too.
#[derive(Default)]
struct Hits([Hit; SLOTS]);

#[derive(Clone, Copy, Default)]
struct Hit {
    of: Option<&'static Shape>,
    start: usize,
    end: usize,
}

impl Hits {
    fn of(&mut self, shape: &'static Shape) -> &mut Hit {
        &mut self.0[shape.slot()]
    }
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
        let ends = self.body.index.runs.iter().map(|run| run.bytes(&self.body.index.types).end);
        let starts = self.body.index.runs.iter().map(|run| run.start).chain([self.body.code.len()]);
        for (from, to) in core::iter::once(0).chain(ends).zip(starts) {
            let gap = self.body.code.get(from..to).unwrap_or_default();
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
        let words = bytes.start.div_ceil(WORD)..bytes.end.min(self.body.header.linked).div_ceil(WORD);
        let mut count = 0;
        let mut word = words.start;
        while word < words.end {
            if word % 8 == 0 && word + 8 <= words.end {
                count += self.body.marks.get(word / 8).map_or(0, |byte| byte.count_ones() as usize);
                word += 8;
            } else {
                count += usize::from(is_marked(self.body.marks, word));
                word += 1;
            }
        }
        count
    }

    fn portion(&self, portion: &Portion, hits: &mut Hits) -> Result<(), ImageError> {
        let run = &self.body.index.runs[portion.run];
        let Some(shape) = self.types.of(run.of) else { return Ok(()) };
        let place = |element: usize| run.start + element * shape.size();
        let range = place(portion.elements.start)..place(portion.elements.end);
        let bad = |at, why| Err(BadValue { at, why }.of(shape));
        let align = self.body.index.types[run.of as usize].align.max(shape.align());
        if run.start % align != 0 || shape.align() > HEADER {
            // Code begins with a page, of which this is the smallest.
            return bad(run.start, "the run is not aligned");
        }
        if shape.is_linked() != (run.start < self.body.header.linked) {
            return bad(run.start, "the run lies in the wrong half");
        }
        match shape.kind {
            Kind::Bits => return Ok(()),
            Kind::TextByte if self.ascii.is_in(&range) => return Ok(()),
            Kind::TextByte => {
                let range = self.between_characters(run, range.start)..self.between_characters(run, range.end);
                let text = core::str::from_utf8(&self.body.code[range.clone()]);
                return text
                    .map_or_else(|error| bad(range.start + error.valid_up_to(), "text is not UTF-8"), |_| Ok(()));
            }
            _ => {}
        }
        let mut values = PortionOfValues { check: self, references: 0, hits };
        for at in range.clone().step_by(shape.size()) {
            values.value(shape, at).map_err(|bad| bad.of(shape))?;
        }
        // Each reference that was met is marked.
        if self.marked(range.clone()) != values.references {
            return bad(range.start, "something in the run is marked that is no reference");
        }
        Ok(())
    }

    /// A place near this one, between portions of a run of text. If the text is UTF-8, it lies between characters.
    fn between_characters(&self, run: &Run, at: usize) -> usize {
        let end = run.start + run.len;
        if at == run.start {
            at
        } else {
            (at..end.min(at + 3)).find(|&at| self.is_boundary(at)).unwrap_or(end.min(at + 3))
        }
    }

    /// Returns `true` if no character of UTF-8 goes on at this byte, which is text.
    fn is_boundary(&self, at: usize) -> bool {
        self.ascii.is_at(at) || (self.body.code[at] as i8) >= -0x40
    }

    /// The same of a place, which may lie below.
    fn is_boundary_at(&self, place: usize) -> bool {
        match place.checked_sub(self.body.header.below) {
            Some(at) => self.is_boundary(at),
            None => {
                let byte = self.below.iter().find(|below| below.has(place)).and_then(|below| below.byte(place));
                byte.is_some_and(|byte| (byte as i8) >= -0x40)
            }
        }
    }

    /// The run that a place lies in, its type if it is known, and who knows it.
    fn run_at(&self, place: usize) -> Option<(Range<usize>, Option<&'static Shape>, &KnownTypes)> {
        let Some(at) = place.checked_sub(self.body.header.below) else {
            return self.below.iter().find(|below| below.has(place))?.run_at(place);
        };
        let run = self.finder.run_at(self.body.index, at)?;
        let range = run.bytes(&self.body.index.types);
        let range = self.body.header.below + range.start..self.body.header.below + range.end;
        Some((range, self.types.of(run.of), self.types))
    }

    /// Checks that so many values of a type lie at a place. Returns the end of the run.
    fn leads_to(&self, start: usize, len: usize, to: &'static Shape, hits: &mut Hits) -> Result<usize, &'static str> {
        let Some(bytes) = len.checked_mul(to.size()) else { return Err("a slice is longer than the address space") };
        if bytes == 0 {
            return Ok(start);
        }
        let hit = hits.of(to);
        if hit.of.is_some_and(|of| core::ptr::eq(of, to))
            && (hit.start..hit.end).contains(&start)
            && bytes <= hit.end - start
            && (start - hit.start) % to.size() == 0
        {
            return Ok(hit.end);
        }
        let Some((range, shape, types)) = self.run_at(start) else { return Err("a reference leads to no run") };
        if bytes > range.end - start {
            return Err("a reference leads beyond the end of a run");
        }
        let Some(shape) = shape else {
            return Err("a reference leads to a type that this program does not know");
        };
        if !shape.holds(start - range.start, to, bytes, |one, other| types.same(one, other)) {
            return Err("a reference leads to a value of another type");
        }
        if types.same(shape, to) {
            *hit = Hit { of: Some(to), start: range.start, end: range.end };
        }
        Ok(range.end)
    }
}

/// Values that are checked one behind the other.
struct PortionOfValues<'c, 'b> {
    check: &'c Check<'b>,
    /// References that were met.
    references: usize,
    hits: &'c mut Hits,
}

impl PortionOfValues<'_, '_> {
    /// Checks a value at a place that is aligned for it.
    fn value(&mut self, shape: &'static Shape, at: usize) -> Result<(), BadValue> {
        let bad = |why| Err(BadValue { at, why });
        let bytes = &self.check.body.code[at..at + shape.size()];
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
            Kind::Value(target) => self.reference(at, word(self.check.body.code, at), 1, target()).map(drop),
            Kind::Link(_) if word(self.check.body.code, at) == 0 => Ok(()),
            Kind::Link(target) => self.reference(at, word(self.check.body.code, at), 1, target()).map(drop),
            Kind::Slice(target) => {
                let (to, len) = (word(self.check.body.code, at), word(self.check.body.code, at + WORD));
                self.reference(at, to, len, target()).map(drop)
            }
            Kind::Text | Kind::Name => {
                self.text(at, word(self.check.body.code, at), word(self.check.body.code, at + WORD))
            }
            Kind::Sites => {
                let mut array = [0; 8];
                array.copy_from_slice(bytes);
                let (numbers, tag) = Sites::read(array);
                match () {
                    () if numbers.end > self.check.body.header.sites => bad("sites are above those of the image"),
                    () if !numbers.is_empty() && tag != self.check.body.header.tag => {
                        bad("sites are not those of the image")
                    }
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
        let Some(end) = self.reference(at, address, len, &TEXT)? else { return Ok(()) };
        let start = address.wrapping_sub(self.check.body.header.base());
        // All of the run is UTF-8.
        if self.check.is_boundary_at(start) && (start + len == end || self.check.is_boundary_at(start + len)) {
            Ok(())
        } else {
            Err(BadValue { at, why: "text begins or ends within a character" })
        }
    }

    /// Checks a reference in the word at `at`. Returns the end of the run that it leads to, if it leads anywhere.
    fn reference(
        &mut self,
        at: usize,
        address: usize,
        len: usize,
        to: &'static Shape,
    ) -> Result<Option<usize>, BadValue> {
        let bad = |why| Err(BadValue { at, why });
        let is_marked = at % WORD == 0 && is_marked(self.check.body.marks, at / WORD);
        let (element, count) = to.flat(len);
        if count == Some(0) {
            return match () {
                () if is_marked => bad("a reference to nothing is marked"),
                () if address == 0 || address % to.align() != 0 => {
                    bad("a reference to nothing is null, or is not aligned")
                }
                () => Ok(None),
            };
        }
        if !is_marked {
            return bad("a reference is not marked");
        }
        self.references += 1;
        let Some(count) = count else { return bad("a slice is longer than the address space") };
        let start = address.wrapping_sub(self.check.body.header.base());
        self.check.leads_to(start, count, element, self.hits).map(Some).or_else(bad)
    }
}

/// The word at a place.
pub(super) fn word(code: &[u8], at: usize) -> usize {
    let mut word = [0; WORD];
    word.copy_from_slice(&code[at..at + WORD]);
    usize::from_ne_bytes(word)
}

/// Bytes as a number, 16 at most.
pub(super) fn number(bytes: &[u8]) -> u128 {
    // The widths of most tags, without a copy of a length that the compiler does not know.
    match *bytes {
        [byte] => return byte.into(),
        [a, b, c, d, e, f, g, h] => return u64::from_ne_bytes([a, b, c, d, e, f, g, h]).into(),
        _ => {}
    }
    let mut wide = [0; 16];
    let from = if cfg!(target_endian = "big") { 16 - bytes.len() } else { 0 };
    wide[from..from + bytes.len()].copy_from_slice(bytes);
    u128::from_ne_bytes(wide)
}
