//! The tables of an image, taken out of its index, or to be written to one. They are types, runs, modules and roots.
//!
//! A writer makes them, and a check reads them all. An arena that begins with an image reads single entries where they lie (`tables.rs`). So an
//! image of a thousand types, modules and roots is opened without a look at them.

use super::error::ImageError;
use super::header::Header;
use super::names::NameTable;
use super::room::{filled, owned, reserved};
use super::scroll::Writer;
use super::tables::{self, TablePlaces, Tables};
use crate::image::shape::Fingerprint;
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
        self.bytes_of(types.get(self.of as usize).map_or(0, |entry| entry.size))
    }

    /// The same, if its type has values of so many bytes.
    pub(in crate::image) fn bytes_of(&self, size: usize) -> Range<usize> {
        self.start..self.start.saturating_add(self.len.saturating_mul(size))
    }
}

impl Index {
    pub(in crate::image) fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        tables::write(&mut writer, self);
        writer.finish()
    }

    /// Reads the index of a file with this header, of the bytes from there to the code, and finds its tables. What it returns keeps the promises of the
    /// types in this file.
    pub(in crate::image) fn read(bytes: &[u8], header: &Header) -> Result<(Self, TablePlaces), ImageError> {
        let wrong = |what| Err(ImageError::Index(what));
        let (bytes, behind) = bytes.split_at(bytes.len().min(header.index));
        if behind.iter().any(|&byte| byte != 0) {
            return wrong("something lies behind it");
        }
        let places = TablePlaces::new(bytes, bytes.len())?;
        let tables = places.of(bytes);
        let (version, types) = (version(bytes.get(places.version.clone()).unwrap_or_default())?, tables.types(header)?);
        let (mut modules, mut runs) = (reserved(tables.modules() as usize)?, reserved(tables.runs())?);
        for number in 0..tables.modules() {
            let (name, bytes) = tables.module(number).ok_or(ImageError::Index("the name of a module is none"))?;
            modules.push((ModuleEntry { name: owned(name)? }, bytes));
        }
        let mut bytes_of = filled(0usize, modules.len())?;
        for number in 0..tables.runs() {
            let (run, before) = tables.run(number).ok_or(ImageError::Index("a place lies outside of the code"))?;
            let Some(module) = bytes_of.get_mut(run.module as usize) else { return wrong("a run is of no module") };
            if before != *module {
                return wrong("the sizes of a module's runs do not add up");
            }
            *module = module.saturating_add(run.bytes(&types).len());
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
        let roots = roots(tables, types.len(), header)?;
        Ok((Self { version, types, runs, modules, roots, names: NameTable::default() }, places))
    }
}

/// The text of an author, of bytes from a file.
pub(in crate::image) fn version(bytes: &[u8]) -> Result<String, ImageError> {
    owned(core::str::from_utf8(bytes).map_err(|_| ImageError::Index("its version is not UTF-8"))?)
}

fn roots(tables: Tables<'_>, types: usize, header: &Header) -> Result<Vec<Root>, ImageError> {
    let wrong = |what| Err(ImageError::Index(what));
    let mut roots: Vec<Root> = reserved(tables.roots())?;
    for number in 0..tables.roots() {
        let root = tables.root(number).and_then(|(name, place)| Some((core::str::from_utf8(name).ok()?, place)));
        match root {
            None => return wrong("the name of a root is none"),
            Some((name, _)) if roots.last().is_some_and(|last| last.name.as_str() >= name) => {
                return wrong("its roots are not sorted by name");
            }
            Some((name, place)) => {
                place.check(types, header)?;
                roots.push(Root { name: owned(name)?, of: place.of, at: place.at });
            }
        }
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::super::tables::COUNTS;
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

    fn read(bytes: &[u8]) -> Result<Index, ImageError> {
        Index::read(bytes, &Header { index: bytes.len(), ..header() }).map(|(index, _)| index)
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
        let bytes = index().write();
        assert_eq!(read(&bytes).unwrap(), index());
        let places = TablePlaces::new(&bytes[..COUNTS], bytes.len()).unwrap();
        let tables = places.of(&bytes);
        assert_eq!(tables.find_root("main").map(|place| (place.of, place.at)), Some((0, 64)));
        for absent in ["", "mai", "maim", "maio", "main\0", "z"] {
            assert_eq!(tables.find_root(absent), None, "{absent}");
        }
    }

    #[test]
    fn each_of_many_roots_is_found_and_nothing_between_them() {
        for count in 0..40 {
            let name = |number: usize| alloc::format!("{number:03}");
            let roots = (0..count).map(|number| Root { name: name(number * 2 + 1), of: 1, at: number });
            let bytes = Index { roots: roots.collect(), ..index() }.write();
            let places = TablePlaces::new(&bytes, bytes.len()).unwrap();
            for number in 0..count * 2 + 1 {
                let found = places.of(&bytes).find_root(&name(number)).map(|place| place.at);
                assert_eq!(found, (number % 2 == 1).then_some(number / 2), "{number} of {count}");
            }
        }
    }

    // soundness S14: nothing of an index is believed.
    #[test]
    fn each_truncation_and_each_bit_is_refused_or_keeps_the_promises() {
        let good = index().write();
        for len in 0..good.len() {
            assert!(read(&good[..len]).is_err(), "{len}");
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let Ok(read) = read(&bad) else { continue };
            let bytes: Vec<_> = read.runs.iter().map(|run| run.bytes(&read.types)).collect();
            assert!(bytes.windows(2).all(|pair| pair[0].end <= pair[1].start));
            assert!(bytes.iter().all(|run| run.end <= header().code() && !run.is_empty()));
            assert!(read.roots.iter().all(|root| (root.of as usize) < read.types.len()));
        }
    }

    // soundness S36: entries that say the same words again and again take no memory for each.
    #[test]
    fn words_that_do_not_stand_one_behind_the_other_are_refused() {
        let good = index().write();
        let root = COUNTS + "v 1".len() + 2 * 80;
        for (place, number) in [(root, 1u64), (root + 8, 3), (root + 8, u64::MAX), (COUNTS + 3 + 48, 0)] {
            let mut bad = good.clone();
            bad[place..place + 8].copy_from_slice(&number.to_ne_bytes());
            assert_eq!(read(&bad), Err(ImageError::Index("its words do not follow each other")), "{place}");
        }
        assert!(read(&good).is_ok());
    }

    // soundness S14, S36: a count that the bytes cannot hold takes no memory.
    #[test]
    fn a_table_that_is_longer_than_the_index_is_refused() {
        let good = index().write();
        assert!(read(&good).is_ok());
        for count in (COUNTS - 64..COUNTS).step_by(8) {
            let mut bad = good.clone();
            bad[count..count + 8].copy_from_slice(&u64::MAX.to_ne_bytes());
            assert_eq!(read(&bad), Err(ImageError::Index("a table is longer than the index")), "{count}");
        }
    }

    #[test]
    fn runs_that_overlap_or_lie_in_both_halves_are_refused() {
        let with = |change: fn(&mut Index)| {
            let mut bad = index();
            change(&mut bad);
            read(&bad.write()).unwrap_err()
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
