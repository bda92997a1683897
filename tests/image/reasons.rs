//! Every reason why the bytes of a file are no image, reached by a file made for it.

use crate::output::Folder;
use crate::program::sealed;
use permacode::image::inspect::Inspection;
use permacode::image::{Image, ImageError, ImageWriter};
use permacode::{CodeArena, Link, Mappable, Name, Permanent, Sites};
use permacode_model::{ImageFile, RootRow, RunRow};
use std::collections::BTreeSet;
use std::mem::offset_of;
use std::num::NonZero;
use std::ops::Range;
use std::path::{Path, PathBuf};

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

/// The reason of a refusal.
fn why<T>(refused: Result<T, ImageError>) -> &'static str {
    match refused {
        Err(ImageError::Header(why) | ImageError::Index(why) | ImageError::BadValue { why, .. }) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is an image"),
    }
}

/// The reason why an image with these bytes is refused.
fn reason(bytes: &[u8]) -> &'static str {
    why(Image::open_sealed(sealed(bytes)).and_then(|image| image.check::<(&All<'_>, &[Name<'_>])>()))
}

/// A layer on the good image, and the reason why it is refused on that image if the header of the latter is changed, which has the digest that the
/// layer names all the same.
fn on(change: impl FnOnce(&mut ImageFile)) -> &'static str {
    let mut below = good();
    let library = Image::open_sealed(sealed(&below.bytes())).unwrap().check::<All<'_>>().unwrap();
    let arena = library.open().unwrap();
    let loader = arena.load("layer").unwrap();
    let layer: &(&All<'_>, u32) = loader.alloc((arena.root("all").unwrap(), 7)).unwrap();
    loader.seal().unwrap();
    let layer = ImageWriter::new(&arena).layer().unwrap().root("layer", layer).unwrap().seal().unwrap();
    let layer = Image::open_sealed(layer).unwrap();
    assert!(layer.clone().on(&library).is_ok());
    change(&mut below);
    let changed = Image::open_sealed(sealed(&below.bytes())).unwrap();
    assert_eq!(changed.digest(), library.digest());
    why(layer.on(&changed))
}

/// The reason why something is not read from the file of an image.
fn not_read<T>(
    change: impl FnOnce(&mut ImageFile),
    read: impl FnOnce(&Inspection) -> Result<T, ImageError>,
) -> &'static str {
    let mut file = good();
    change(&mut file);
    why(read(&Inspection::of(sealed(&file.bytes())).unwrap()))
}

/// The reason why an arena does not give a root of an image that nobody has checked.
fn no_root(change: impl FnOnce(&mut RootRow)) -> &'static str {
    let mut file = good();
    change(&mut file.roots[0]);
    why(Image::open_sealed(sealed(&file.bytes())).unwrap().open().unwrap().root::<All<'_>>("all").map(drop))
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
        // What an image stands on: other sites, another tag, or more code.
        on(|below| below.set_number(80, u64::from(u32::MAX))),
        on(|below| below.header[88] ^= 2),
        on(|below| below.linked.resize(below.linked.len() + 1, 0)),
        on(|below| below.leaf.truncate(0)),
        // Roots of an image that nobody has checked.
        no_root(|root| root.of = 1000),
        no_root(|root| root.at = u64::MAX),
        // What an inspection reads.
        not_read(|_| (), |image| image.code(0..4)),
        not_read(|_| (), |image| image.code(4..8)),
        not_read(|_| (), |image| image.code(0..1 << 40)),
        not_read(|file| file.names[0].at = u64::MAX, Inspection::names),
        not_read(|file| file.names[0].at = 1 << 40, Inspection::names),
        not_read(|file| (file.names[0].at, file.names[0].len) = (middle, 1), Inspection::names),
    ]
}

/// The sentences in the sources that say why bytes are no image: of each file that refuses some.
fn sentences() -> BTreeSet<String> {
    let (mut found, mut files, mut folders) = (BTreeSet::new(), 0, vec![source("src/image")]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            let lines = || code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let refusals = ["ImageError::Header(", "ImageError::Index(", "BadValue {"];
            // `ImageError` itself has the words around them.
            if path.ends_with("format/error.rs") || !lines().any(|line| refusals.iter().any(|it| line.contains(it))) {
                continue;
            }
            files += 1;
            for line in lines() {
                let texts = line.split('"').skip(1).step_by(2);
                found.extend(texts.filter(|text| text.trim().contains(' ') && !text.contains('{')).map(str::to_owned));
            }
        }
    }
    assert!(files >= 11, "{files}: refusals are written otherwise now");
    found
}

