//! soundness S38: the bytes of an image are a function of what it holds.

use crate::program;
use permacode::image::ImageWriter;
use permacode::{CodeArena, Loader, Mappable, Permanent};
use permacode_model::ImageFile;
use std::mem::MaybeUninit;

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

const STALE: u8 = 0xAA;

/// Leaves the stack full of a byte.
#[inline(never)]
fn fill_the_stack() {
    let mut bytes = [0u8; 16 << 10];
    bytes.fill(STALE);
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
    Inner(Option<Uneven>),
}

/// An enum whose values leave most of its bytes undefined.
#[derive(Clone, Copy, Permanent, Mappable)]
#[repr(u16)]
enum Uneven {
    Short(u8),
    Long([u8; 24]),
}

/// A value in bytes that were full of something: what it does not define stays so.
fn in_stale_bytes<T>(write: impl FnOnce(*mut T)) -> T {
    let mut place = MaybeUninit::<T>::uninit();
    // SAFETY: a place of this size. `write` then makes a value of it.
    unsafe {
        std::hint::black_box(&mut place).as_mut_ptr().cast::<u8>().write_bytes(STALE, size_of::<T>());
        write(place.as_mut_ptr());
        place.assume_init()
    }
}

#[inline(never)]
fn lower<'x>(loader: &Loader<'x>) -> (&'x [Padded], &'x [Holes<'x>]) {
    let padded = loader.alloc_slice_fill_iter((0..50u8).map(|i| {
        fill_the_stack();
        in_stale_bytes(|place: *mut Padded| {
            // SAFETY: fields of the place.
            unsafe {
                (&raw mut (*place).small).write(i);
                (&raw mut (*place).large).write(u64::from(i));
                (&raw mut (*place).end).write(u16::from(i));
            }
        })
    }));
    let holes = loader.alloc_slice_fill_iter((0..60u8).map(|i| {
        fill_the_stack();
        match i % 6 {
            0 => Holes::Nothing,
            1 => Holes::Byte(i),
            2 => Holes::Wide(u64::from(i), "x"),
            3 => Holes::Inner(None),
            4 => Holes::Inner(Some(if i < 30 { Uneven::Short(i) } else { Uneven::Long([i; 24]) })),
            _ => Holes::Maybe(None),
        }
    }));
    (padded.unwrap(), holes.unwrap())
}

/// Bytes of this process, some of which no type defines: read from outside.
fn memory<T>(values: &[T]) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; size_of_val(values)];
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    memory.read_exact_at(&mut bytes, values.as_ptr().expose_provenance() as u64).unwrap();
    bytes
}

// soundness S2, S38
#[test]
fn no_byte_that_no_type_defines_gets_into_an_image() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let both: &(&[Padded], &[Holes<'_>]) = loader.alloc(lower(&loader)).unwrap();
    loader.seal().unwrap();
    let stale = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == STALE).count();
    // Or there would be nothing to leave out.
    assert!(stale(&memory(both.0)) + stale(&memory(both.1)) >= 50 * 13, "the arena has no stale bytes");
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).root("both", both).unwrap().write_to(&mut bytes).unwrap();
    // The header and the index have digests in them, and marks are bits: these may have any byte. An address has it not: see what it is.
    let mut file = ImageFile::of(&bytes);
    file.rebase(0x4000_0000_0000);
    assert_eq!((stale(&file.linked), stale(&file.leaf)), (0, 0), "stale bytes of the stack");
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
    assert_eq!(report.digest.to_string(), "0063855c389b021231841d165954bd8da76950bf154b8f067b2243dabe1eb71f");
}
