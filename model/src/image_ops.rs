//! Changes of a good image, as data: each is refused, or leaves values that can be read, the same at the window and moved.

use arbitrary::Arbitrary;
use permacode::image::{Image, ImageWriter};
use permacode::{CodeArena, Error, Link, Loader, Mappable, Name, Permanent, Sites};
use std::fs::File;
use std::io::Write;

/// Bytes of a header, which a check of its own guards.
const HEADER: usize = 4096;

/// Changes that are made one after the other.
#[derive(Clone, Debug, Arbitrary)]
pub struct ImageCase {
    /// The changes.
    pub changes: Vec<ImageChange>,
    /// `true` for a program that does not know all types of the image.
    pub knows_less: bool,
}

/// A change of an image. Places count from the end of the header, and from the beginning again.
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

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Const<'a> {
    Nil,
    Bool(bool),
    Char(char),
    Str(&'a str),
    Tuple(&'a [Const<'a>]),
    Code(&'a Code<'a>),
}

#[derive(Permanent, Mappable)]
struct Code<'a> {
    name: Name<'a>,
    ops: &'a [u8],
    consts: &'a [Const<'a>],
    first: Option<&'a Const<'a>>,
    parent: Link<'a, Code<'a>>,
    other: Link<'a, Other<'a>>,
    sites: Sites,
}

/// A type that some programs do not know.
#[derive(Permanent, Mappable)]
struct Other<'a> {
    text: Option<&'a str>,
    numbers: [u16; 3],
}

impl ImageCase {
    /// Makes the changes, and reads what is left.
    ///
    /// # Panics
    ///
    /// An image that was checked reads otherwise at its window and elsewhere.
    pub fn check(&self) {
        let mut bytes = good();
        self.changes.iter().for_each(|&change| change.make(&mut bytes));
        // SAFETY: the file has no name, and is not written to any more.
        let Ok(image) = (unsafe { Image::map_file(file(&bytes), 0) }) else { return };
        let _ = image.verify();
        let checked = if self.knows_less { image.check::<Other<'_>>() } else { image.check::<Code<'_>>() };
        let Ok(checked) = checked else { return };
        let (Ok(one), Ok(other)) = (checked.open(), checked.open()) else { return };
        assert_eq!(read_all(&one), read_all(&other));
    }
}

impl ImageChange {
    fn make(self, bytes: &mut Vec<u8>) {
        let number = |bytes: &[u8], at: usize| {
            bytes.get(at..at + 8).map_or(0, |word| u64::from_ne_bytes(word.try_into().unwrap()))
        };
        let [page, index, linked, leaf, window] = [32, 40, 48, 56, 64].map(|at| number(bytes, at) as usize);
        let code = (HEADER + index).next_multiple_of(page.max(1));
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
            Self::Address(at, to) => put(word(at), (window + to as usize % (linked + leaf).max(1)) as u64),
            Self::Word(at, from) => {
                let other = number(bytes, word(from));
                bytes[word(at)..word(at) + 8].copy_from_slice(&other.to_ne_bytes());
            }
            Self::Mark(at) => {
                let (at, marks) = (at as usize % (linked / 8).max(1), code + linked + leaf);
                if let Some(byte) = bytes.get_mut(marks + at / 8) {
                    *byte ^= 1 << (at % 8);
                }
            }
            Self::Cut(at) => bytes.truncate(place(at)),
        }
        bytes.resize(bytes.len().max(HEADER + 16), 0);
    }
}

fn good() -> Vec<u8> {
    let load = || -> Result<Vec<u8>, Error> {
        let arena = CodeArena::new()?;
        let loader = arena.load("m")?;
        let main = lower(&loader)?;
        loader.finish();
        let mut bytes = Vec::new();
        let writer = ImageWriter::new(&arena)
            .root("main", main)
            .and_then(|writer| writer.root("other", main.other.get().unwrap()));
        writer.and_then(|writer| writer.write_to(&mut bytes)).unwrap();
        Ok(bytes)
    };
    load().unwrap()
}

fn lower<'x>(loader: &Loader<'x>) -> Result<&'x Code<'x>, Error> {
    let code = |name: &str, consts: &'x [Const<'x>]| {
        let ops = loader.alloc_slice_copy(name.as_bytes())?;
        let (name, sites) = (loader.intern_name(name)?, loader.sites(3)?);
        loader.alloc(Code {
            name,
            ops,
            consts,
            first: consts.first(),
            parent: Link::unset(),
            other: Link::unset(),
            sites,
        })
    };
    let tuple = loader.alloc_slice_fill_iter([Const::Nil, Const::Bool(true), Const::Char('ß')])?;
    let inner = code("größer", tuple)?;
    let text = loader.alloc_str("ein Text")?;
    let consts = [Const::Str(text), Const::Str(&text[2..5]), Const::Tuple(&tuple[1..]), Const::Code(inner)];
    let outer = code("outer", loader.alloc_slice_fill_iter(consts)?)?;
    loader.link(&inner.parent, outer)?;
    let other = loader.alloc(Other { text: Some(text), numbers: [1, 2, 3] })?;
    loader.link(&outer.other, other)?;
    Ok(outer)
}

/// A file without a name.
fn file(bytes: &[u8]) -> File {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("permacode-model-{}-{number}", std::process::id()));
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let _ = std::fs::remove_file(&path);
    file.write_all(bytes).unwrap();
    file
}

fn read_all(image: &CodeArena) -> String {
    let mut text = String::new();
    if let Ok(code) = image.root::<Code<'_>>("main") {
        read(code, 4, &mut text);
    }
    if let Ok(other) = image.root::<Other<'_>>("other") {
        read_other(other, &mut text);
    }
    text
}

fn read(code: &Code<'_>, depth: u32, text: &mut String) {
    *text += &format!("{:?} {:?} {:?} ", code.name.chars().rev().collect::<String>(), code.ops, code.sites.range());
    code.consts.iter().take(20).chain(code.first).for_each(|constant| read_const(constant, depth, text));
    if let (Some(parent), 1..) = (code.parent.get(), depth) {
        read(parent, depth - 1, text);
    }
    code.other.get().into_iter().for_each(|other| read_other(other, text));
}

fn read_const(constant: &Const<'_>, depth: u32, text: &mut String) {
    match constant {
        Const::Nil => *text += "nil ",
        Const::Bool(flag) => *text += if *flag { "true " } else { "false " },
        Const::Char(char) => text.push(*char),
        Const::Str(string) => text.extend(string.chars().rev()),
        Const::Tuple(tuple) if depth > 0 => tuple.iter().take(20).for_each(|each| read_const(each, depth - 1, text)),
        Const::Code(code) if depth > 0 => read(code, depth - 1, text),
        Const::Tuple(_) | Const::Code(_) => {}
    }
}

fn read_other(other: &Other<'_>, text: &mut String) {
    text.extend(other.text.into_iter().flat_map(str::chars));
    *text += &format!("{:?}", other.numbers);
}
