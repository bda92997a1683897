//! Protection, seen from outside: whoever stores to a sealed page dies at exactly that address, and the kernel calls it `r--p`.
//!
//! All of it is invariant 4 (sealed stays sealed) and soundness S19 (no mutable alias of what is immutable).
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::code::Protection;
use permacode::error::PageCall;
use permacode::testing::Pages;
use permacode::{CodeArena, Link, Permanent};
use permacode_witness::code::mapped;
use permacode_witness::{Child, End, in_child, page, permissions, span, stopped, store};
use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;

#[derive(Permanent)]
struct Node<'a> {
    number: u64,
    next: Link<'a, Node<'a>>,
}

/// The permissions of every mapping that shares a byte with a block.
fn all_permissions(block: Range<usize>) -> Vec<String> {
    let memory = permacode_witness::memory(0, block).unwrap();
    memory.mappings.into_iter().map(|mapping| mapping.permissions).collect()
}

/// The last byte of the page that holds `address`.
fn end_of_page(address: usize) -> usize {
    address | (page() - 1)
}

#[test]
fn a_store_to_a_sealed_block_dies_at_exactly_that_byte() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[7u8; 5000]).unwrap();
    loader.seal().unwrap();
    let bytes = span(block);
    for address in [bytes.start, bytes.start + 2500, bytes.end - 1] {
        assert_eq!(store(address), stopped(address));
    }
    assert!(block.iter().all(|&byte| byte == 7));
}

#[test]
fn the_padding_behind_a_sealed_module_is_sealed_with_it() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[7u8; 100]).unwrap();
    loader.seal().unwrap();
    for address in [span(block).end, end_of_page(span(block).start)] {
        assert_eq!(store(address), stopped(address));
    }
    // The next page is committed ahead, and no module's yet.
    assert_eq!(store(end_of_page(span(block).start) + 1), End::Code(0));
}

#[test]
fn a_link_in_a_sealed_block_cannot_be_stored_to_and_can_be_followed() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let one = loader.alloc(Node { number: 1, next: Link::unset() }).unwrap();
    let two = loader.alloc(Node { number: 2, next: Link::unset() }).unwrap();
    loader.link(&one.next, two).unwrap();
    loader.seal().unwrap();
    for link in [&one.next, &two.next] {
        let address = std::ptr::from_ref(link).addr();
        assert_eq!(store(address), stopped(address));
    }
    in_child(|| {
        assert_eq!(one.next.get().map(|next| next.number), Some(2));
        assert!(two.next.get().is_none());
    });
}

#[test]
fn a_module_that_the_arena_sealed_is_protected_like_one_that_sealed_itself() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[7u8; 5000]).unwrap();
    let module = loader.finish();
    assert_eq!(store(span(block).start), End::Code(0), "finished is not sealed");
    assert_eq!(module.protection(), Protection::TypeOnly);
    assert_eq!(arena.seal().unwrap().pages, 2);
    assert_eq!(module.protection(), Protection::ReadOnly);
    for address in [span(block).start, span(block).end - 1, end_of_page(span(block).end - 1)] {
        assert_eq!(store(address), stopped(address));
    }
    in_child(|| assert!(block.iter().all(|&byte| byte == 7)));
}

#[test]
fn every_page_of_a_module_in_several_runs_is_sealed() {
    let arena = CodeArena::new().unwrap();
    let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
    let mut blocks = Vec::new();
    for _ in 0..20 {
        blocks.push(one.alloc_slice_copy(&[1u8; 9000]).unwrap());
        two.alloc_slice_copy(&[2u8; 9000]).unwrap();
    }
    let large = one.alloc_slice_copy(&vec![3u8; 3 << 20]).unwrap();
    let module = one.seal().unwrap();
    assert_eq!(module.protection(), Protection::ReadOnly);
    for block in blocks.iter().chain([&large]) {
        assert!(all_permissions(span(block)).iter().all(|access| access == "r--p"));
    }
    assert_eq!(store(span(large).end - 1), stopped(span(large).end - 1));
    let open = two.alloc(9u8).unwrap();
    assert_eq!(permissions(std::ptr::from_ref(open).addr()), "rw-p");
}

#[test]
fn read_2_into_a_sealed_block_is_refused_with_efault() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[7u8; 64]).unwrap();
    loader.seal().unwrap();
    let zeros = File::open("/dev/zero").unwrap();
    let mut pipe = [0; 2];
    // SAFETY: `pipe` has room for two descriptors, and eight bytes fit a pipe.
    unsafe {
        assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
        assert_eq!(libc::write(pipe[1], b"12345678".as_ptr().cast(), 8), 8);
    }
    for file in [zeros.as_raw_fd(), pipe[0]] {
        // SAFETY: none for the buffer: the kernel must refuse it.
        let read = unsafe { libc::read(file, block.as_ptr().cast_mut().cast(), 8) };
        assert_eq!((read, std::io::Error::last_os_error().raw_os_error()), (-1, Some(libc::EFAULT)));
    }
    for end in pipe {
        // SAFETY: the descriptor is this test's.
        assert_eq!(unsafe { libc::close(end) }, 0);
    }
    assert!(block.iter().all(|&byte| byte == 7));
}

