//! Images of many modules and many types.

use crate::program;
use permacode::image::{Image, ImageError, ImageWriter};
use permacode::{CodeArena, Loader, Mappable, Permanent};

#[derive(Permanent, Mappable)]
struct Item<'a> {
    name: &'a str,
    next: Option<&'a Item<'a>>,
    number: u32,
}

#[test]
fn seventy_thousand_modules_are_written_and_read() {
    const MODULES: u32 = 70_000;
    let arena = CodeArena::new().unwrap();
    let mut last: Option<&Item<'_>> = None;
    for number in 0..MODULES {
        let loader = arena.load(&format!("module {number}")).unwrap();
        let name = loader.alloc_str(&format!("item {number}")).unwrap();
        last = Some(loader.alloc(Item { name, next: last, number }).unwrap());
        loader.finish();
    }
    arena.seal().unwrap();
    let file = ImageWriter::new(&arena).root("last", last.unwrap()).unwrap().seal().unwrap();
    let code = Image::open_sealed(file).unwrap().check::<Item<'_>>().unwrap().open().unwrap();
    let mut at = Some(code.root::<Item<'_>>("last").unwrap());
    for number in (0..MODULES).rev() {
        let item = at.unwrap();
        assert_eq!((item.number, item.name), (number, &*format!("item {number}")));
        at = item.next;
    }
    assert!(at.is_none());
}

/// A type for each pair of numbers.
#[derive(Permanent, Mappable)]
struct Grid<const A: usize, const B: usize> {
    wide: [u16; A],
    small: [u8; B],
}

/// Calls a macro with each of these numbers and each of those.
macro_rules! each_pair {
    ($with:ident: $($a:literal)*; $b:tt) => { $( each_pair!(@one $with $a $b); )* };
    (@one $with:ident $a:literal [$($b:literal)*]) => { $( $with!($a, $b); )* };
}

/// What is done with each type, as pointers, so that the compiler has little to do for each.
struct Steps {
    add: for<'a> fn(&Loader<'a>, ImageWriter<'a>) -> ImageWriter<'a>,
    check: fn(Image) -> Result<Image, ImageError>,
    read: fn(&CodeArena),
}

impl<const A: usize, const B: usize> Grid<A, B> {
    const STEPS: Steps = Steps { add: Self::add, check: Image::check::<Self>, read: Self::read };

    fn add<'a>(loader: &Loader<'a>, writer: ImageWriter<'a>) -> ImageWriter<'a> {
        let grid = loader.alloc(Self { wide: [A as u16; A], small: [B as u8; B] }).unwrap();
        writer.root(&format!("{A} {B}"), grid).unwrap()
    }

    fn read(code: &CodeArena) {
        let grid: &Self = code.root(&format!("{A} {B}")).unwrap();
        assert_eq!((grid.wide, grid.small), ([A as u16; A], [B as u8; B]));
        assert_eq!(code.root::<Self>(&format!("{B} {A}")).is_ok(), A == B);
    }
}

#[test]
fn three_hundred_types_are_told_apart() {
    let mut steps = Vec::new();
    macro_rules! push {
        ($a:literal, $b:literal) => {
            steps.push(Grid::<$a, $b>::STEPS);
        };
    }
    each_pair!(push: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17]);
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let writer = steps.iter().fold(ImageWriter::new(&arena), |writer, steps| (steps.add)(&loader, writer));
    loader.seal().unwrap();
    let image = Image::open_sealed(writer.seal().unwrap()).unwrap();
    let image = steps.iter().try_fold(image, |image, steps| (steps.check)(image)).unwrap();
    assert_eq!(image.roots().unwrap().count(), 306);
    let code = image.open().unwrap();
    steps.iter().for_each(|steps| (steps.read)(&code));
}

mod one {
    #[derive(Debug, PartialEq, permacode::Permanent, permacode::Mappable)]
    pub struct Twin(pub u32);
}

mod other {
    #[derive(Debug, PartialEq, permacode::Permanent, permacode::Mappable)]
    pub struct Twin(pub u32);
}

