//! The tables that are read where they lie, without a copy: roots, modules, runs, names.
//!
//! ```text
//!   front │ counts │ roots ×32 │ text         │ modules ×24 │ runs ×32 │ buckets ×4 │ names ×16 │
//!                    name,       of the names   name, bytes   type,      of names     place,
//!                    type,       of roots and                 module,    (names.rs)   length,
//!                    place       modules                      place,                  hash
//!                                                             length, before
//! ```
//!
//! An arena that begins with an image asks them for a root, for the module of an address, and for a name. Their sizes were
//! compared with those of the index when it was opened. Nothing else of them is believed: an entry that leads out of the tables is answered by
//! nothing. Roots and their names come first, since a program that starts asks for them: they are often in the pages that opening has read.

use super::error::ImageError;
use super::header::Header;
use super::index::{Index, Run, TypeEntry};
use super::names::{self, NameTable};
use super::scroll::{Reader, Writer};
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range;

const ROOT: usize = 32;
const MODULE: usize = 24;
const RUN: usize = 32;
const BUCKET: usize = 4;
const NAME: usize = 16;

/// The places of the tables in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::image) struct TablePlaces {
    roots: Range<usize>,
    text: Range<usize>,
    modules: Range<usize>,
    runs: Range<usize>,
    buckets: Range<usize>,
    names: Range<usize>,
    key: [u8; 16],
    /// Bytes of all values.
    pub(in crate::image) used: usize,
}

impl TablePlaces {
    /// Finds the tables in an index of which so many bytes stand in front.
    pub(in crate::image) fn new(index: &[u8], front: usize) -> Result<Self, ImageError> {
        let wrong = |what| ImageError::Index(what);
        let mut reader = Reader(index.get(front..).unwrap_or_default());
        let key = reader.array()?;
        let used = usize::try_from(reader.number()?).map_err(|_| ImageError::TooLarge)?;
        let mut counts = [0; 6];
        for count in &mut counts {
            *count = usize::try_from(reader.number()?).map_err(|_| wrong("a table is longer than the index"))?;
        }
        let mut at = index.len() - reader.0.len();
        let mut next = |count: usize, size: usize| {
            let end = count.checked_mul(size).and_then(|bytes| at.checked_add(bytes));
            let end = end.filter(|&end| end <= index.len()).ok_or(wrong("a table is longer than the index"))?;
            let range = at..end;
            at = end;
            Ok::<_, ImageError>(range)
        };
        let [roots, text, modules, runs, buckets, names] = counts;
        let this = Self {
            roots: next(roots, ROOT)?,
            text: next(text, 1)?,
            modules: next(modules, MODULE)?,
            runs: next(runs, RUN)?,
            buckets: next(buckets, BUCKET)?,
            names: next(names, NAME)?,
            key,
            used,
        };
        if at != index.len() {
            return Err(wrong("something lies behind its tables"));
        }
        if u32::try_from(modules).is_err() || u32::try_from(names).is_err() {
            return Err(wrong("it has more modules or names than an arena"));
        }
        if buckets != names::bucket_count(names) {
            return Err(wrong("its table of names has no such number of buckets"));
        }
        Ok(this)
    }

    pub(in crate::image) fn of<'b>(&'b self, index: &'b [u8]) -> Tables<'b> {
        Tables { places: self, index }
    }
}

/// The tables of an index.
#[derive(Clone, Copy)]
pub(in crate::image) struct Tables<'b> {
    places: &'b TablePlaces,
    index: &'b [u8],
}

/// An entry of the table of roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::image) struct RootPlace {
    pub(in crate::image) of: u32,
    /// Bytes from the beginning of the code, that of the images below too.
    pub(in crate::image) at: usize,
}

impl RootPlace {
    /// Refuses what is of no type, or lies outside of the code.
    pub(in crate::image) fn check(self, types: &[TypeEntry], header: &Header) -> Result<(), ImageError> {
        match () {
            () if self.of as usize >= types.len() => Err(ImageError::Index("a root is of no type")),
            () if self.at > header.end() => Err(ImageError::Index("a root lies outside of the code")),
            () => Ok(()),
        }
    }
}

/// A name in the table of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::image) struct NamePlace {
    /// Bytes from the beginning of the code.
    pub(in crate::image) at: usize,
    pub(in crate::image) len: usize,
    pub(in crate::image) hash: u32,
}

