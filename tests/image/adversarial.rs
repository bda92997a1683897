//! soundness S36: files that are made to take long take as long as their size.
//!
//! Each shape of file is made of a size and of four times that size. What opens, checks and verifies them must not take sixteen times as long.

use crate::program::{self, Code};
use permacode::image::{Image, ImageError, ImageWriter};
use permacode::{CodeArena, Mappable, Permanent};
use permacode_model::{ImageFile, RootRow, RunRow};
use std::time::Duration;

/// The processor time of this thread, so that what else runs does not count.
pub fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for what the call writes.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Seconds that it takes to open and use bytes: the least of some tries.
fn seconds(bytes: &[u8], work: fn(Image)) -> f64 {
    let once = |_| {
        let file = program::sealed(bytes);
        let start = now();
        work(Image::open_sealed(file).unwrap());
        (now() - start).as_secs_f64()
    };
    (0..5).map(once).fold(f64::INFINITY, f64::min)
}

/// Fails if a file of four times the size takes much more than four times as long.
#[track_caller]
fn assert_linear(size: usize, make: fn(usize) -> Vec<u8>, work: fn(Image)) {
    let (small, large) = (make(size), make(4 * size));
    let grown = large.len() as f64 / small.len() as f64;
    assert!((2.0..5.0).contains(&grown), "the file grew {grown} times");
    // Twice for caches that four times the bytes do not fit. What grows faster does so each time; another process's work does not.
    let measured = [(); 4].map(|()| (seconds(&small, work), seconds(&large, work)));
    let is_linear = |&(one, four): &(f64, f64)| four < 8.0 * one + 0.002;
    assert!(measured.iter().any(is_linear), "seconds, and those for four times the size: {measured:?}");
}

/// An image of one root of a type.
fn image<T: Mappable>(arena: &CodeArena, root: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    ImageWriter::new(arena).root("root", root).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

fn check<T: Mappable>(image: Image) {
    image.verify().ok();
    image.check::<T>().unwrap();
}

#[test]
fn many_references_into_one_long_text() {
    fn make(count: usize) -> Vec<u8> {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        let text = loader.alloc_str(&"x".repeat(count)).unwrap();
        let all: &[&str] = loader.alloc_slice_fill_iter((0..count).map(|i| &text[i % 2..])).unwrap();
        let all: &&[&str] = loader.alloc(all).unwrap();
        loader.finish();
        image(&arena, all)
    }
    assert_linear(20_000, make, check::<&[&str]>);
}

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Tree<'a> {
    Leaf,
    Many(&'a [Tree<'a>]),
}

#[test]
fn many_slices_that_each_lead_to_all_of_them() {
    fn make(count: usize) -> Vec<u8> {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        let all = loader.alloc_slice_fill_iter((0..count).map(|_| Tree::Leaf)).unwrap();
        let root: &Tree<'_> = loader.alloc(Tree::Many(all)).unwrap();
        loader.finish();
        // Each leaf becomes what the root is, with one marked word.
        let mut file = ImageFile::of(&image(&arena, root));
        let size = size_of::<Tree<'_>>();
        let [first, second] = [&file.linked[..size], &file.linked[size..2 * size]].map(<[u8]>::to_vec);
        let many = if first.iter().any(|&byte| byte > 1) { first } else { second };
        let address = (0..size).step_by(8).find(|&at| many[at..].len() >= 8 && many[at + 5] != 0).unwrap();
        for value in 0..count {
            file.linked[value * size..][..size].copy_from_slice(&many);
            file.set_mark(value * size + address, true);
        }
        file.bytes()
    }
    assert_linear(20_000, make, check::<Tree<'_>>);
}

#[test]
fn many_runs_of_one_byte_in_each_page() {
    fn make(count: usize) -> Vec<u8> {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        let bytes: &[u8] = loader.alloc_slice_copy(&vec![1u8; count]).unwrap();
        let all: &[&u8] = loader.alloc_slice_fill_iter(bytes.iter().rev()).unwrap();
        let all: &&[&u8] = loader.alloc(all).unwrap();
        loader.finish();
        let mut file = ImageFile::of(&image(&arena, all));
        let long = file.runs.pop().unwrap();
        assert_eq!(long.len, count as u64);
        file.runs.extend((0..long.len).map(|i| RunRow { start: long.start + i, len: 1, ..long }));
        file.bytes()
    }
    assert_linear(10_000, make, check::<&[&u8]>);
}

#[derive(Permanent, Mappable)]
struct Chain<'a> {
    next: Option<&'a Chain<'a>>,
}