/// A path in the crate.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

// soundness S14, S39
#[test]
fn each_reason_is_reached_by_a_file_that_is_made_for_it() {
    let reached: BTreeSet<&str> = reached().into_iter().collect();
    // A call that the system refuses is another error. A table of as many rows takes a file of a hundred gigabytes.
    let others = ["mapping the image", "it has more types, modules or names than an arena"];
    let sentences = sentences();
    assert!(others.iter().all(|other| sentences.contains(*other)), "no longer left out");
    let missing = sentences.iter().filter(|text| !reached.contains(&***text) && !others.contains(&&***text));
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "no file for {missing:#?}");
    assert!(reached.len() > 45, "{}", reached.len());
}

#[test]
fn each_reason_of_a_place_that_is_read_later_is_its_own() {
    let code = |range: Range<usize>| not_read(|_| (), |image| image.code(range));
    let (within, outside) = ("a part of the code begins or ends within a word", "a place lies outside of the code");
    assert_eq!([code(0..4), code(4..8), code(1..1 << 40)], [within; 3]);
    assert_eq!([code(0..1 << 40), code(1 << 40..1 << 40), code(Range { start: 16, end: 8 })], [outside; 3]);
    assert_eq!(no_root(|root| root.of = 1000), "a root is of no type");
    assert_eq!(no_root(|root| root.at = u64::MAX), "a root lies outside of the code");
    let fit = "it does not fit the image that it stands on";
    assert_eq!(on(|below| below.set_number(80, u64::from(u32::MAX))), fit, "sites");
    assert_eq!(on(|below| below.header[88] ^= 2), fit, "their tag");
    assert_eq!(on(|below| below.linked.resize(below.linked.len() + 1, 0)), fit, "more code");
    assert_eq!(on(|below| below.leaf.truncate(0)), fit, "less code");
}

/// Sizes of the header, by their places.
const SIZES: [(&str, usize); 6] =
    [("page", 32), ("index", 40), ("linked", 48), ("leaf", 56), ("window", 64), ("below", 72)];

// soundness S3, S14: with a check that matches. No sum of such sizes is above the address space, so this is the one place where they are refused.
#[test]
fn a_size_above_an_eighth_of_the_addresses_is_too_large_by_each_way_to_open_a_file() {
    let (folder, good) = (Folder::new("too_large"), good());
    let limit = isize::MAX as u64 / 8;
    let whole = limit & !4095;
    for (what, at) in SIZES {
        for number in [limit + 1, isize::MAX as u64, !4095, u64::MAX] {
            let bytes = good.bytes_with(&[(at, number)]);
            let path = folder.join("image");
            std::fs::write(&path, &bytes).unwrap();
            let mapped = || std::fs::File::open(&path).unwrap();
            // SAFETY: the test writes to it when it is refused, and not before.
            let (map, map_file) = unsafe { (Image::map(&path), Image::map_file(mapped(), 0)) };
            for refused in [Image::open_sealed(sealed(&bytes)), Image::load(&path), map, map_file] {
                assert_eq!(refused.err(), Some(ImageError::TooLarge), "{what}: {number:#x}");
            }
            assert_eq!(Inspection::open(&path).err(), Some(ImageError::TooLarge), "{what}: {number:#x}");
        }
        // The largest that may be: refused as what it is, or, of an address, not at all.
        let refused = Image::open_sealed(sealed(&good.bytes_with(&[(at, whole)]))).err();
        match what {
            "page" | "below" => assert!(matches!(refused, Some(ImageError::Header(_))), "{what}: {refused:?}"),
            "window" => assert_eq!(refused, None),
            _ => assert!(matches!(refused, Some(ImageError::Length { .. })), "{what}: {refused:?}"),
        }
    }
    // All of them at once: a file that no disk holds, and not one that wraps around.
    let all = [(40, whole), (48, whole), (56, whole), (64, whole), (72, whole - 4096), (128, 1)];
    let refused = Image::open_sealed(sealed(&good.bytes_with(&all))).err();
    assert!(matches!(refused, Some(ImageError::Length { expected, .. }) if expected > 3 * whole), "{refused:?}");
}
