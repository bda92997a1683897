//! soundness S38: the bytes of an image are a function of what it holds.

use crate::program;
use permacode::image::ImageWriter;
use permacode::{CodeArena, Loader, Mappable, Permanent};

#[test]
fn another_arena_another_order_of_loading_and_another_thread_make_the_same_bytes() {
    let image = |others_first: bool| {
        let arena = CodeArena::new().unwrap();
        let load = |name: &str| {
            let loader = arena.load(name).unwrap();
            let code = program::load(&loader, name).unwrap();
            loader.finish();
            code
        };
        let (a, b) = if others_first {
            arena.load("unused").unwrap().alloc_slice_copy(&[1u8; 333]).unwrap();
            let b = load("b");
            (load("a"), b)
        } else {
            let a = load("a");
            (a, load("b"))
        };
        let mut bytes = Vec::new();
        let writer = ImageWriter::new(&arena);
        let writer = if others_first {
            writer.root("b", b).unwrap().root("a", a)
        } else {
            writer.root("a", a).unwrap().root("b", b)
        };
        writer.unwrap().write_to(&mut bytes).unwrap();
        bytes
    };
    let one = image(false);
    let other = std::thread::spawn(move || image(true)).join().unwrap();
    assert!(one == other);
}

/// Leaves the stack full of a byte.
#[inline(never)]
fn fill_the_stack() {
    let mut bytes = [0u8; 16 << 10];
    bytes.fill(0xAA);
    std::hint::black_box(&mut bytes);
}

#[derive(Permanent, Mappable)]
#[repr(C)]
struct Padded {
    small: u8,
    large: u64,
    end: u16,
}

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Holes<'a> {
    Nothing,
    Byte(u8),
    Wide(u64, &'a str),
    Maybe(Option<&'a [u8]>),
}

#[inline(never)]
fn lower<'x>(loader: &Loader<'x>) -> (&'x [Padded], &'x [Holes<'x>]) {
    let padded = loader.alloc_slice_fill_iter((0..50u8).map(|i| {
        fill_the_stack();
        Padded { small: i, large: u64::from(i), end: u16::from(i) }
    }));
    let holes = loader.alloc_slice_fill_iter((0..60u8).map(|i| {
        fill_the_stack();
        match i % 4 {
            0 => Holes::Nothing,
            1 => Holes::Byte(i),
            2 => Holes::Wide(u64::from(i), "x"),
            _ => Holes::Maybe(None),
        }
    }));
    (padded.unwrap(), holes.unwrap())
}

// soundness S2, S38
#[test]
fn no_byte_that_no_type_defines_gets_into_an_image() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let both: &(&[Padded], &[Holes<'_>]) = loader.alloc(lower(&loader)).unwrap();
    loader.seal().unwrap();
    // SAFETY: sealed memory that holds bytes, some of which no type defines: read as they are in memory, from outside.
    let memory = unsafe { std::slice::from_raw_parts(both.0.as_ptr().cast::<std::mem::MaybeUninit<u8>>(), 50 * 24) };
    assert_eq!(memory.len(), 1200);
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).root("both", both).unwrap().write_to(&mut bytes).unwrap();
    // The header and the index have digests in them, which may have any byte.
    let code = &bytes[8192..];
    assert!(code.windows(2).all(|pair| pair != [0xAA, 0xAA]), "stale bytes of the stack");
}

// soundness S38: a number that stands here, so every build of every compiler and every process must find it.
#[test]
fn the_bytes_are_the_same_in_every_build() {
    #[derive(Permanent, Mappable)]
    #[repr(C)]
    struct Fixed<'a> {
        name: &'a str,
        next: Option<&'a Fixed<'a>>,
    }
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let last = loader.alloc(Fixed { name: "constant", next: None }).unwrap();
    let first = loader.alloc(Fixed { name: loader.intern("name").unwrap(), next: Some(last) }).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    let report = ImageWriter::new(&arena).version("1").root("first", first).unwrap().write_to(&mut bytes).unwrap();
    assert_eq!(report.digest.to_string(), "6f9c774ba9d874edd8982b77a6ec6ea7fb9ea961d1948ee2ba57c01ba92e8ed4");
}
