//! Checks on several threads, and the proof that references make no cycle.

use crate::adversarial::now;
use crate::program::sealed;
use permacode::image::{CheckOptions, Image, ImageError, ImageWriter};
use permacode::{CodeArena, Link, Mappable, Permanent};
use std::mem::offset_of;

#[derive(Debug, Permanent, Mappable)]
#[mappable(check = "below")]
#[repr(C)]
struct Node<'a> {
    number: u32,
    flag: bool,
    text: &'a str,
    next: Option<&'a Node<'a>>,
    link: Link<'a, Node<'a>>,
}

fn below(node: &Node<'_>) -> Result<(), String> {
    if node.number < 1_000_000 { Ok(()) } else { Err(node.number.to_string()) }
}

/// A chain of so many nodes, the last first.
fn chain(count: u32) -> Vec<u8> {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let mut last: Option<&Node<'_>> = None;
    for number in 0..count {
        let text = loader.alloc_str(["ä", "text"][number as usize % 2]).unwrap();
        let node = Node { number, flag: true, text, next: last, link: Link::unset() };
        last = Some(loader.alloc(node).unwrap());
    }
    // A cycle by a link, which is none of plain references.
    loader.link(&last.unwrap().link, last.unwrap()).unwrap();
    loader.seal().unwrap();
    let mut bytes = Vec::new();
    ImageWriter::new(&arena).root("last", last.unwrap()).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

/// Where the code begins, and its window.
fn code(bytes: &[u8]) -> (usize, usize) {
    let number = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    ((4096 + number(40)).next_multiple_of(number(32)), number(64))
}

fn check(bytes: &[u8], options: CheckOptions) -> Result<Image, ImageError> {
    Image::open_sealed(sealed(bytes)).unwrap().check_with::<Node<'_>>(options)
}

#[test]
fn any_number_of_threads_gives_the_same_answer() {
    const COUNT: u32 = 40_000;
    let good = chain(COUNT);
    let (start, _) = code(&good);
    let size = size_of::<Node<'_>>();
    let place = |element: usize, offset: usize| start + element * size + offset;
    let with = |changes: &[(usize, u8)]| {
        let mut bad = good.clone();
        changes.iter().for_each(|&(at, byte)| bad[at] = byte);
        bad
    };
    let flag = offset_of!(Node<'_>, flag);
    let text = good.windows(6).position(|six| six == "ätext".as_bytes()).unwrap();
    for bytes in [
        good.clone(),
        with(&[(place(39_999, flag), 2)]),
        with(&[(place(39_999, flag), 2), (place(20_000, flag), 2), (place(20_001, 16), 1)]),
        with(&[(place(9, 2), 0xff), (place(30_000, 2), 0xff)]), // numbers that the author's check refuses
        with(&[(place(9, 2), 0xff), (place(30_000, flag), 7)]), // all values are proved before one is asked about
        with(&[(text, 0xff)]),
    ] {
        let serial = check(&bytes, CheckOptions::new()).map(drop);
        for threads in [0, 2, 3, 16] {
            let parallel = check(&bytes, CheckOptions::new().threads(threads)).map(drop);
            assert_eq!(parallel, serial, "{threads}");
        }
        assert_eq!(serial.is_ok(), bytes == good);
    }
    let refused = check(&with(&[(place(9, 2), 0xff), (place(30_000, 2), 0xff)]), CheckOptions::new().threads(8));
    assert!(matches!(refused, Err(ImageError::Refused { at, .. }) if at == 9 * size));
}

#[test]
fn a_check_goes_on_where_there_are_no_more_threads() {
    let bytes = chain(20_000);
    permacode_witness::in_child(|| {
        // A limit on processes would have no effect on one that may do all.
        for call in [libc::SYS_clone, libc::SYS_clone3] {
            permacode_witness::filter::refuse(call, &[], libc::EAGAIN);
        }
        let refused = std::thread::Builder::new().spawn(|| ()).map(drop);
        assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        assert!(check(&bytes, CheckOptions::new().threads(4)).is_ok());
    });
}

#[test]
fn references_without_a_cycle_are_proved_to_have_none() {
    // As deep as it is long: nothing recurses.
    let bytes = chain(100_000);
    assert!(check(&bytes, CheckOptions::new().acyclic()).is_ok());
    assert!(check(&chain(1), CheckOptions::new().acyclic().threads(2)).is_ok());
}

#[test]
fn a_cycle_of_references_is_refused_with_a_value_on_it() {
    let good = chain(5);
    let (start, window) = code(&good);
    let (size, next) = (size_of::<Node<'_>>(), offset_of!(Node<'_>, next));
    for (from, to) in [(3, 0), (3, 1), (2, 2), (0, 0)] {
        let mut bad = good.clone();
        let at = start + from * size + next;
        bad[at..at + 8].copy_from_slice(&(window + to * size).to_ne_bytes());
        assert!(check(&bad, CheckOptions::new()).is_ok(), "each is a reference to a node");
        let refused = check(&bad, CheckOptions::new().acyclic()).unwrap_err();
        assert!(
            matches!(&refused, ImageError::Cycle { of, at } if of == "Node" && (to * size..=from * size).contains(at)),
            "{refused:?}"
        );
        assert!(refused.to_string().contains("lead back to it"), "{refused}");
    }
}

/// Constants may make a cycle without a link.
static ONE: Node<'static> = Node { number: 1, flag: true, text: "one", next: Some(&TWO), link: Link::unset() };
static TWO: Node<'static> = Node { number: 2, flag: true, text: "two", next: Some(&ONE), link: Link::unset() };

#[test]
fn constants_that_refer_to_each_other_are_a_cycle() {
    let arena = CodeArena::new().unwrap();
    let image = Image::open_sealed(ImageWriter::new(&arena).root("one", &ONE).unwrap().seal().unwrap()).unwrap();
    let checked = image.clone().check::<Node<'_>>().unwrap().open().unwrap();
    assert_eq!(checked.root::<Node<'_>>("one").unwrap().next.unwrap().next.unwrap().text, "one");
    let refused = image.check_with::<Node<'_>>(CheckOptions::new().acyclic()).unwrap_err();
    assert_eq!(refused, ImageError::Cycle { of: "Node".into(), at: 0 });
}

/// A slice within a value, so that ranges of values overlap.
#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Tree<'a> {
    Leaf(u64),
    Nodes(&'a [Tree<'a>]),
    Both([Option<&'a Tree<'a>>; 2]),
}