impl<'b> Tables<'b> {
    fn entry<const N: usize>(&self, table: &Range<usize>, number: usize) -> Option<&'b [u8; N]> {
        let table: &'b [u8] = self.index.get(table.clone())?;
        table.get(number.checked_mul(N)?..)?.first_chunk()
    }

    pub(in crate::image) fn roots(&self) -> usize {
        self.places.roots.len() / ROOT
    }

    /// The name of a root, and what is said of it.
    pub(in crate::image) fn root(&self, number: usize) -> Option<(&'b [u8], RootPlace)> {
        let entry = self.entry::<ROOT>(&self.places.roots, number)?;
        let of = u32::try_from(word(entry, 16)?).ok()?;
        Some((self.text(word(entry, 0)?, word(entry, 8)?)?, RootPlace { of, at: word(entry, 24)? }))
    }

    /// The root of this name. Roots are sorted by name.
    pub(in crate::image) fn find_root(&self, name: &str) -> Option<RootPlace> {
        let (mut low, mut high) = (0, self.roots());
        while low < high {
            let middle = low + (high - low) / 2;
            let (found, place) = self.root(middle)?;
            match found.cmp(name.as_bytes()) {
                Ordering::Equal => return Some(place),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn text(&self, start: usize, len: usize) -> Option<&'b [u8]> {
        let text: &'b [u8] = self.index.get(self.places.text.clone())?;
        text.get(start..start.checked_add(len)?)
    }

    pub(in crate::image) fn modules(&self) -> u32 {
        (self.places.modules.len() / MODULE) as u32 // checked by `new`
    }

    /// The name and the bytes of a module.
    pub(in crate::image) fn module(&self, number: u32) -> Option<(&'b str, usize)> {
        let entry = self.entry::<MODULE>(&self.places.modules, number as usize)?;
        let name = self.text(word(entry, 0)?, word(entry, 8)?)?;
        Some((core::str::from_utf8(name).ok()?, word(entry, 16)?))
    }

    pub(in crate::image) fn runs(&self) -> usize {
        self.places.runs.len() / RUN
    }

    /// A run, and the bytes of its module in front of it.
    pub(in crate::image) fn run(&self, number: usize) -> Option<(Run, usize)> {
        let entry = self.entry::<RUN>(&self.places.runs, number)?;
        let (of, module) = (half(entry, 0)?, half(entry, 4)?);
        Some((Run { of, module, start: word(entry, 8)?, len: word(entry, 16)? }, word(entry, 24)?))
    }

    /// The run that a byte of the code lies in, with the bytes of its module in front of it.
    pub(in crate::image) fn run_at(&self, types: &[TypeEntry], offset: usize) -> Option<(Run, usize)> {
        let (mut low, mut high) = (0, self.runs());
        while low < high {
            let middle = low + (high - low) / 2;
            let (run, _) = self.run(middle)?;
            if run.start <= offset { low = middle + 1 } else { high = middle }
        }
        let (run, before) = self.run(low.checked_sub(1)?)?;
        run.bytes(types).contains(&offset).then_some((run, before))
    }

    pub(in crate::image) fn names(&self) -> usize {
        self.places.names.len() / NAME
    }

    pub(in crate::image) fn buckets(&self) -> usize {
        self.places.buckets.len() / BUCKET
    }

    pub(in crate::image) fn name(&self, number: usize) -> Option<NamePlace> {
        let entry = self.entry::<NAME>(&self.places.names, number)?;
        Some(NamePlace { at: word(entry, 0)?, len: half(entry, 8)? as usize, hash: half(entry, 12)? })
    }

    /// The numbers of the names in a bucket.
    pub(in crate::image) fn bucket(&self, number: usize) -> Option<Range<usize>> {
        let first = |number| Some(u32::from_ne_bytes(*self.entry::<BUCKET>(&self.places.buckets, number)?) as usize);
        let end = if number + 1 == self.buckets() { self.names() } else { first(number + 1)? };
        Some(first(number)?..end)
    }

    /// The name with this text, of which `code` is what it lies in.
    pub(in crate::image) fn find(&self, code: &[u8], text: &str) -> Option<NamePlace> {
        let hash = names::hash(&self.places.key, text.as_bytes());
        let bucket = self.bucket(names::bucket_of(hash, self.buckets())?)?;
        let is_it = |name: &NamePlace| {
            let end = name.at.checked_add(name.len);
            let lies_there = || code.get(name.at..end?);
            name.hash == hash && name.len == text.len() && lies_there() == Some(text.as_bytes())
        };
        bucket.take(names::MOST_OF_BUCKET).filter_map(|number| self.name(number)).find(is_it)
    }

    /// Returns `true` if a name stands in the bucket of its text.
    pub(in crate::image) fn is_in_place(&self, bucket: usize, name: &NamePlace, text: &[u8]) -> bool {
        let hash = names::hash(&self.places.key, text);
        name.hash == hash && names::bucket_of(hash, self.buckets()) == Some(bucket)
    }
}

fn word(entry: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_ne_bytes(*entry.get(at..)?.first_chunk()?)).ok()
}

fn half(entry: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*entry.get(at..)?.first_chunk()?))
}

/// Writes the tables of an index.
pub(super) fn write(writer: &mut Writer, index: &Index) {
    let Index { roots, runs, modules, names, types, .. } = index;
    let NameTable { key, buckets, entries } = names;
    let mut bytes = alloc::vec![0usize; modules.len()];
    let before: Vec<usize> = runs
        .iter()
        .map(|run| {
            let Some(bytes) = bytes.get_mut(run.module as usize) else { return 0 };
            let before = *bytes;
            *bytes = before.saturating_add(run.bytes(types).len());
            before
        })
        .collect();
    let text = || roots.iter().map(|root| &root.name).chain(modules.iter().map(|module| &module.name));
    let text_len: usize = text().map(|name| name.len()).sum();
    writer.bytes(key);
    writer.number(bytes.iter().sum::<usize>() as u64);
    for count in [roots.len(), text_len, modules.len(), runs.len(), buckets.len(), entries.len()] {
        writer.number(count as u64);
    }
    let mut start = 0;
    for root in roots {
        for number in [start, root.name.len(), root.of as usize, root.at] {
            writer.number(number as u64);
        }
        start += root.name.len();
    }
    text().for_each(|name| writer.bytes(name.as_bytes()));
    for (module, bytes) in modules.iter().zip(bytes) {
        for number in [start, module.name.len(), bytes] {
            writer.number(number as u64);
        }
        start += module.name.len();
    }
    for (run, before) in runs.iter().zip(before) {
        writer.bytes(&run.of.to_ne_bytes());
        writer.bytes(&run.module.to_ne_bytes());
        for number in [run.start, run.len, before] {
            writer.number(number as u64);
        }
    }
    buckets.iter().for_each(|first| writer.bytes(&first.to_ne_bytes()));
    for name in entries {
        writer.number(name.at as u64);
        writer.bytes(&(name.len as u32).to_ne_bytes());
        writer.bytes(&name.hash.to_ne_bytes());
    }
}
