//! A proof that plain references make no cycle. The values are proved already.
//!
//! ```text
//!   values   0 1 2 3 4 5 6 7 8 ..            elements of linked runs, numbered in their order
//!   done     1 1 1 0 1 1 0 0 0               no cycle is to be reached from these
//!   on path  0 0 0 1 0 0 0 0 0               a reference to one of these closes a cycle
//!   stack    [leave 3] [4..7] [8..9] ..      what the values on the path refer to, and is not yet looked at
//! ```
//!
//! It is a walk in depth, without recursion. A reference to a slice is a range of values, and ranges may overlap as often as a file likes. Those
//! that are done are passed over 64 at a time, and words of which all are done by a table of what comes behind. So the time stays close to the size of
//! the file, whoever wrote it.
#![forbid(unsafe_code)]

use super::body::Body;
use super::check::{number, word};
use super::finder::Finder;
use super::known::KnownTypes;
use crate::image::format::{ImageError, WORD, filled, push, reserve, reserved};
use crate::image::shape::{Field, Kind, Shape, TEXT};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// Checks that no value of a known type is reached from itself by plain references.
pub(super) fn refuse(body: Body<'_>, types: &KnownTypes) -> Result<(), ImageError> {
    let Body { header, index, code, .. } = body;
    let mut first = reserved(index.runs.len())?;
    let mut count = 0;
    for run in &index.runs {
        first.push(count);
        if run.start < header.linked && types.of(run.of).is_some() {
            count += run.len;
        }
    }
    let finder = Finder::new(index, code.len())?;
    let graph = Graph { types, body, finder, first };
    let mut walk = Walk { done: Done::new(count)?, on_path: filled(0, count.div_ceil(64))?, stack: Vec::new(), graph };
    let mut next = 0;
    while let Some(value) = walk.done.next(next..count) {
        walk.from(value)?;
        next = value + 1;
    }
    Ok(())
}

struct Walk<'b> {
    done: Done,
    on_path: Vec<u64>,
    stack: Vec<Step>,
    graph: Graph<'b>,
}

/// A step of the walk that is still to be made.
enum Step {
    /// To each of these.
    Visit(Range<usize>),
    /// Back from this one.
    Leave(usize),
}

impl Walk<'_> {
    fn from(&mut self, value: usize) -> Result<(), ImageError> {
        reserve(&mut self.stack, 3)?;
        self.stack.push(Step::Visit(value..value + 1));
        while let Some(step) = self.stack.pop() {
            match step {
                Step::Leave(value) => {
                    self.on_path[value / 64] &= !(1 << (value % 64));
                    self.done.set(value);
                }
                Step::Visit(range) => {
                    let Some(value) = self.done.next(range.clone()) else { continue };
                    if self.on_path[value / 64] >> (value % 64) & 1 != 0 {
                        let (shape, at) = self.graph.place(value);
                        return Err(ImageError::Cycle { of: String::from(shape.name()), at });
                    }
                    self.on_path[value / 64] |= 1 << (value % 64);
                    if value + 1 < range.end {
                        self.stack.push(Step::Visit(value + 1..range.end));
                    }
                    self.stack.push(Step::Leave(value));
                    let (shape, at) = self.graph.place(value);
                    self.graph.each_reference(shape, at, &mut self.stack)?;
                    reserve(&mut self.stack, 3)?;
                }
            }
        }
        Ok(())
    }
}

/// The values of the known types that have references.
struct Graph<'b> {
    types: &'b KnownTypes,
    body: Body<'b>,
    finder: Finder,
    /// The number of the first value of each run. Runs that have none of these have that of the next.
    first: Vec<usize>,
}