#[test]
fn no_page_of_an_arena_is_executable_and_none_is_writable_and_sealed() {
    let arena = CodeArena::new().unwrap();
    let mut sealed = Vec::new();
    let mut open = Vec::new();
    for round in 0..30usize {
        let loader = arena.load("m").unwrap();
        let block = loader.alloc_slice_copy(&vec![1u8; 300 + 2000 * (round % 7)]).unwrap();
        match round % 3 {
            0 => sealed.push((loader.seal().unwrap(), block)),
            1 => sealed.push((loader.finish(), block)),
            _ => open.push((loader, block)),
        }
    }
    let _ = arena.seal().unwrap();
    assert!(mapped(&arena).mappings.iter().all(|mapping| !mapping.permissions.contains('x')));
    assert!(sealed.iter().filter(|(module, _)| module.protection() == Protection::ReadOnly).count() >= 10);
    for (module, block) in &sealed {
        let protected = all_permissions(span(block)).iter().all(|access| access == "r--p");
        assert_eq!(module.protection() == Protection::ReadOnly, protected, "{module:?}");
    }
    for (loader, block) in &open {
        assert_eq!(permissions(span(block).start), "rw-p", "{loader:?}");
    }
}

#[test]
fn pages_that_nobody_claimed_have_no_access_behind_the_first_run() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let code = arena.address_range();
    let first_run = 16 << 10;
    assert_eq!((permissions(code.start).as_str(), permissions(code.start + first_run).as_str()), ("rw-p", "---p"));
    assert_eq!((arena.stats().claimed, arena.stats().mappings), (0, mapped(&arena).accessible().count()));
    arena.load("m").unwrap().alloc(1u8).unwrap();
    assert_eq!(arena.stats().claimed, first_run);
    let unclaimed = code.start + arena.stats().claimed;
    assert_eq!(permissions(unclaimed - 1), "rw-p");
    for address in [unclaimed, code.end - 1] {
        assert_eq!(permissions(address), "---p");
        assert_eq!(store(address), stopped(address));
        // SAFETY: none: the kernel must stop it.
        let read = || i32::from(unsafe { std::ptr::with_exposed_provenance::<u8>(address).read_volatile() });
        assert_eq!(Child::run(read).unwrap(), stopped(address));
    }
}

// soundness S16
#[test]
fn pages_of_a_claim_that_failed_halfway_lose_their_access_again() {
    let pages = Pages::system();
    let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
    let loader = arena.load("m").unwrap();
    pages.fail_call_halfway(PageCall::Commit, 0);
    assert!(loader.alloc_padded(&[1], 1, 100_000).is_err());
    let code = arena.address_range();
    assert_eq!((arena.stats().claimed, permissions(code.start + (16 << 10)).as_str()), (0, "---p"));
    loader.alloc_padded(&[1], 1, 100_000).unwrap();
    pages.fail_call_halfway(PageCall::Commit, 0);
    assert!(loader.alloc_padded(&[1], 1, 200_000).is_err());
    assert_eq!(permissions(code.start + arena.stats().claimed), "---p");
}

// Invariant 1.
#[test]
fn blocks_lie_on_code_pages_and_records_do_not() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let code = arena.address_range();
    let (mut blocks, mut records) = (BTreeSet::new(), BTreeSet::new());
    let page_of = |address: usize| address / page() * page();
    for number in 0..1000 {
        // The names of modules are records, and so is where an interned one is found.
        let name =
            format!("module {number}, whose name is long enough to fill pages of records when there are a thousand");
        let loader = arena.load(&name).unwrap();
        let name = loader.intern(&format!("name {number}")).unwrap();
        let node = loader.alloc(Node { number: 1, next: Link::unset() }).unwrap();
        assert!(code.contains(&name.as_ptr().addr()) && code.contains(&std::ptr::from_ref(node).addr()));
        blocks.extend([page_of(name.as_ptr().addr()), page_of(std::ptr::from_ref(node).addr())]);
        let module = loader.finish();
        assert!(!code.contains(&module.name().as_ptr().addr()) && !arena.contains(module.name()));
        records.insert(page_of(module.name().as_ptr().addr()));
        records.insert(page_of(module.name().as_ptr().addr() + module.name().len() - 1));
    }
    let _ = arena.seal().unwrap();
    // Records can be written, and none lies on a page of sealed code.
    assert!(records.len() > 1 && blocks.len() > 1 && records.is_disjoint(&blocks));
    assert!(records.iter().all(|&page| permissions(page) == "rw-p"));
    assert!(blocks.iter().all(|&page| permissions(page) == "r--p"));
}