#[derive(Permanent, Mappable)]
struct Both<'a> {
    one: &'a one::Twin,
    other: &'a other::Twin,
    part: &'a other::Twin,
    pair: &'a (one::Twin, other::Twin),
}

#[test]
fn two_types_that_look_the_same_are_read_as_what_they_were() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let pair = loader.alloc((one::Twin(3), other::Twin(4))).unwrap();
    let (one, other) = (loader.alloc(one::Twin(1)).unwrap(), loader.alloc(other::Twin(2)).unwrap());
    let both = loader.alloc(Both { one, other, part: &pair.1, pair }).unwrap();
    loader.seal().unwrap();
    let file = ImageWriter::new(&arena).root("both", both).unwrap().seal().unwrap();
    let code = Image::open_sealed(file).unwrap().check::<Both<'_>>().unwrap().open().unwrap();
    let both: &Both<'_> = code.root("both").unwrap();
    assert_eq!((both.one, both.other, both.part), (&one::Twin(1), &other::Twin(2), &other::Twin(4)));
    assert!(std::ptr::eq(both.part, &both.pair.1));
}

/// Bytes that the system can give: memory, and a disk's.
fn room(folder: &std::path::Path) -> (u64, u64) {
    use std::os::unix::ffi::OsStrExt;
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find(|line| line.starts_with("MemAvailable:")).unwrap();
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).unwrap();
    // SAFETY: all zeros are such a structure; a string that ends with a zero, and a place for what the call writes.
    let disk = unsafe {
        let mut disk = std::mem::zeroed::<libc::statvfs>();
        assert_eq!(libc::statvfs(path.as_ptr(), &mut disk), 0);
        disk
    };
    (line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10, disk.f_bavail * disk.f_frsize)
}

#[derive(Permanent, Mappable)]
struct Part<'a> {
    bytes: &'a [u8],
    text: &'a str,
    before: Option<&'a Part<'a>>,
}

#[test]
#[ignore = "takes 10 GiB of memory, 4 of a disk, and a minute"]
fn an_image_above_four_gib_is_written_and_read() {
    const PART: usize = 64 << 20;
    let folder = crate::output::Folder::new("four_gib");
    let (memory, disk) = room(folder.path());
    if memory < 11 << 30 || disk < 6 << 30 {
        let why = format!("{} MiB of memory, {} MiB on the disk", memory >> 20, disk >> 20);
        return permacode_witness::skipped("an image above four GiB", why);
    }
    let path = folder.join("image");
    let arena = CodeArena::builder().reservation(6 << 30).build().unwrap();
    let mut last: Option<&Part<'_>> = None;
    // 66 parts, so that the last ones lie above four GiB whatever comes first.
    for number in 0..66u8 {
        let loader = arena.load(&format!("part {number}")).unwrap();
        let mut bytes = vec![number; PART];
        bytes[PART - 1] = !number;
        let (bytes, text) =
            (loader.alloc_slice_copy(&bytes).unwrap(), loader.alloc_str(&format!("part {number}")).unwrap());
        last = Some(loader.alloc(Part { bytes, text, before: last }).unwrap());
        loader.finish();
    }
    let report = ImageWriter::new(&arena).root("last", last.unwrap()).unwrap().write(&path).unwrap();
    assert!(report.bytes > 66 * PART && report.bytes as u64 > 1 << 32);
    drop(arena);
    // SAFETY: nobody writes to it any more.
    let image = unsafe { Image::map(&path) }.unwrap().check::<Part<'_>>().unwrap();
    image.verify().unwrap();
    for code in [image.open().unwrap(), program::elsewhere(&image)] {
        let mut at = Some(code.root::<Part<'_>>("last").unwrap());
        for number in (0..66u8).rev() {
            let part = at.unwrap();
            assert_eq!((part.text, part.bytes.len()), (&*format!("part {number}"), PART));
            assert_eq!([part.bytes[0], part.bytes[PART - 2], part.bytes[PART - 1]], [number, number, !number]);
            at = part.before;
        }
        assert!(at.is_none());
    }
}
