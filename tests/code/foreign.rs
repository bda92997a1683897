//! Links and bytes that are not this loader's or this arena's are refused, and nothing is written (soundness S17).

use permacode::error::LinkError;
use permacode::{CodeArena, Error, Link, Loader, Permanent};
use permacode_witness::PagesOf;
use std::sync::Arc;

#[derive(Permanent)]
struct Node<'a> {
    number: u64,
    next: Link<'a, Node<'a>>,
}

fn node<'a>(loader: &Loader<'a>, number: u64) -> &'a Node<'a> {
    loader.alloc(Node { number, next: Link::unset() }).unwrap()
}

fn target(node: &Node<'_>) -> Option<u64> {
    node.next.get().map(|next| next.number)
}

fn small() -> CodeArena {
    CodeArena::builder().reservation(1 << 20).build().unwrap()
}

const FOREIGN: Result<(), Error> = Err(Error::Link(LinkError::Foreign));
const FINISHED: Result<(), Error> = Err(Error::Link(LinkError::Finished));
const ALREADY_SET: Result<(), Error> = Err(Error::Link(LinkError::AlreadySet));

#[test]
fn a_loader_sets_the_links_of_its_own_blocks_once() {
    let arena = small();
    let loader = arena.load("m").unwrap();
    let (one, two) = (node(&loader, 1), node(&loader, 2));
    assert_eq!((target(one), target(two)), (None, None));
    assert_eq!(loader.link(&one.next, two), Ok(()));
    assert_eq!(loader.link(&two.next, two), Ok(()), "to itself");
    assert_eq!(loader.link(&one.next, two), ALREADY_SET);
    assert_eq!(loader.link(&one.next, one), ALREADY_SET);
    assert_eq!((target(one), target(two)), (Some(2), Some(2)));
}

#[test]
fn another_loaders_link_is_foreign_while_it_is_open_and_finished_after() {
    let arena = small();
    let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
    let (in_one, in_two) = (node(&one, 1), node(&two, 2));
    assert_eq!(one.link(&in_two.next, in_one), FOREIGN);
    assert_eq!(two.link(&in_one.next, in_two), FOREIGN);
    assert_eq!(one.link(&in_one.next, in_two), Ok(()), "the target may be anybody's");
    one.finish();
    assert_eq!(two.link(&in_one.next, in_two), FINISHED);
    // A loader that goes on behind it on the same page, or in the same run, may not either.
    let three = arena.load("three").unwrap();
    let in_three = node(&three, 3);
    assert_eq!(three.link(&in_one.next, in_three), FINISHED);
    let _ = arena.seal().unwrap();
    assert_eq!(three.link(&in_one.next, in_three), FINISHED);
    assert_eq!(two.link(&in_two.next, in_three), Ok(()));
    two.seal().unwrap();
    assert_eq!(three.link(&in_two.next, in_three), FINISHED);
    assert_eq!((target(in_one), target(in_two), target(in_three)), (Some(2), Some(3), None));
}

#[test]
fn a_forgotten_loaders_link_stays_unset() {
    let arena = small();
    let forgotten = arena.load("forgotten").unwrap();
    let lost = node(&forgotten, 1);
    std::mem::forget(forgotten);
    let loader = arena.load("m").unwrap();
    assert_eq!(loader.link(&lost.next, node(&loader, 2)), FOREIGN);
    assert_eq!(target(lost), None);
}

#[test]
fn a_link_outside_of_the_arena_is_foreign() {
    let (arena, other) = (small(), small());
    let (loader, elsewhere) = (arena.load("m").unwrap(), other.load("m").unwrap());
    let (mine, foreign) = (node(&loader, 1), node(&elsewhere, 2));
    let on_stack = Node { number: 3, next: Link::unset() };
    let on_heap = Box::new(Node { number: 4, next: Link::unset() });
    assert_eq!(loader.link(&foreign.next, mine), FOREIGN);
    assert_eq!(elsewhere.link(&mine.next, foreign), FOREIGN);
    assert_eq!(loader.link(&on_stack.next, mine), FOREIGN);
    assert_eq!(loader.link(&on_heap.next, mine), FOREIGN);
    elsewhere.seal().unwrap();
    assert_eq!(loader.link(&foreign.next, mine), FOREIGN, "finished, but in another arena");
    assert!([target(mine), target(foreign), target(&on_stack), target(&on_heap)].iter().all(Option::is_none));
}

#[test]
fn a_link_in_a_static_is_foreign_even_to_an_arena_that_lives_as_long() {
    static LINK: Link<'static, u64> = Link::unset();
    let loader = small().leak().load("m").unwrap();
    assert_eq!(loader.link(&LINK, &7), FOREIGN);
    assert_eq!(LINK.get(), None);
}