// soundness S36: each of n values refers to all before it, and the time does not grow with the product.
#[test]
fn slices_that_overlap_as_often_as_they_can_take_as_long_as_their_size() {
    let seconds = |count: usize| {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        let leaves: &[Tree<'_>] =
            loader.alloc_slice_fill_iter((0..count).map(|number| Tree::Leaf(number as u64))).unwrap();
        let middle = loader.alloc_slice_fill_iter((0..count).map(|i| Tree::Nodes(&leaves[i % 2..]))).unwrap();
        let top = loader.alloc_slice_fill_iter((0..count).map(|i| match i % 3 {
            0 => Tree::Both([Some(&middle[i]), None]),
            _ => Tree::Nodes(&middle[i % 7..]),
        }));
        let top: &Tree<'_> = loader.alloc(Tree::Nodes(top.unwrap())).unwrap();
        loader.seal().unwrap();
        let image = Image::open_sealed(ImageWriter::new(&arena).root("top", top).unwrap().seal().unwrap()).unwrap();
        // The least of some tries, in time of the processor: what else runs does not count.
        let once = |_| {
            let (image, start) = (image.clone(), now());
            image.check_with::<Tree<'_>>(CheckOptions::new().acyclic()).unwrap();
            (now() - start).as_secs_f64()
        };
        (0..3).map(once).fold(f64::INFINITY, f64::min)
    };
    let (small, large) = (seconds(2_000).max(0.0005), seconds(64_000));
    assert!(large < small * 32.0 * 8.0, "{small} {large}");
}