impl Graph<'_> {
    /// The type and the place of a value.
    fn place(&self, value: usize) -> (&'static Shape, usize) {
        let run = self.first.partition_point(|&first| first <= value) - 1;
        let shape = self.types.of(self.body.index.runs[run].of).unwrap_or(&TEXT);
        (shape, self.body.index.runs[run].start + (value - self.first[run]) * shape.size())
    }

    /// Adds what a value refers to.
    fn each_reference(&self, shape: &'static Shape, at: usize, to: &mut Vec<Step>) -> Result<(), ImageError> {
        let says = |place: usize, width: usize| number(&self.body.code[at + place..at + place + width]);
        match shape.kind {
            Kind::Value(target) => self.reference(at, 1, target(), to),
            Kind::Slice(target) => self.reference(at, word(self.body.code, at + WORD), target(), to),
            Kind::Array { element, len } if element.is_linked() => {
                (0..len).try_for_each(|i| self.each_reference(element, at + i * element.size(), to))
            }
            Kind::Struct(fields) => self.fields(fields, at, to),
            Kind::Enum { tag, variants } => {
                let found = says(0, tag);
                let variant = variants.iter().find(|variant| u128::from(variant.tag) == found);
                variant.map_or(Ok(()), |variant| self.fields(variant.fields, at, to))
            }
            Kind::Option { none, .. } if says(none.offset, none.width) == none.none => Ok(()),
            Kind::Option { value, .. } => self.each_reference(value, at, to),
            // Text leads nowhere, and a link is no plain reference.
            _ => Ok(()),
        }
    }

    fn fields(&self, fields: &'static [Field], at: usize, to: &mut Vec<Step>) -> Result<(), ImageError> {
        fields.iter().try_for_each(|field| self.each_reference(field.shape, at + field.offset, to))
    }

    fn reference(&self, at: usize, len: usize, of: &'static Shape, to: &mut Vec<Step>) -> Result<(), ImageError> {
        let (element, count) = of.flat(len);
        let bytes = count.unwrap_or(0).saturating_mul(element.size());
        let start = word(self.body.code, at).wrapping_sub(self.body.header.window);
        if bytes == 0 || start >= self.body.header.linked {
            return Ok(());
        }
        let Some(run) = self.finder.number_at(self.body.index, start) else { return Ok(()) };
        let (first, run) = (self.first[run], &self.body.index.runs[run]);
        let Some(shape) = self.types.of(run.of) else { return Ok(()) };
        let offset = start - run.start;
        push(to, Step::Visit(first + offset / shape.size()..first + (offset + bytes).div_ceil(shape.size())))
    }
}

/// Bits of values that are done, and for each word of them one behind it that has others.
struct Done {
    words: Vec<u64>,
    /// For a word that is full, one behind it, which may be full by now. For another its own number.
    next: Vec<usize>,
}

impl Done {
    fn new(count: usize) -> Result<Self, ImageError> {
        let words = filled(0, count.div_ceil(64))?;
        let mut next = reserved(words.len() + 1)?;
        next.extend(0..=words.len());
        Ok(Self { words, next })
    }

    fn set(&mut self, value: usize) {
        let word = &mut self.words[value / 64];
        *word |= 1 << (value % 64);
        if *word == u64::MAX {
            self.next[value / 64] = value / 64 + 1;
        }
    }

    /// The first of these that is not done.
    fn next(&mut self, range: Range<usize>) -> Option<usize> {
        let mut from = range.start;
        while from < range.end {
            let open = !self.words[from / 64] >> (from % 64);
            if open != 0 {
                return Some(from + open.trailing_zeros() as usize).filter(|&value| value < range.end);
            }
            from = self.not_full(from / 64 + 1) * 64;
        }
        None
    }

    /// The first word from this one on that is not full.
    fn not_full(&mut self, mut word: usize) -> usize {
        while self.next[word] != word {
            self.next[word] = self.next[self.next[word]];
            word = self.next[word];
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_done_is_found_over_any_number_of_full_words() {
        let mut done = Done::new(1000).unwrap();
        for value in (0..1000).filter(|value| ![0, 63, 64, 700, 999].contains(value)) {
            done.set(value);
        }
        for from in 0..1000 {
            for to in [from, from + 1, 500, 701, 1000] {
                let slow = [0, 63, 64, 700, 999].into_iter().find(|&open| open >= from && open < to);
                assert_eq!(done.next(from..to), slow, "{from}..{to}");
            }
        }
        [0, 63, 64, 700, 999].into_iter().for_each(|value| done.set(value));
        assert_eq!(done.next(0..1000), None);
        assert_eq!(Done::new(0).unwrap().next(0..0), None);
    }
}
