//! The tables of an image: types, runs, modules, roots, and the text of its author.
//!
//! What opening needs stands in front. Modules, runs and names stand behind it, in tables that are read where they lie (`tables.rs`). An image of
//! a thousand modules is opened without a look at them.

use super::error::ImageError;
use super::header::{HEADER, Header};
use super::names::NameTable;
use super::room::{filled, reserved};
use super::scroll::{Reader, Writer};
use super::tables::{self, TablePlaces};
use crate::image::shape::Fingerprint;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// All tables of an image.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::image) struct Index {
    /// Text that the author chose.
    pub(in crate::image) version: String,
    pub(in crate::image) types: Vec<TypeEntry>,
    /// They ascend, and do not overlap.
    pub(in crate::image) runs: Vec<Run>,
    pub(in crate::image) modules: Vec<ModuleEntry>,
    /// Sorted by name, each of another.
    pub(in crate::image) roots: Vec<Root>,
    /// To be written. A reader finds them in the tables.
    pub(in crate::image) names: NameTable,
}

/// A type that runs are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::image) struct TypeEntry {
    pub(in crate::image) name: String,
    /// Its description as text, for people.
    pub(in crate::image) layout: String,
    pub(in crate::image) fingerprint: Fingerprint,
    pub(in crate::image) size: usize,
    /// The alignment of its runs, each of which is one block whose alignment no type says. 0 for runs of the type's own.
    pub(in crate::image) align: usize,
}

/// An array of values of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::image) struct Run {
    pub(in crate::image) of: u32,
    pub(in crate::image) module: u32,
    /// Bytes from the beginning of the code.
    pub(in crate::image) start: usize,
    /// Elements.
    pub(in crate::image) len: usize,
}

/// A module that runs are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::image) struct ModuleEntry {
    pub(in crate::image) name: String,
}

/// A value that is found by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::image) struct Root {
    pub(in crate::image) name: String,
    pub(in crate::image) of: u32,
    /// Bytes from the beginning of the code, that of the images below too.
    pub(in crate::image) at: usize,
}

impl Run {
    /// The bytes of the run, from the beginning of the code.
    pub(in crate::image) fn bytes(&self, types: &[TypeEntry]) -> Range<usize> {
        let size = types.get(self.of as usize).map_or(0, |entry| entry.size);
        self.start..self.start.saturating_add(self.len.saturating_mul(size))
    }
}

impl Index {
    pub(in crate::image) fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.text(&self.version);
        writer.number(self.types.len() as u64);
        for entry in &self.types {
            writer.bytes(entry.fingerprint.as_bytes());
            writer.number(entry.size as u64);
            writer.number(entry.align as u64);
            writer.text(&entry.name);
            writer.text(&entry.layout);
        }
        writer.number(self.roots.len() as u64);
        for root in &self.roots {
            writer.number(root.of.into());
            writer.number(root.at as u64);
            writer.text(&root.name);
        }
        tables::write(&mut writer, self);
        writer.finish()
    }

    /// Reads what stands in front: the version, the types and the roots. Of the rest it finds where it stands.
    pub(in crate::image) fn read_front(bytes: &[u8], header: &Header) -> Result<(Self, TablePlaces), ImageError> {
        let mut reader = Reader(bytes);
        let front = Self::front(&mut reader, header)?;
        let places = TablePlaces::new(bytes, bytes.len() - reader.0.len())?;
        Ok((front, places))
    }

    fn front(reader: &mut Reader<'_>, header: &Header) -> Result<Self, ImageError> {
        let version = reader.text()?;
        let types = reader.table(56, |reader| {
            let (fingerprint, size) = (Fingerprint::from_bytes(reader.array()?), place(reader.number()?, header)?);
            let align = usize::try_from(reader.number()?).ok().filter(|&align| align == 0 || is_align(align));
            let align = align.ok_or(ImageError::Index("the alignment of a type is none"))?;
            Ok(TypeEntry { fingerprint, size, align, name: reader.text()?, layout: reader.text()? })
        })?;
        let roots = reader.table(24, |reader| {
            let of = u32::try_from(reader.number()?).ok().filter(|&of| (of as usize) < types.len());
            let of = of.ok_or(ImageError::Index("a root is of no type"))?;
            Ok(Root { of, at: root_place(reader.number()?, header)?, name: reader.text()? })
        })?;
        if roots.windows(2).any(|pair| pair[0].name >= pair[1].name) {
            return Err(ImageError::Index("its roots are not sorted by name"));
        }
        Ok(Self { version, types, roots, ..Self::default() })
    }

    /// Reads the index of a file with this header. What it returns keeps the promises of the types in this file.
    pub(in crate::image) fn read(bytes: &[u8], header: &Header) -> Result<Self, ImageError> {
        let wrong = |what| Err(ImageError::Index(what));
        let (front, places) = Self::read_front(bytes, header)?;
        let (types, tables) = (&front.types, places.of(bytes));
        let (mut modules, mut runs) = (reserved(tables.modules() as usize)?, reserved(tables.runs())?);
        for number in 0..tables.modules() {
            let (name, bytes) = tables.module(number).ok_or(ImageError::Index("the name of a module is none"))?;
            modules.push((ModuleEntry { name: name.to_owned() }, bytes));
        }
        let mut bytes_of = filled(0usize, modules.len())?;
        for number in 0..tables.runs() {
            let (run, before) = tables.run(number).ok_or(ImageError::Index("a place lies outside of the code"))?;
            let Some(module) = bytes_of.get_mut(run.module as usize) else { return wrong("a run is of no module") };
            if before != *module {
                return wrong("the sizes of a module's runs do not add up");
            }
            *module = module.saturating_add(run.bytes(types).len());
            runs.push(run);
        }
        let used = bytes_of.iter().fold(0usize, |all, &bytes| all.saturating_add(bytes));
        if used != places.used || modules.iter().map(|(_, bytes)| bytes).ne(&bytes_of) {
            return wrong("the sizes of its modules do not add up");
        }
        let modules: Vec<_> = modules.into_iter().map(|(module, _)| module).collect();
        let mut end = 0;
        for run in &runs {
            let Some(of) = types.get(run.of as usize) else { return wrong("a run is of no type") };
            let bytes = run.len.checked_mul(of.size).and_then(|bytes| run.start.checked_add(bytes));
            match bytes {
                Some(bytes) if run.start >= end && bytes > run.start && bytes <= header.code() => end = bytes,
                _ => return wrong("its runs do not ascend within the code"),
            }
            if run.start < header.linked && end > header.linked {
                return wrong("a run lies in both halves");
            }
        }
        Ok(Self { runs, modules, ..front })
    }

    pub(in crate::image) fn root(&self, name: &str) -> Option<&Root> {
        let at = self.roots.binary_search_by(|root| root.name.as_str().cmp(name)).ok()?;
        self.roots.get(at)
    }
}

