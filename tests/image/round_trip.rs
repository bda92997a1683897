//! What is read from an image is what was written.

use crate::program::{self, Code, assert_is};
use permacode::image::{Image, ImageError, ImageWriter};
use permacode::{CodeArena, Link, Mappable, Permanent};

#[test]
fn everything_that_a_program_has_is_read_as_it_was_written() {
    let code = program::open(&program::image("outer"));
    assert_is(code.root("main").unwrap(), "outer");
}

#[test]
fn what_was_loaded_into_an_image_is_written_again_as_the_same_values() {
    let first = program::image("outer");
    let opened = program::open(&first);
    // Nothing of it lies in this arena; the sites are of another one.
    let arena = CodeArena::new().unwrap();
    let main: &Code<'_> = opened.root("main").unwrap();
    assert_eq!(
        ImageWriter::new(&arena).root("main", main).unwrap().write_to(&mut Vec::new()),
        Err(ImageError::ForeignSites)
    );
}

#[derive(Permanent, Mappable)]
struct Node<'a> {
    pair: [Leaf; 2],
    next: Link<'a, Node<'a>>,
    leaf: Link<'a, Leaf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Permanent, Mappable)]
struct Leaf {
    a: u8,
    b: u32,
}

#[test]
fn references_into_structs_and_arrays_lead_into_them() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let leaf = |a| Leaf { a, b: u32::from(a) * 1000 };
    let node =
        |a| loader.alloc(Node { pair: [leaf(a), leaf(a + 1)], next: Link::unset(), leaf: Link::unset() }).unwrap();
    let (one, two) = (node(1), node(10));
    loader.link(&one.next, two).unwrap();
    loader.link(&one.leaf, &two.pair[1]).unwrap();
    let slice: &&[Leaf] = loader.alloc(&two.pair[..]).unwrap();
    let array: &&[Leaf; 2] = loader.alloc(&two.pair).unwrap();
    loader.seal().unwrap();
    let writer = ImageWriter::new(&arena).root("one", one).unwrap();
    let file = writer
        .root("slice", slice)
        .unwrap()
        .root("array", array)
        .unwrap()
        .root("pair", &two.pair)
        .unwrap()
        .seal()
        .unwrap();

    let image = Image::open_sealed(file).unwrap().check::<Node<'_>>().unwrap();
    let image = image.check::<&[Leaf]>().unwrap().check::<&[Leaf; 2]>().unwrap().check::<[Leaf; 2]>().unwrap();
    let code = image.open().unwrap();
    let one: &Node<'_> = code.root("one").unwrap();
    let two = one.next.get().unwrap();
    assert_eq!((one.pair, two.pair), ([leaf(1), leaf(2)], [leaf(10), leaf(11)]));
    assert!(std::ptr::eq(one.leaf.get().unwrap(), &two.pair[1]));
    assert!(std::ptr::eq(*code.root::<&[Leaf]>("slice").unwrap(), &two.pair[..]));
    assert!(std::ptr::eq(*code.root::<&[Leaf; 2]>("array").unwrap(), &two.pair));
    assert!(std::ptr::eq(code.root::<[Leaf; 2]>("pair").unwrap(), &two.pair));
}

#[test]
fn a_slice_without_bytes_may_have_more_elements_than_can_be_counted() {
    type Nothing = [[u8; 0]; 2];
    // SAFETY: aligned, and so many values without bytes lie anywhere.
    let many: &[Nothing] = unsafe { core::slice::from_raw_parts(core::ptr::NonNull::dangling().as_ptr(), usize::MAX) };
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let nothing: &&[Nothing] = loader.alloc(many).unwrap();
    loader.seal().unwrap();
    let file = ImageWriter::new(&arena).root("nothing", nothing).unwrap().seal().unwrap();
    let image = Image::open_sealed(file).unwrap().check::<&[Nothing]>().unwrap();
    assert_eq!(image.open().unwrap().root::<&[Nothing]>("nothing").unwrap().len(), usize::MAX);
}

