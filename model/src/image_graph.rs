//! A small program with all that an image may hold, the image of it, and a reader of whatever is left after changes.

use crate::seen::Seen;
use permacode::image::ImageWriter;
use permacode::{CodeArena, Error, Link, Loader, Mappable, Name, Permanent, Sites};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZero;

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
pub(crate) struct Code<'a> {
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
pub(crate) struct Other<'a> {
    text: Option<&'a str>,
    pairs: &'a [(u16, Option<NonZero<u16>>)],
    numbers: [u16; 3],
}

/// The names that the image has.
pub(crate) const NAMES: [&str; 2] = ["größer", "outer"];

/// The image that changes begin with.
pub(crate) fn good() -> Vec<u8> {
    thread_local!(static BYTES: Vec<u8> = write());
    BYTES.with(Vec::clone)
}

fn write() -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let main = lower(&loader).unwrap();
    loader.finish();
    let mut bytes = Vec::new();
    let writer =
        ImageWriter::new(&arena).root("main", main).and_then(|writer| writer.root("other", main.other.get().unwrap()));
    writer.and_then(|writer| writer.write_to(&mut bytes)).unwrap();
    bytes
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
    let inner = code(NAMES[0], tuple)?;
    let text = loader.alloc_str("ein Text")?;
    let consts = [Const::Str(text), Const::Str(&text[2..5]), Const::Tuple(&tuple[1..]), Const::Code(inner)];
    let outer = code(NAMES[1], loader.alloc_slice_fill_iter(consts)?)?;
    loader.link(&inner.parent, outer)?;
    let pairs: &[(u16, Option<NonZero<u16>>)] = loader.alloc_slice_copy(&[(1, NonZero::new(2)), (3, None)])?;
    let other = loader.alloc(Other { text: Some(text), pairs, numbers: [1, 2, 3] })?;
    loader.link(&outer.other, other)?;
    Ok(outer)
}

/// A number for all that the roots of an image lead to: each value is read once, however often something leads to it.
pub(crate) fn read_all(image: &CodeArena) -> u64 {
    let mut reader = Reader::default();
    if let Ok(code) = image.root::<Code<'_>>("main") {
        reader.code(code);
    }
    if let Ok(other) = image.root::<Other<'_>>("other") {
        reader.other(other);
    }
    reader.read.finish()
}

#[derive(Default)]
struct Reader {
    seen: Seen,
    read: DefaultHasher,
}

impl Reader {
    fn code(&mut self, code: &Code<'_>) {
        if !self.seen.is_new(std::slice::from_ref(code)) {
            return;
        }
        self.text(&code.name);
        code.ops.hash(&mut self.read);
        code.sites.range().hash(&mut self.read);
        self.consts(code.consts);
        if let Some(first) = code.first {
            self.consts(std::slice::from_ref(first));
        }
        code.parent.get().into_iter().for_each(|parent| self.code(parent));
        code.other.get().into_iter().for_each(|other| self.other(other));
    }

    fn consts(&mut self, consts: &[Const<'_>]) {
        if !self.seen.is_new(consts) {
            return;
        }
        for constant in consts {
            match constant {
                Const::Nil => 0.hash(&mut self.read),
                Const::Bool(flag) => if *flag { 1 } else { 2 }.hash(&mut self.read),
                Const::Char(char) => char.len_utf8().hash(&mut self.read),
                Const::Str(text) => self.text(text),
                Const::Tuple(tuple) => self.consts(tuple),
                Const::Code(code) => self.code(code),
            }
        }
    }

    fn other(&mut self, other: &Other<'_>) {
        other.text.into_iter().for_each(|text| self.text(text));
        for (number, large) in other.pairs {
            (number, large.map_or(0, |large| u32::MAX / u32::from(large.get()))).hash(&mut self.read);
        }
        other.numbers.hash(&mut self.read);
    }

    /// Reads text character by character, from behind: bytes that are no text would lead the reader astray.
    fn text(&mut self, text: &str) {
        text.chars().rev().for_each(|char| char.hash(&mut self.read));
    }
}