/// Reads a place in the code of an image or of those below it.
fn root_place(number: u64, header: &Header) -> Result<usize, ImageError> {
    let number = usize::try_from(number).ok().filter(|&number| number <= header.end());
    number.ok_or(ImageError::Index("a root lies outside of the code"))
}

/// Returns `true` for an alignment that runs may have wherever an image lies.
fn is_align(align: usize) -> bool {
    align.is_power_of_two() && align <= HEADER
}

/// Reads a place in the code, or a size of something there.
fn place(number: u64, header: &Header) -> Result<usize, ImageError> {
    let number = usize::try_from(number).ok().filter(|&number| number <= header.code());
    number.ok_or(ImageError::Index("a place lies outside of the code"))
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::*;
    use alloc::vec;

    fn header() -> Header {
        let digest = Digest::from_bytes([0; 32]);
        Header {
            page: 4096,
            index: 0,
            linked: 8192,
            leaf: 4096,
            window: 1 << 46,
            below: 0,
            parent: None,
            sites: 0,
            tag: 0,
            digest,
        }
    }

    fn index() -> Index {
        let entry = |name: &str, size| TypeEntry {
            name: name.into(),
            layout: alloc::format!("{name} ({size} bytes)"),
            fingerprint: Fingerprint::from_bytes([size as u8; 32]),
            size,
            align: 0,
        };
        Index {
            version: "v 1".into(),
            types: vec![entry("Code", 64), entry("str", 1)],
            runs: vec![Run { of: 0, module: 0, start: 0, len: 3 }, Run { of: 1, module: 1, start: 8192, len: 4096 }],
            modules: vec![ModuleEntry { name: "a".into() }, ModuleEntry { name: "b".into() }],
            roots: vec![Root { name: "main".into(), of: 0, at: 64 }],
            names: NameTable::default(),
        }
    }

    #[test]
    fn an_index_is_read_as_it_was_written_and_finds_roots() {
        let read = Index::read(&index().write(), &header()).unwrap();
        assert_eq!(read, index());
        assert_eq!(read.root("main"), Some(&read.roots[0]));
        assert_eq!(read.root("mai"), None);
    }

    // soundness S14: nothing of an index is believed.
    #[test]
    fn each_truncation_and_each_bit_is_refused_or_keeps_the_promises() {
        let good = index().write();
        for len in 0..good.len() {
            assert!(Index::read(&good[..len], &header()).is_err(), "{len}");
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let Ok(read) = Index::read(&bad, &header()) else { continue };
            let bytes: Vec<_> = read.runs.iter().map(|run| run.bytes(&read.types)).collect();
            assert!(bytes.windows(2).all(|pair| pair[0].end <= pair[1].start));
            assert!(bytes.iter().all(|run| run.end <= header().code() && !run.is_empty()));
            assert!(read.roots.iter().all(|root| (root.of as usize) < read.types.len()));
        }
    }

    // soundness S14, S36: a count that the bytes cannot hold takes no memory.
    #[test]
    fn a_table_that_is_longer_than_the_index_is_refused() {
        let mut bad = index().write();
        bad[8 + 3..8 + 3 + 8].copy_from_slice(&u64::MAX.to_ne_bytes());
        assert_eq!(Index::read(&bad, &header()), Err(ImageError::Index("a table is longer than the index")));
    }

    #[test]
    fn runs_that_overlap_or_lie_in_both_halves_are_refused() {
        let with = |change: fn(&mut Index)| {
            let mut bad = index();
            change(&mut bad);
            Index::read(&bad.write(), &header()).unwrap_err()
        };
        let order = ImageError::Index("its runs do not ascend within the code");
        assert_eq!(with(|index| index.runs.swap(0, 1)), order);
        assert_eq!(with(|index| index.runs[1].start = 100), order);
        assert_eq!(with(|index| index.runs[1].len = 4097), order);
        assert_eq!(with(|index| index.runs[0].len = 0), order);
        assert_eq!(
            with(|index| index.runs[1] = Run { of: 1, module: 0, start: 8000, len: 200 }),
            ImageError::Index("a run lies in both halves")
        );
        assert_eq!(with(|index| index.runs[0].of = 2), ImageError::Index("a run is of no type"));
        assert_eq!(with(|index| index.runs[0].module = 2), ImageError::Index("a run is of no module"));
        assert_eq!(with(|index| index.roots[0].of = 2), ImageError::Index("a root is of no type"));
        assert_eq!(
            with(|index| index.roots.push(index.roots[0].clone())),
            ImageError::Index("its roots are not sorted by name")
        );
    }
}