#[test]
fn protection_holds_in_children_and_their_children() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[7u8; 100]).unwrap();
    loader.seal().unwrap();
    in_child(|| {
        assert_eq!(permissions(span(block).start), "r--p");
        assert_eq!(store(span(block).start), stopped(span(block).start));
        // What the child seals is sealed in its own children.
        let loader = arena.load("child's").unwrap();
        let own = loader.alloc_slice_copy(&[8u8; 100]).unwrap();
        loader.seal().unwrap();
        assert_eq!(store(span(own).start), stopped(span(own).start));
    });
    let loader = arena.load("parent's").unwrap();
    let later = loader.alloc_slice_copy(&[9u8; 100]).unwrap();
    assert_eq!(permissions(span(later).start), "rw-p", "a child's seal is the child's");
}

#[test]
fn sealing_one_arena_leaves_others_as_they_are() {
    let (one, two) = (CodeArena::new().unwrap(), CodeArena::new().unwrap());
    let (in_one, in_two) = (one.load("m").unwrap(), two.load("m").unwrap());
    let block_one = in_one.alloc_slice_copy(&[1u8; 100]).unwrap();
    let block_two = in_two.alloc_slice_copy(&[2u8; 100]).unwrap();
    let (module_one, module_two) = (in_one.finish(), in_two.finish());
    let _ = one.seal().unwrap();
    assert_eq!((module_one.protection(), module_two.protection()), (Protection::ReadOnly, Protection::TypeOnly));
    assert_eq!(permissions(span(block_one).start), "r--p");
    assert_eq!(permissions(span(block_two).start), "rw-p");
    let _ = two.seal().unwrap();
    let address = span(block_two).start;
    drop(one);
    assert_eq!(store(address), stopped(address), "dropping an arena does not unseal another");
}

#[test]
fn a_module_whose_last_page_an_open_loader_holds_says_so_until_that_is_closed() {
    let arena = CodeArena::new().unwrap();
    let first = arena.load("first").unwrap();
    let block = first.alloc_slice_copy(&[1u8; 5000]).unwrap();
    let first = first.finish();
    let second = arena.load("second").unwrap();
    let behind = second.alloc_slice_copy(&[2u8; 10]).unwrap();
    assert_eq!(span(behind).start, span(block).end, "the tail is continued");
    let sealed = arena.seal().unwrap();
    assert_eq!((sealed.pages, sealed.held), (1, 1));
    assert_eq!(first.protection(), Protection::TypeOnly);
    assert_eq!(permissions(span(block).start), "r--p");
    assert_eq!(permissions(span(block).end - 1), "rw-p");
    second.alloc_slice_copy(&[2u8; 10]).unwrap();
    let second = second.finish();
    assert_eq!(first.protection(), Protection::TypeOnly);
    let sealed = arena.seal().unwrap();
    assert_eq!((sealed.pages, sealed.held), (1, 0));
    assert_eq!((first.protection(), second.protection()), (Protection::ReadOnly, Protection::ReadOnly));
    assert_eq!(permissions(span(behind).start), "r--p");
}

#[test]
fn a_loader_that_seals_protects_the_modules_on_its_first_page_too() {
    let arena = CodeArena::new().unwrap();
    let first = arena.load("first").unwrap();
    let block = first.alloc_slice_copy(&[1u8; 100]).unwrap();
    let first = first.finish();
    let second = arena.load("second").unwrap();
    second.alloc_slice_copy(&[2u8; 100]).unwrap();
    let second = second.seal().unwrap();
    assert_eq!((first.protection(), second.protection()), (Protection::ReadOnly, Protection::ReadOnly));
    assert_eq!(store(span(block).start), stopped(span(block).start));
    let third = arena.load("third").unwrap();
    let next = third.alloc_slice_copy(&[3u8; 100]).unwrap();
    assert_eq!(span(next).start, end_of_page(span(block).start) + 1, "behind a seal nothing is packed");
    assert_eq!(permissions(span(next).start), "rw-p");
}

#[test]
fn a_module_without_bytes_has_nothing_left_to_protect() {
    let arena = CodeArena::new().unwrap();
    let empty = arena.load("empty").unwrap().finish();
    assert_eq!((empty.bytes(), empty.protection()), (0, Protection::ReadOnly));
    assert_eq!(arena.load("empty").unwrap().seal().unwrap().protection(), Protection::ReadOnly);
    assert_eq!((arena.stats().claimed, arena.stats().seals), (0, 0));
}
