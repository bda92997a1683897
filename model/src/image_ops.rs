//! Changes of a good image, as data: each is refused, or leaves values that can be read, the same at the window and moved.
//!
//! ```text
//!   good image ─ taken apart ─ changes of tables, the window, references ─ put together ─ changes of bytes ─┬▶ check ─▶ read twice
//!                                                                                                           └▶ asked without a check
//! ```
//!
//! Changes of the first kind know the format: the header's check and the file's length are right afterwards.

use crate::image_file::{BELOW, HAS_PARENT, HEADER, ImageFile, WINDOW};
use crate::image_graph::{Code, NAMES, Other, good, read_all};
use arbitrary::Arbitrary;
use permacode::CodeArena;
use permacode::image::{Image, ImageWriter};
use std::fs::File;
use std::io::Write;
use std::os::fd::FromRawFd;

/// Changes of one kind that are made at most: what is changed at more places is refused at the first.
const MOST: usize = 6;

/// Changes that are made one after the other.
#[derive(Clone, Debug, Arbitrary)]
pub struct ImageCase {
    /// Changes of the parts.
    pub parts: Vec<PartChange>,
    /// Changes of the bytes, made afterwards.
    pub changes: Vec<ImageChange>,
    /// The types of the program that opens it.
    pub knows: Knows,
}

/// The types that a program knows, of those in the image.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Knows {
    /// All of them.
    All,
    /// Some of them.
    Less,
    /// Some of them, and then all.
    LessThenAll,
}

/// A change of the parts of an image. Numbers of rows count from the beginning again.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum PartChange {
    /// A number of the header is another one.
    Header(u8, u64),
    /// The image says that it stands on another one of so many pages.
    Below(u8),
    /// A number of the table of names is another one.
    Name(u8, u32, u32),
    /// The image is written for another window, as if by its writer.
    Window(u64),
    /// The values of a type have another size.
    TypeSize(u8, u8),
    /// The runs of a type have another alignment, if it is one.
    TypeAlign(u8, u16),
    /// Two types have each other's fingerprints.
    TypeSwap(u8, u8),
    /// A type is there twice.
    TypeCopy(u8),
    /// A root is of another type, or lies elsewhere.
    Root(u8, u8, i16),
    /// A run is of another type.
    RunType(u8, u8),
    /// A run is of another module.
    RunModule(u8, u32),
    /// A run begins elsewhere.
    RunStart(u8, i16),
    /// A run has more elements, or fewer.
    RunLen(u8, i8),
    /// A run has any number of elements.
    RunAll(u8, u64),
    /// A run becomes two, of which the second may be of another type.
    RunSplit(u8, u8, u8),
    /// A run is there no more.
    RunGone(u8),
    /// A run is there twice.
    RunCopy(u8),
    /// A word leads to an element of a run, and is marked.
    Refer(u16, u8, u8),
    /// The half without addresses becomes longer by a page, or the other one.
    Longer(bool),
}

/// A change of an image's bytes. Places count from the end of the header, and from the beginning again.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum ImageChange {
    /// A bit is flipped.
    Bit(u32, u8),
    /// A byte is another one.
    Byte(u32, u8),
    /// A word becomes a number.
    Number(u32, u64),
    /// A word becomes the address of a place in the code.
    Address(u32, u32),
    /// A word becomes another word of the image.
    Word(u32, u32),
    /// A word is marked as an address, or no longer.
    Mark(u32),
    /// The file ends earlier.
    Cut(u32),
}

impl ImageCase {
    /// Makes the changes, and reads what is left. Returns `true` if something was left to read.
    ///
    /// # Panics
    ///
    /// An image that was checked reads otherwise at its window and elsewhere, or gives a root of a type that was not checked.
    pub fn check(&self) -> bool {
        let mut bytes = good();
        if !self.parts.is_empty() {
            let mut file = ImageFile::of(&bytes);
            self.parts.iter().take(MOST).for_each(|&change| change.make(&mut file));
            bytes = file.bytes();
        }
        self.changes.iter().take(MOST).for_each(|&change| change.make(&mut bytes));
        // SAFETY: the file has no name, and is not written to any more.
        let Ok(image) = (unsafe { Image::map_file(file(&bytes), 0) }) else { return false };
        let _ = image.verify();
        ask_unchecked(&image);
        let checked = match self.knows {
            Knows::All => image.check::<Code<'_>>(),
            Knows::Less => image.check::<Other<'_>>(),
            Knows::LessThenAll => image.check::<Other<'_>>().and_then(Image::check::<Code<'_>>),
        };
        let Ok(checked) = checked else { return false };
        let elsewhere = CodeArena::builder().image(&checked).anywhere().build();
        let (Ok(one), Ok(other)) = (checked.open(), elsewhere) else { return false };
        assert_eq!(read_all(&one), read_all(&other));
        assert!(!matches!(self.knows, Knows::Less) || one.root::<Code<'_>>("main").is_err(), "nobody checked it");
        true
    }
}

