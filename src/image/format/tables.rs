//! The tables of an index, which are read where they lie, without a copy: types, roots, modules, runs, names.
//!
//! ```text
//!   counts │ version │ types ×80 │ roots ×32 │ text       │ modules ×24 │ runs ×32 │ buckets ×4 │ names ×16 │
//!                      print,      name,       of the       name, bytes   type,      of names     place,
//!                      size,       type,       names of                   module,    (names.rs)   length,
//!                      alignment,  place       roots,                     place,                  hash
//!                      name,                   modules                    length,
//!                      layout                  and types                  before
//! ```
//!
//! An arena that begins with an image asks them for a root, for the module of an address, and for a name. The counts say where each table lies, and
//! were compared with the length of the index when the image was opened. Nothing else of them is believed: an entry that leads out of the
//! tables is answered by nothing. Types, roots and their names come first, since a program that starts asks for them.

use super::error::ImageError;
use super::header::{HEADER, Header};
use super::index::{Index, Run, TypeEntry};
use super::names::{self, NameTable};
use super::room::{owned, reserved};
use super::scroll::{Reader, Writer};
use crate::image::shape::Fingerprint;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range;

const TYPE: usize = 80;
const ROOT: usize = 32;
const MODULE: usize = 24;
const RUN: usize = 32;
const BUCKET: usize = 4;
const NAME: usize = 16;

/// Bytes of the longest text of an author. So opening takes no more memory than this for it, whatever a file says.
pub(in crate::image) const LONGEST_VERSION: usize = 64 << 10;

/// Bytes of the counts: the key of the names, the bytes of all values, and the length of each table.
pub(super) const COUNTS: usize = 16 + 8 + TABLES * 8;
const TABLES: usize = 8;

/// The places of the tables in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::image) struct TablePlaces {
    /// The author's text.
    pub(in crate::image) version: Range<usize>,
    types: Range<usize>,
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
    /// Finds the tables in an index of so many bytes, by the counts that it begins with.
    pub(in crate::image) fn new(begin: &[u8], len: usize) -> Result<Self, ImageError> {
        let wrong = |what| ImageError::Index(what);
        let mut reader = Reader(begin);
        let key = reader.array()?;
        let used = usize::try_from(reader.number()?).map_err(|_| ImageError::TooLarge)?;
        let mut counts = [0; TABLES];
        for count in &mut counts {
            *count = usize::try_from(reader.number()?).map_err(|_| wrong("a table is longer than the index"))?;
        }
        let mut at = COUNTS;
        let mut next = |count: usize, size: usize| {
            let end = count.checked_mul(size).and_then(|bytes| at.checked_add(bytes));
            let end = end.filter(|&end| end <= len).ok_or(wrong("a table is longer than the index"))?;
            let range = at..end;
            at = end;
            Ok::<_, ImageError>(range)
        };
        let [version, types, roots, text, modules, runs, buckets, names] = counts;
        let this = Self {
            version: next(version, 1)?,
            types: next(types, TYPE)?,
            roots: next(roots, ROOT)?,
            text: next(text, 1)?,
            modules: next(modules, MODULE)?,
            runs: next(runs, RUN)?,
            buckets: next(buckets, BUCKET)?,
            names: next(names, NAME)?,
            key,
            used,
        };
        if version > LONGEST_VERSION {
            return Err(wrong("its version is longer than any that is written"));
        }
        if at != len {
            return Err(wrong("something lies behind its tables"));
        }
        if [types, modules, names].into_iter().any(|count| u32::try_from(count).is_err()) {
            return Err(wrong("it has more types, modules or names than an arena"));
        }
        if buckets != names::bucket_count(names) {
            return Err(wrong("its table of names has no such number of buckets"));
        }
        Ok(this)
    }

    /// The number of modules.
    pub(in crate::image) fn modules(&self) -> u32 {
        (self.modules.len() / MODULE) as u32 // checked by `new`
    }

    /// The number of types.
    pub(in crate::image) fn types(&self) -> usize {
        self.types.len() / TYPE
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
    /// Refuses what is of none of so many types, or lies outside of the code.
    pub(in crate::image) fn check(self, types: usize, header: &Header) -> Result<(), ImageError> {
        match () {
            () if self.of as usize >= types => Err(ImageError::Index("a root is of no type")),
            () if self.at > header.end() => Err(ImageError::Index("a root lies outside of the code")),
            () => Ok(()),
        }
    }
}

