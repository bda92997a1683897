//! Every reason why the bytes of a file are no image, reached by a file made for it; and the words of every error.

use crate::program::sealed;
use permacode::image::{Digest, Distrust, Image, ImageError, ImageWriter};
use permacode::{CodeArena, Error, Link, Mappable, Name, Permanent, Sites};
use permacode_model::{ImageFile, RunRow};
use std::collections::BTreeSet;
use std::mem::offset_of;
use std::num::NonZero;

/// A value of each kind.
#[derive(Permanent, Mappable)]
#[repr(C)]
struct All<'a> {
    name: Name<'a>,
    other: &'a Other<'a>,
    numbers: &'a [u32],
    text: &'a str,
    empty: &'a str,
    link: Link<'a, All<'a>>,
    sites: Sites,
    mark: char,
    count: NonZero<u32>,
    flag: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Permanent, Mappable)]
#[repr(u8)]
enum Kind {
    Zero,
    One,
}

#[derive(Permanent, Mappable)]
#[repr(C)]
struct Other<'a> {
    number: u64,
    text: &'a str,
}

/// A type of the file that the program below does not know.
#[derive(Permanent, Mappable)]
#[repr(C)]
struct Unknown<'a>(&'a str, [u64; 4]);

fn good() -> ImageFile {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let text = loader.alloc_str("größer").unwrap();
    let all: &All<'_> = loader
        .alloc(All {
            name: loader.intern_name("a name").unwrap(),
            other: loader.alloc(Other { number: 7, text }).unwrap(),
            numbers: loader.alloc_slice_copy(&[1, 2, 3]).unwrap(),
            text,
            empty: "",
            link: Link::unset(),
            sites: loader.sites(2).unwrap(),
            mark: 'ß',
            count: NonZero::new(5).unwrap(),
            flag: true,
            kind: Kind::One,
        })
        .unwrap();
    let names = (0..40).map(|number| loader.intern_name(&format!("name {number}")).unwrap());
    let names: &&[Name<'_>] = loader.alloc(loader.alloc_slice_fill_iter(names.collect::<Vec<_>>()).unwrap()).unwrap();
    let unknown: &Unknown<'_> = loader.alloc(Unknown(text, [1; 4])).unwrap();
    loader.seal().unwrap();
    let writer = ImageWriter::new(&arena).version("1").root("all", all).unwrap().root("names", names).unwrap();
    let mut bytes = Vec::new();
    writer.root("unknown", unknown).unwrap().write_to(&mut bytes).unwrap();
    let _ = Kind::Zero;
    ImageFile::of(&bytes)
}

/// The reason why an image with these bytes is refused.
fn reason(bytes: &[u8]) -> &'static str {
    let checked = Image::open_sealed(sealed(bytes)).and_then(|image| image.check::<(&All<'_>, &[Name<'_>])>());
    match checked {
        Err(ImageError::Header(why) | ImageError::Index(why) | ImageError::BadValue { why, .. }) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is an image"),
    }
}

fn with(change: impl FnOnce(&mut ImageFile)) -> &'static str {
    let mut file = good();
    change(&mut file);
    reason(&file.bytes())
}

/// The reason if a number of the index is another, which its other parts do not expect.
fn with_number(at: usize, number: u64) -> &'static str {
    let mut bytes = good().bytes();
    bytes[at..at + 8].copy_from_slice(&number.to_ne_bytes());
    reason(&bytes)
}

/// Where the numbers of rows stand in the index, and where its modules begin.
fn counts(file: &ImageFile) -> (usize, usize) {
    let counts = 4096 + 16 + 8;
    let tables = file.version.len() + 80 * file.types.len() + 32 * file.roots.len();
    let words = file.types.iter().flat_map(|row| [&row.name, &row.layout]);
    let text: usize = file.roots.iter().map(|row| &row.name).chain(&file.modules).chain(words).map(Vec::len).sum();
    (counts, counts + 8 * 8 + tables + text)
}