/// Asks for all that safe code may ask of an image which nobody checked. Nothing outside of it is read, and no root is given out.
fn ask_unchecked(image: &Image) {
    let _ = image.roots().map(|roots| roots.take(MANY).count());
    let Ok(code) = image.open() else { return };
    assert!(code.root::<Code<'_>>("main").is_err(), "nobody checked it");
    for module in code.modules().take(MANY) {
        let _ = (module.name().len(), module.bytes(), module.protection());
    }
    for address in code.address_range().step_by(512).take(MANY) {
        let _ = code.locate(std::ptr::without_provenance::<u8>(address));
    }
    // Names of the image are found as the arena's own, and a writer asks for the blocks that they lie in.
    let loader = code.load("own").unwrap();
    let names: Vec<&[u8]> = NAMES.iter().map(|name| loader.intern(name).unwrap().as_bytes()).collect();
    let names: &&[&[u8]] = loader.alloc(loader.alloc_slice_copy(&names).unwrap()).unwrap();
    loader.seal().unwrap();
    for writer in [ImageWriter::new(&code), ImageWriter::new(&code).layer().unwrap_or_else(|_| ImageWriter::new(&code))]
    {
        let _ = writer.root("names", names).and_then(|writer| writer.write_to(&mut Vec::new()));
    }
}

/// Modules and addresses that are asked about.
const MANY: usize = 100;

/// The row of this number, counted from the beginning again.
fn row<T>(rows: &mut [T], number: u8) -> Option<&mut T> {
    let len = rows.len().max(1);
    rows.get_mut(usize::from(number) % len)
}

impl PartChange {
    fn make(self, file: &mut ImageFile) {
        /// Numbers of the header that are neither sizes nor their check.
        const NUMBERS: [usize; 9] = [32, WINDOW, BELOW, 80, 88, 96, 104, HAS_PARENT, 136];
        match self {
            Self::Header(which, number) => file.set_number(NUMBERS[usize::from(which) % NUMBERS.len()], number),
            Self::Below(pages) => {
                file.set_number(BELOW, u64::from(pages) * 4096);
                file.set_number(HAS_PARENT, u64::from(pages != 0));
            }
            Self::Name(name, at, len) => {
                row(&mut file.names, name).into_iter().for_each(|row| (row.at, row.len) = (at.into(), len));
            }
            Self::Window(to) => file.rebase((to % (1 << 47)) & !4095),
            Self::TypeSize(of, size) => row(&mut file.types, of).into_iter().for_each(|row| row.size = size.into()),
            Self::TypeAlign(of, align) => row(&mut file.types, of).into_iter().for_each(|row| row.align = align.into()),
            Self::TypeSwap(one, other) => {
                let [one, other] = [one, other].map(|row| usize::from(row) % file.types.len());
                let fingerprint = file.types[one].fingerprint;
                file.types[one].fingerprint = file.types[other].fingerprint;
                file.types[other].fingerprint = fingerprint;
            }
            Self::TypeCopy(of) => {
                let copy = row(&mut file.types, of).cloned();
                file.types.extend(copy);
            }
            Self::Root(number, of, at) => {
                if let Some(row) = row(&mut file.roots, number) {
                    (row.of, row.at) = (of.into(), row.at.wrapping_add_signed(at.into()));
                }
            }
            Self::RunType(run, of) => {
                let of = u32::from(of) % file.types.len() as u32;
                row(&mut file.runs, run).into_iter().for_each(|row| row.of = of);
            }
            Self::RunModule(run, module) => row(&mut file.runs, run).into_iter().for_each(|row| row.module = module),
            Self::RunStart(run, by) => {
                row(&mut file.runs, run)
                    .into_iter()
                    .for_each(|row| row.start = row.start.wrapping_add_signed(by.into()));
            }
            Self::RunLen(run, by) => {
                row(&mut file.runs, run).into_iter().for_each(|row| row.len = row.len.wrapping_add_signed(by.into()));
            }
            Self::RunAll(run, len) => row(&mut file.runs, run).into_iter().for_each(|row| row.len = len),
            Self::RunSplit(run, at, of) => split(file, run, at, of),
            Self::RunGone(run) if !file.runs.is_empty() => {
                file.runs.remove(usize::from(run) % file.runs.len());
            }
            Self::RunGone(_) => {}
            Self::RunCopy(run) => {
                if let Some(&mut copy) = row(&mut file.runs, run) {
                    file.runs.insert(usize::from(run) % file.runs.len(), copy);
                }
            }
            Self::Refer(at, run, element) => {
                let size = |of: u32| file.types.get(of as usize).map_or(0, |row| row.size);
                let Some(&run) = file.runs.get(usize::from(run) % file.runs.len().max(1)) else { return };
                let to = run.start.wrapping_add(u64::from(element) % run.len.max(1) * size(run.of));
                file.refer(usize::from(at) * 8 % file.linked.len().max(8), to);
            }
            Self::Longer(leaf) => {
                let half = if leaf { &mut file.leaf } else { &mut file.linked };
                half.resize(half.len() + 4096, 0);
            }
        }
    }
}

/// Makes two runs of one.
fn split(file: &mut ImageFile, run: u8, at: u8, of: u8) {
    let Some(number) = usize::from(run).checked_rem(file.runs.len()) else { return };
    let first = &mut file.runs[number];
    let (mut second, len) = (*first, u64::from(at).min(first.len));
    first.len = len;
    let size = file.types.get(second.of as usize).map_or(0, |row| row.size);
    (second.start, second.len) = (second.start.wrapping_add(len * size), second.len - len);
    if let Some(of) = u32::from(of).checked_rem(file.types.len() as u32 * 2).filter(|&of| of < file.types.len() as u32)
    {
        second.of = of;
    }
    file.runs.insert(number + 1, second);
}

impl ImageChange {
    fn make(self, bytes: &mut Vec<u8>) {
        let number = |bytes: &[u8], at: usize| {
            bytes.get(at..at + 8).map_or(0, |word| u64::from_ne_bytes(word.try_into().unwrap()))
        };
        let [page, index, linked, leaf, window] = [32, 40, 48, 56, 64].map(|at| number(bytes, at) as usize);
        let code = HEADER.saturating_add(index).checked_next_multiple_of(page.max(1)).unwrap_or(usize::MAX);
        let room = bytes.len().saturating_sub(HEADER + 8).max(1);
        let place = |at: u32| HEADER + at as usize % room;
        let word = |at: u32| place(at) / 8 * 8;
        let mut put = |at: usize, word: u64| {
            if let Some(place) = bytes.get_mut(at..at + 8) {
                place.copy_from_slice(&word.to_ne_bytes());
            }
        };
        match self {
            Self::Bit(at, bit) => bytes[place(at)] ^= 1 << (bit % 8),
            Self::Byte(at, byte) => bytes[place(at)] = byte,
            Self::Number(at, number) => put(word(at), number),
            Self::Address(at, to) => put(word(at), window.wrapping_add(to as usize % (linked + leaf).max(1)) as u64),
            Self::Word(at, from) => {
                let other = number(bytes, word(from));
                bytes[word(at)..word(at) + 8].copy_from_slice(&other.to_ne_bytes());
            }
            Self::Mark(at) => {
                let (at, marks) = (at as usize % (linked / 8).max(1), code.saturating_add(linked + leaf));
                if let Some(byte) = bytes.get_mut(marks.saturating_add(at / 8)) {
                    *byte ^= 1 << (at % 8);
                }
            }
            Self::Cut(at) => bytes.truncate(place(at)),
        }
        bytes.resize(bytes.len().max(HEADER + 16), 0);
    }
}

/// A memory file with these bytes.
fn file(bytes: &[u8]) -> File {
    // SAFETY: a string that ends with a zero, and flags. The descriptor is new.
    let mut file = unsafe { File::from_raw_fd(libc::memfd_create(c"image".as_ptr(), libc::MFD_CLOEXEC)) };
    file.write_all(bytes).unwrap();
    file
}