#[test]
fn a_loader_without_blocks_has_no_links() {
    let arena = small();
    let (empty, loader) = (arena.load("empty").unwrap(), arena.load("m").unwrap());
    let first = node(&loader, 1);
    assert_eq!(empty.link(&first.next, first), FOREIGN);
    drop(loader);
    // The very first byte of the arena is no special place.
    assert_eq!(std::ptr::from_ref(first).addr(), arena.loaded_range().start);
    assert_eq!(empty.link(&first.next, first), FINISHED);
}

#[test]
fn links_in_every_run_of_a_loader_can_be_set() {
    let arena = CodeArena::builder().reservation(16 << 20).build().unwrap();
    let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
    let mut nodes = Vec::new();
    for number in 0..40 {
        nodes.push(node(&one, number));
        one.alloc_padded(&[], 1, 7000 * (number as usize % 5)).unwrap();
        two.alloc_padded(&[], 1, 9000).unwrap();
    }
    let last = *nodes.last().unwrap();
    for node in &nodes {
        assert_eq!(two.link(&node.next, last), FOREIGN);
        assert_eq!(one.link(&node.next, last), Ok(()));
        assert_eq!(one.link(&node.next, last), ALREADY_SET);
    }
    one.seal().unwrap();
    assert!(nodes.iter().all(|node| target(node) == Some(39)));
}

#[test]
fn a_link_that_was_undone_leaves_zeros_for_the_next() {
    let arena = small();
    let loader = arena.load("m").unwrap();
    let first = node(&loader, 1);
    let failed = loader.alloc_slice_try_fill_with(3, |at| {
        if at == 2 { Err(Error::Foreign) } else { Ok(Node { number: u64::MAX, next: Link::unset() }) }
    });
    assert!(failed.is_err());
    let second = node(&loader, 2);
    assert_eq!(std::ptr::from_ref(second).addr() - std::ptr::from_ref(first).addr(), size_of::<Node<'_>>());
    assert_eq!((second.number, target(second)), (2, None));
    assert_eq!(loader.link(&second.next, first), Ok(()));
}

#[test]
fn bytes_of_an_arena_can_be_shared_and_no_others() {
    let (arena, other) = (Arc::new(small()), Arc::new(small()));
    let loader = arena.load("m").unwrap();
    let elsewhere = other.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[1u8, 2, 3]).unwrap();
    let foreign = elsewhere.alloc_slice_copy(&[4u8, 5]).unwrap();
    let (on_stack, on_heap) = ([6u8; 8], vec![7u8; 8]);
    assert_eq!(&arena.share(block).unwrap()[..], [1, 2, 3], "of an open module too");
    assert_eq!(&arena.share(&block[1..2]).unwrap()[..], [2]);
    assert_eq!(&arena.share(loader.intern("name").unwrap().as_bytes()).unwrap()[..], b"name");
    for bytes in [foreign, &on_stack, &on_heap, b"static", arena_name(&arena)] {
        assert_eq!(arena.share(bytes).map(|_| ()), Err(Error::Foreign));
    }
    assert_eq!(&other.share(foreign).unwrap()[..], [4, 5]);
    assert_eq!((Arc::strong_count(&arena), Arc::strong_count(&other)), (1, 1), "a refusal keeps no share");
}

/// Bytes in the arena's records: apart from code, so not to be shared.
fn arena_name(arena: &CodeArena) -> &[u8] {
    arena.load("records are not code").unwrap().finish().name().as_bytes()
}

// soundness S3: what begins in an arena must end there, and below what was claimed.
#[test]
fn bytes_that_run_over_the_end_of_an_arena_are_foreign() {
    let arena = Arc::new(CodeArena::builder().reservation(1).pages(Arc::new(PagesOf(4096))).build().unwrap());
    let len = arena.stats().reserved;
    let loader = arena.load("m").unwrap();
    let all = loader.alloc_slice_copy(&vec![1u8; len]).unwrap();
    assert_eq!(arena.share(all).unwrap().len(), len);
    assert_eq!(arena.loaded_range(), permacode_witness::span(all));
    // SAFETY: whether the reservation ends with the code or goes on, a page follows in the same allocation, readable, of which nobody
    // writes the first byte now; the pointer to the first byte of code may read all of the allocation.
    let beyond = unsafe { std::slice::from_raw_parts(arena.base().as_ptr(), len + 1) };
    assert_eq!(arena.share(beyond).map(|_| ()), Err(Error::Foreign));
    let behind = beyond.get(len..).unwrap();
    assert_eq!(arena.share(behind).map(|_| ()), Err(Error::Foreign));
    assert!(arena.contains(&all[len - 1]) && !arena.contains(behind.as_ptr()));
}

#[test]
fn sites_of_two_arenas_differ_although_their_numbers_are_the_same() {
    let (one, two) = (small(), small());
    let (in_one, in_two) = (one.load("m").unwrap().sites(3).unwrap(), two.load("m").unwrap().sites(3).unwrap());
    assert_eq!((in_one.range(), in_two.range()), (0..3, 0..3));
    assert_ne!(in_one, in_two);
}