#[test]
fn a_chain_of_references() {
    fn make(count: usize) -> Vec<u8> {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        let mut last = loader.alloc(Chain { next: None }).unwrap();
        for _ in 0..count {
            last = loader.alloc(Chain { next: Some(last) }).unwrap();
        }
        loader.finish();
        image(&arena, last)
    }
    // No deeper than a small stack, either.
    let small = || {
        assert_linear(20_000, make, check::<Chain<'_>>);
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(small).unwrap().join().unwrap();
}

/// The image of a program, with tables of many rows: `rows` of the type of this number in the file, and as many roots and modules.
fn with_rows(rows: usize, of: &str) -> Vec<u8> {
    let mut file = ImageFile::of(&program::image("rows"));
    let number = file.types.iter().position(|row| row.name == of.as_bytes()).unwrap();
    let root = file.roots[0].clone();
    for row in 0..rows {
        let name = format!("{row:08}").into_bytes();
        file.modules.push(name.clone());
        file.roots.insert(row, RootRow { name, ..root });
        file.types.push(file.types[number].clone());
    }
    file.bytes()
}

#[test]
fn many_types_that_are_one_and_many_roots() {
    assert_linear(2_000, |rows| with_rows(rows, "Code"), check::<Code<'_>>);
}

#[test]
fn many_types_that_are_one_and_a_check_after_a_check() {
    assert_linear(
        2_000,
        |rows| with_rows(rows, "str"),
        |image| {
            let checked = image.check::<&str>().unwrap().check::<Code<'_>>().unwrap();
            let code = program::elsewhere(&checked);
            assert!((0..1000).all(|row| code.root::<Code<'_>>(&format!("{row:08}")).is_ok()));
            assert!(matches!(code.root::<u64>("main"), Err(ImageError::Type(_))));
        },
    );
}

#[test]
fn many_types_that_nobody_knows_with_a_run_each() {
    fn make(count: usize) -> Vec<u8> {
        let mut file = ImageFile::of(&program::image("unknown"));
        let (code, types) = ((file.linked.len() + file.leaf.len()) as u64, file.types.len());
        file.leaf.resize(file.leaf.len() + count.next_multiple_of(4096), 0);
        for row in 0..count {
            let mut of = file.types[0].clone();
            of.fingerprint[..8].copy_from_slice(&(row as u64).to_ne_bytes());
            of.size = 1;
            file.types.push(of);
            file.runs.push(RunRow { of: (types + row) as u32, module: 0, start: code + row as u64, len: 1 });
        }
        file.bytes()
    }
    assert_linear(5_000, make, |image| drop(image.check::<&str>().unwrap().check::<Code<'_>>().unwrap()));
}

/// An image of many names, of which each second bucket has all.
fn names_in_few_buckets(count: usize) -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let names: Vec<permacode::Name<'_>> = (0..count).map(|i| loader.intern_name(&format!("{i:08}")).unwrap()).collect();
    let all: &&[permacode::Name<'_>] = loader.alloc(loader.alloc_slice_copy(&names).unwrap()).unwrap();
    loader.finish();
    let mut file = ImageFile::of(&image(&arena, all));
    assert_eq!(file.names.len(), count);
    for (number, first) in file.buckets.iter_mut().enumerate() {
        *first = if number % 2 == 0 { 0 } else { count as u32 };
    }
    file.bytes()
}

#[test]
fn many_names_in_few_buckets_make_no_name_slow_to_look_for() {
    let look = |count: usize| {
        let file = program::sealed(&names_in_few_buckets(count));
        let image = Image::open_sealed(file).unwrap();
        assert!(matches!(image.clone().check::<&[permacode::Name<'_>]>(), Err(ImageError::Index(_))));
        // Nobody has to check an image to have an arena begin with it.
        let arena = program::elsewhere(&image);
        let loader = arena.load("more").unwrap();
        let start = now();
        for i in 0..5000 {
            loader.intern(&format!("other {i}")).unwrap();
        }
        (now() - start).as_secs_f64()
    };
    let least = |count| (0..3).map(|_| look(count)).fold(f64::INFINITY, f64::min);
    let (few, many) = (least(1000), least(32_000));
    assert!(many < 4.0 * few + 0.002, "{few} s, and {many} s among 32 times as many");
}

// With one bucket, each name would be looked for among all.
#[test]
fn a_table_of_names_with_too_few_buckets_is_refused() {
    let mut file = ImageFile::of(&program::image("buckets"));
    assert!(file.names.len() > 1);
    file.buckets = vec![0];
    let refused = Image::open_sealed(program::sealed(&file.bytes())).unwrap_err();
    assert_eq!(refused, ImageError::Index("its table of names has no such number of buckets"));
}