/// Adds a run of one value of a type, among the zeros at the end of the linked half.
fn add_run(file: &mut ImageFile, of: usize, start: u64) {
    let behind = file.runs.iter().position(|run| run.start >= file.linked.len() as u64).unwrap();
    file.runs.insert(behind, RunRow { of: of as u32, module: 0, start, len: 1 });
}

fn reached() -> Vec<&'static str> {
    let file = good();
    let (counts, modules) = counts(&file);
    let runs = modules + 24 * file.modules.len();
    let number_of = |name: &str| file.types.iter().position(|row| row.name == name.as_bytes()).unwrap();
    let [all, unknown, text, number] = ["All", "Unknown", "str", "u32"].map(number_of);
    let run_of = |of: usize| file.runs.iter().position(|run| run.of as usize == of).unwrap();
    let at = |offset: usize| file.runs[run_of(all)].start as usize + offset;
    let set = |offset: usize, byte: u8| with(|file| file.linked[at(offset)] = byte);
    let word =
        |offset: usize, word: u64| with(|file| file.linked[at(offset)..][..8].copy_from_slice(&word.to_ne_bytes()));
    let refer = |offset: usize, to: u64| with(|file| file.refer(at(offset), to));
    let mark = |offset: usize, is_address: bool| with(|file| file.set_mark(at(offset), is_address));
    let start_of = |of: usize| file.runs[run_of(of)].start;
    let middle = (file.linked.len() + file.leaf.windows(2).position(|pair| pair == "ö".as_bytes()).unwrap() + 1) as u64;
    let mut header = file.bytes();
    header[4000] = 1;
    let mut behind = file.bytes();
    behind[8191] = 1;
    let sites = at(offset_of!(All<'_>, sites));
    vec![
        reason(&header),
        with(|file| file.set_number(32, 3 * 4096)),
        with(|file| file.set_number(64, 4097)),
        with(|file| file.set_number(80, 1 << 32)),
        with(|file| file.set_number(88, 1 << 16)),
        with(|file| file.set_number(128, 2)),
        with(|file| [(72, 100), (128, 1)].into_iter().for_each(|(at, number)| file.set_number(at, number))),
        with(|file| (file.linked, file.leaf) = (Vec::new(), Vec::new())),
        // The index.
        reason(&behind),
        with_number(counts, u64::MAX),
        with_number(counts + 8, u64::MAX),
        with(|file| file.types[0].name = b"\xff".to_vec()),
        with(|file| file.types[0].layout = b"\xff".to_vec()),
        with(|file| file.version = b"\xff".to_vec()),
        with(|file| file.version = vec![b'v'; (64 << 10) + 1]),
        // The name of the first root begins with the second byte of the text.
        with_number(counts + 8 * 8 + file.version.len() + 80 * file.types.len(), 1),
        with(|file| file.types[0].align = 3),
        with(|file| file.roots[0].name = b"\xff".to_vec()),
        with(|file| file.roots[0].of = 1000),
        with(|file| file.roots[0].at = u64::MAX),
        with(|file| file.roots.swap(0, 1)),
        with(|file| file.rest = vec![1]),
        with(|file| file.buckets.push(0)),
        with(|file| file.modules[0] = b"\xff".to_vec()),
        with(|file| file.runs[0].of = 1000),
        with(|file| file.runs[0].module = 1000),
        with(|file| file.runs.swap(0, 1)),
        with(|file| file.runs[run_of(unknown)].len = 1 << 40),
        with(|file| {
            let leaf = file.runs.iter().position(|run| run.start == file.linked.len() as u64).unwrap();
            file.runs[leaf].start -= 4;
        }),
        with_number(runs + 24, 1),
        with_number(modules + 16, 1),
        with(|file| file.types[all].size = 8),
        with(|file| file.types[all].size = u64::MAX),
        with(|file| *file.leaf.last_mut().unwrap() = 1),
        with(|file| file.set_mark(file.linked.len() - 8, true)),
        // The names.
        with(|file| *file.buckets.last_mut().unwrap() = u32::MAX),
        with(|file| file.buckets[0] = 1),
        with(|file| {
            // Many in one bucket, of as many as so many names have.
            file.names = vec![file.names[0]; 200];
            file.buckets = vec![200; 256];
            file.buckets[0] = 0;
        }),
        with(|file| file.names[0].at = 0),
        with(|file| file.names[0].len = 0),
        with(|file| file.names[0].hash ^= 1),
        // The values.
        with(|file| add_run(file, all, file.linked.len() as u64 - 1020)),
        with(|file| add_run(file, number, file.linked.len() as u64 - 1024)),
        set(offset_of!(All<'_>, flag), 2),
        set(offset_of!(All<'_>, kind), 2),
        set(offset_of!(All<'_>, mark) + 3, 1),
        with(|file| file.linked[at(offset_of!(All<'_>, count))..][..4].fill(0)),
        with(|file| file.linked[sites + 3] = 1),
        with(|file| file.linked[sites + 6] ^= 1),
        refer(offset_of!(All<'_>, other), 1 << 40),
        refer(offset_of!(All<'_>, other), start_of(all)),
        refer(offset_of!(All<'_>, other), start_of(unknown)),
        word(offset_of!(All<'_>, numbers) + 8, 1 << 40),
        word(offset_of!(All<'_>, numbers) + 8, u64::MAX / 2),
        word(offset_of!(All<'_>, empty), 0),
        mark(offset_of!(All<'_>, empty), true),
        mark(offset_of!(All<'_>, other), false),
        mark(offset_of!(All<'_>, link), true),
        with(|file| {
            let first = file.runs[run_of(text)].start as usize - file.linked.len();
            file.leaf[first] = 0xff;
            file.names.clear();
            file.buckets.clear();
        }),
        with(|file| {
            file.refer(at(offset_of!(All<'_>, text)), middle);
            file.linked[at(offset_of!(All<'_>, text)) + 8..][..8].copy_from_slice(&1u64.to_ne_bytes());
        }),
        with_number(counts, 1 << 32),
    ]
}

/// The sentences in the sources that say why bytes are no image.
fn sentences() -> BTreeSet<&'static str> {
    let sources = [
        include_str!("../../src/image/format/header.rs"),
        include_str!("../../src/image/format/index.rs"),
        include_str!("../../src/image/format/tables.rs"),
        include_str!("../../src/image/format/scroll.rs"),
        include_str!("../../src/image/open/check.rs"),
        include_str!("../../src/image/open/check_names.rs"),
        include_str!("../../src/image/open/known.rs"),
        include_str!("../../src/image/open/proof.rs"),
        include_str!("../../src/image/open/source.rs"),
    ];
    let mut found = BTreeSet::new();
    for source in sources {
        let code = source.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            found.extend(line.split('"').skip(1).step_by(2).filter(|text| text.contains(' ') && !text.contains('{')));
        }
    }
    found
}

// soundness S14, S39
#[test]
fn each_reason_is_reached_by_a_file_that_is_made_for_it() {
    let reached: BTreeSet<&str> = reached().into_iter().collect();
    let missing: Vec<_> = sentences().difference(&reached).copied().collect();
    // A call that the system refuses is another error. A table of as many rows takes a file of a hundred gigabytes.
    let others = [
        "looking at the image",
        "reading the image",
        "mapping the image",
        "it has more types, modules or names than an arena",
    ];
    let missing: Vec<_> = missing.into_iter().filter(|text| !others.contains(text)).collect();
    assert!(missing.is_empty(), "no file for {missing:#?}");
    assert!(reached.len() > 45, "{}", reached.len());
}

#[test]
fn every_error_says_what_is_wrong_and_what_to_do() {
    let digest = Digest::from_bytes([0; 32]);
    for (error, what, then) in [
        (ImageError::StillOpen, "a module that is still open", "finish or seal it first"),
        (ImageError::ForeignSites, "sites of another arena", "promote it"),
        (ImageError::OtherArena { of: "A", module: "m".into() }, "a `A` in the module \"m\" of another", "promote it"),
        (
            ImageError::Executable { of: "u8", module: "jit".into() },
            "a `u8` in the machine code \"jit\"",
            "write what the code is made of",
        ),
        (ImageError::Version { bytes: 70_000, most: 65_536 }, "has 70000 bytes", "a root of its own"),
        (ImageError::Offset { offset: 100, page: 4096 }, "byte 100 of a file", "write it at one that is"),
        (ImageError::DuplicateRoot("a".into()), "two roots are called \"a\"", "give each a name of its own"),
        (ImageError::Interior { of: "A", to: "B" }, "a `&B` leads into the middle of a `A`", "let the value hold"),
        (ImageError::Alignment { of: "A", align: 8192 }, "alignment of 8192 bytes", "ask for a page at most"),
        (ImageError::Window { asked: 1, from: 16, to: 64, align: 8 }, "for 0x1", "choose a multiple of 0x8"),
        (ImageError::NoImage, "no image in this file", "that `ImageWriter` wrote"),
        (ImageError::Endianness, "other endianness", "write it anew here"),
        (ImageError::Format { expected: 1, found: 2 }, "format 2, expected 1", "write it anew with this version"),
        (ImageError::Word { expected: 8, found: 4 }, "4 bytes, expected 8", "write it anew here"),
        (ImageError::Length { expected: 8, found: 4 }, "has 4 bytes, expected 8", "write it anew"),
        (ImageError::Header("x y"), "header of the image is damaged: x y", "write it anew"),
        (ImageError::Index("x y"), "index of the image is damaged: x y", "write it anew"),
        (ImageError::Digest { expected: digest, found: digest }, "has the digest 00", "write it anew"),
        (ImageError::Untrusted(Distrust::SymbolicLink), "a symbolic link", "name the file itself"),
        (ImageError::Untrusted(Distrust::Owner { found: 5 }), "the user 5", "`ImageOptions::trust_owner`"),
        (ImageError::Untrusted(Distrust::Writable { mode: 0o100_666 }), "mode 666", "take that right away"),
        (ImageError::Untrusted(Distrust::NotAFile), "a folder, a device or a pipe", "name a regular file"),
        (ImageError::NotSealed, "not a memory file that is sealed", "`Image::load`"),
        (ImageError::NoRoot("a".into()), "no root called \"a\"", "`Image::roots`"),
        (
            ImageError::Parent { expected: Some(digest), found: digest },
            "stands on the one with the digest 00",
            "open the first",
        ),
        (ImageError::Parent { expected: None, found: digest }, "stands on no other one", "open it by itself"),
        (ImageError::NoParent(digest), "stands on the one with the digest 00", "put this one `on` it"),
        (ImageError::NoImageBelow, "this arena began with none", "write without `layer`"),
        (ImageError::Arena(Error::NoParent), "the arena of the image was not made", "put this one `on` it"),
        (ImageError::NotChecked { of: "A" }, "no value of type `A` was checked", "references to all types"),
        (ImageError::BadValue { of: "A".into(), at: 3, why: "x y" }, "at byte 3 of its code, in a `A`: x y", "anew"),
        (ImageError::Refused { of: "A".into(), at: 3, why: "x y".into() }, "refused the value at byte 3", "anew"),
        (ImageError::Cycle { of: "A".into(), at: 3 }, "the `A` at byte 3", "use a `Link`"),
        (ImageError::TooLarge, "larger than the address space", "write it in parts"),
        (ImageError::Memory { bytes: 7 }, "no memory for 7 bytes", "raise the limit"),
        (
            ImageError::System { call: "c d", kind: std::io::ErrorKind::Other, code: libc::ENOSPC },
            "c d failed",
            "No space left",
        ),
    ] {
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(then), "{error:?}: {text}");
    }
}