#[test]
fn slices_that_overlap_are_one_in_the_image() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let all: &[u32] = loader.alloc_slice_copy(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let both: &(&[u32], &[u32]) = loader.alloc((&all[..5], &all[3..])).unwrap();
    let nothing: &(&[u32], &str) = loader.alloc((&all[..0], "")).unwrap();
    loader.seal().unwrap();
    let writer = ImageWriter::new(&arena).root("both", both).unwrap().root("nothing", nothing).unwrap();
    let image = Image::open_sealed(writer.seal().unwrap()).unwrap();
    let code = image.check::<(&[u32], &[u32])>().unwrap().check::<(&[u32], &str)>().unwrap().open().unwrap();
    let (one, other) = *code.root::<(&[u32], &[u32])>("both").unwrap();
    assert_eq!((one, other), (&[0, 1, 2, 3, 4][..], &[3, 4, 5, 6, 7][..]));
    assert!(std::ptr::eq(&one[3..], &other[..2]));
    assert_eq!(*code.root::<(&[u32], &str)>("nothing").unwrap(), (&[][..], ""));
}

#[test]
fn text_and_its_bytes_are_kept_apart_only_where_bytes_need_not_be_text() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let text = loader.alloc_str("text").unwrap();
    let bytes: &[u8] = loader.alloc_slice_copy(b"\xff bytes").unwrap();
    let inner = std::str::from_utf8(&bytes[2..]).unwrap();
    let all: &(&str, &[u8], &[u8], &str) = loader.alloc((text, &text.as_bytes()[1..], bytes, inner)).unwrap();
    loader.seal().unwrap();
    let file = ImageWriter::new(&arena).root("all", all).unwrap().seal().unwrap();
    let code = Image::open_sealed(file).unwrap().check::<(&str, &[u8], &[u8], &str)>().unwrap().open().unwrap();
    let all = *code.root::<(&str, &[u8], &[u8], &str)>("all").unwrap();
    assert_eq!(all, ("text", &b"ext"[..], &b"\xff bytes"[..], "bytes"));
    assert!(std::ptr::eq(&all.0.as_bytes()[1..], all.1));
}

#[test]
fn a_chain_of_a_hundred_thousand_is_written_and_checked_on_a_small_stack() {
    std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(|| {
            let arena = CodeArena::new().unwrap();
            let loader = arena.load("m").unwrap();
            let mut chain: &Chain<'_> = loader.alloc(Chain { number: 0, next: None }).unwrap();
            for number in 1..100_000 {
                chain = loader.alloc(Chain { number, next: Some(chain) }).unwrap();
            }
            loader.seal().unwrap();
            let file = ImageWriter::new(&arena).root("chain", chain).unwrap().seal().unwrap();
            let code = Image::open_sealed(file).unwrap().check::<Chain<'_>>().unwrap().open().unwrap();
            let mut at = Some(code.root::<Chain<'_>>("chain").unwrap());
            for number in (0..100_000).rev() {
                assert_eq!(at.map(|chain| chain.number), Some(number));
                at = at.and_then(|chain| chain.next);
            }
        })
        .unwrap()
        .join()
        .unwrap();
}

#[derive(Permanent, Mappable)]
struct Chain<'a> {
    number: u32,
    next: Option<&'a Chain<'a>>,
}

#[test]
fn an_image_is_read_by_many_threads_at_once() {
    let code = program::open(&program::image("outer"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| assert_is(code.root("main").unwrap(), "outer")));
        }
    });
}

#[test]
fn the_report_counts_what_was_written() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let code = program::load(&loader, "outer").unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    let report = ImageWriter::new(&arena).root("main", code).unwrap().write_to(&mut bytes).unwrap();
    assert_eq!(report.bytes, bytes.len());
    assert_eq!((report.copied, report.unset_links, report.sites), (1, 1, 10));
    // Two functions with name, code, lines and table each, two slices of constants, two texts.
    assert_eq!(report.blocks, 2 * 5 + 2 + 2);
}