/// An entry of the table of types, without its words, which are for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::image) struct TypePlace {
    pub(in crate::image) fingerprint: Fingerprint,
    pub(in crate::image) size: usize,
    /// The alignment of its runs, if no type says it, or 0.
    pub(in crate::image) align: usize,
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

    /// The entry of a type. `None` for an alignment that no run has.
    pub(in crate::image) fn type_of(&self, number: u32) -> Option<TypePlace> {
        let entry = self.entry::<TYPE>(&self.places.types, number as usize)?;
        let (fingerprint, size, align) =
            (Fingerprint::from_bytes(*entry.first_chunk()?), word(entry, 32)?, word(entry, 40)?);
        (align == 0 || is_align(align)).then_some(TypePlace { fingerprint, size, align })
    }

    /// The types of an image with this header, without their words.
    pub(in crate::image) fn type_places(&self, header: &Header) -> Result<Vec<TypePlace>, ImageError> {
        let mut types = reserved(self.places.types())?;
        for number in 0..self.places.types() as u32 {
            let of = self.type_of(number).ok_or(ImageError::Index("the alignment of a type is none"))?;
            if of.size > header.code() {
                return Err(ImageError::Index("a place lies outside of the code"));
            }
            types.push(of);
        }
        Ok(types)
    }

    /// The same, with their names and descriptions.
    pub(in crate::image) fn types(&self, header: &Header) -> Result<Vec<TypeEntry>, ImageError> {
        if !self.is_in_order() {
            return Err(ImageError::Index("its words do not follow each other"));
        }
        let places = self.type_places(header)?;
        let mut types = reserved(places.len())?;
        for (number, TypePlace { fingerprint, size, align }) in (0..).zip(places) {
            let words = self.words_of_type(number).ok_or(ImageError::Index("the name of a type is none"))?;
            let [name, layout] = words.map(owned);
            types.push(TypeEntry { name: name?, layout: layout?, fingerprint, size, align });
        }
        Ok(types)
    }

    /// The name of a type, and its description for people.
    fn words_of_type(&self, number: u32) -> Option<[&'b str; 2]> {
        let entry = self.entry::<TYPE>(&self.places.types, number as usize)?;
        let words = |at| core::str::from_utf8(self.text(word(entry, at)?, word(entry, at + 8)?)?).ok();
        Some([words(48)?, words(64)?])
    }

    /// Returns `true` if all words stand in the text as a writer puts them: of roots, of modules, of types, one behind the other. So whoever wrote the
    /// file, all words together take no more memory than the file does (soundness S36).
    fn is_in_order(&self) -> bool {
        let place = |entry: &[u8], at| Some([word(entry, at)?, word(entry, at + 8)?]);
        let TablePlaces { roots, modules, types, text, .. } = self.places;
        let of_roots = (0..self.roots()).map(|number| place(self.entry::<ROOT>(roots, number)?, 0));
        let of_modules = (0..self.modules()).map(|number| place(self.entry::<MODULE>(modules, number as usize)?, 0));
        let of_types = (0..self.places.types()).flat_map(|number| {
            let entry = self.entry::<TYPE>(types, number);
            [48, 64].map(|at| place(entry?, at))
        });
        let end = of_roots.chain(of_modules).chain(of_types).try_fold(0, |end, place| {
            let [start, len] = place.filter(|[start, _]| *start == end)?;
            start.checked_add(len)
        });
        end == Some(text.len())
    }

    /// The bytes of a run, from the beginning of the code.
    pub(in crate::image) fn bytes_of(&self, run: &Run) -> Range<usize> {
        run.bytes_of(self.type_of(run.of).map_or(0, |of| of.size))
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
        self.places.modules()
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

    /// The run that a byte of the code lies in, with the bytes of its module in front of it. None that ends behind the `code` bytes that there are:
    /// an arena may ask before anybody has checked the runs (soundness S14).
    pub(in crate::image) fn run_at(&self, offset: usize, code: usize) -> Option<(Run, usize)> {
        let (mut low, mut high) = (0, self.runs());
        while low < high {
            let middle = low + (high - low) / 2;
            let (run, _) = self.run(middle)?;
            if run.start <= offset { low = middle + 1 } else { high = middle }
        }
        let (run, before) = self.run(low.checked_sub(1)?)?;
        let bytes = self.bytes_of(&run);
        (bytes.contains(&offset) && bytes.end <= code).then_some((run, before))
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

/// Returns `true` for an alignment that runs may have wherever an image lies.
fn is_align(align: usize) -> bool {
    align.is_power_of_two() && align <= HEADER
}

fn word(entry: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_ne_bytes(*entry.get(at..)?.first_chunk()?)).ok()
}

fn half(entry: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*entry.get(at..)?.first_chunk()?))
}

/// Writes the tables of an index.
pub(super) fn write(writer: &mut Writer, index: &Index) {
    let Index { version, roots, runs, modules, names, types } = index;
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
    let names_of_roots = roots.iter().map(|root| &root.name);
    let names_of_modules = modules.iter().map(|module| &module.name);
    let words_of_types = types.iter().flat_map(|of| [&of.name, &of.layout]);
    let text = names_of_roots.chain(names_of_modules).chain(words_of_types);
    let text_len = text.clone().map(|words| words.len()).sum();
    // The places in the text, in the same order: of roots, of modules, of types.
    let mut places = text.clone().scan(0, |start, words| {
        let place = [*start, words.len()];
        *start += words.len();
        Some(place)
    });
    let of_roots: Vec<_> = places.by_ref().take(roots.len()).collect();
    let of_modules: Vec<_> = places.by_ref().take(modules.len()).collect();
    writer.bytes(key);
    writer.number(bytes.iter().sum::<usize>() as u64);
    writer.numbers([version.len(), types.len(), roots.len(), text_len]);
    writer.numbers([modules.len(), runs.len(), buckets.len(), entries.len()]);
    writer.bytes(version.as_bytes());
    for of in types {
        writer.bytes(of.fingerprint.as_bytes());
        writer.numbers([of.size, of.align]);
        places.by_ref().take(2).for_each(|place| writer.numbers(place));
    }
    for (root, [start, len]) in roots.iter().zip(of_roots) {
        writer.numbers([start, len, root.of as usize, root.at]);
    }
    text.for_each(|words| writer.bytes(words.as_bytes()));
    for ([start, len], bytes) in of_modules.into_iter().zip(bytes) {
        writer.numbers([start, len, bytes]);
    }
    for (run, before) in runs.iter().zip(before) {
        writer.bytes(&run.of.to_ne_bytes());
        writer.bytes(&run.module.to_ne_bytes());
        writer.numbers([run.start, run.len, before]);
    }
    buckets.iter().for_each(|first| writer.bytes(&first.to_ne_bytes()));
    for name in entries {
        writer.number(name.at as u64);
        writer.bytes(&(name.len as u32).to_ne_bytes());
        writer.bytes(&name.hash.to_ne_bytes());
    }
}
