//! An iterator: what a loop goes over, and how far it is.

use crate::dict::Dict;
use crate::list::List;
use crate::value::Value;
use permacode::kit::Collect;
use permacode::{Error, Gc, HeapArena};
use std::cell::Cell;

/// The values that a loop goes over, and its place among them.
#[derive(Collect)]
pub struct Iter<'a> {
    source: Source<'a>,
    at: Cell<usize>,
}

#[derive(Collect)]
pub(crate) enum Source<'a> {
    List(Gc<'a, List<'a>>),
    Text(Gc<'a, str>),
    /// Keys of a dictionary, and its version when the loop began.
    Keys(Gc<'a, Dict<'a>>, usize),
    Range(Range),
}

/// Whole numbers from the first, before the last, with a step that is not 0.
#[derive(Clone, Copy, Collect)]
pub(crate) struct Range {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) step: i64,
}

/// The next value of an iterator.
pub(crate) enum Step<'a> {
    Value(Value<'a>),
    End,
    /// The dictionary got or lost a key meanwhile.
    Changed,
}

impl<'a> Iter<'a> {
    pub(crate) fn new(heap: &'a HeapArena, source: Source<'a>) -> Result<Gc<'a, Self>, Error> {
        Gc::new(heap, Self { source, at: Cell::new(0) })
    }

    /// A new one over the same, from its beginning.
    pub(crate) fn again(&self, heap: &'a HeapArena) -> Result<Gc<'a, Self>, Error> {
        let source = match self.source {
            Source::List(list) => Source::List(list),
            Source::Text(text) => Source::Text(text),
            Source::Keys(dict, _) => Source::Keys(dict, dict.version()),
            Source::Range(range) => Source::Range(range),
        };
        Self::new(heap, source)
    }

    /// The range, if it goes over one.
    pub(crate) fn range(&self) -> Option<Range> {
        match self.source {
            Source::Range(range) => Some(range),
            _ => None,
        }
    }

    pub(crate) fn next(&self, heap: &'a HeapArena) -> Result<Step<'a>, Error> {
        let at = self.at.get();
        let (value, behind) = match self.source {
            Source::List(list) => (list.get(at), at + 1),
            Source::Text(text) => match text[at..].chars().next() {
                Some(next) => {
                    let behind = at + next.len_utf8();
                    (Some(Value::Text(Gc::copy_str(heap, &text[at..behind])?)), behind)
                }
                None => (None, at),
            },
            Source::Keys(dict, version) if dict.version() != version => return Ok(Step::Changed),
            Source::Keys(dict, _) => match dict.entry_from(at) {
                Some((at, entry)) => (Some(entry.key), at + 1),
                None => (None, at),
            },
            Source::Range(range) => (range.get(at).map(Value::Int), at + 1),
        };
        if value.is_some() {
            self.at.set(behind);
        }
        Ok(value.map_or(Step::End, Step::Value))
    }
}

impl Range {
    /// Returns the count of its numbers.
    pub(crate) fn len(self) -> usize {
        let (from, to, step) = (i128::from(self.from), i128::from(self.to), i128::from(self.step));
        let distance = if step > 0 { to - from } else { from - to };
        let steps = (distance + step.abs() - 1).max(0) / step.abs();
        usize::try_from(steps).unwrap_or(usize::MAX)
    }

    pub(crate) fn has(self, number: i64) -> bool {
        let (from, number, step) = (i128::from(self.from), i128::from(number), i128::from(self.step));
        let steps = (number - from) / step;
        (number - from) % step == 0 && usize::try_from(steps).is_ok_and(|steps| steps < self.len())
    }

    pub(crate) fn get(self, at: usize) -> Option<i64> {
        if at >= self.len() {
            return None;
        }
        i64::try_from(i128::from(self.from) + i128::from(self.step) * at as i128).ok()
    }
}
