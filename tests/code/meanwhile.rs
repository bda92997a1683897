//! What another thread may do at the worst moment, done there by one thread: inside of a page call (soundness S23, invariant 5).
#![cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]

use permacode::code::Protection;
use permacode::error::PageCall;
use permacode::{CodeArena, Error};
use permacode_witness::code::{Blocks, accounted};
use permacode_witness::{Disturbed, page, span};
use std::sync::Arc;

/// How long a first run is. The arena's first is writable from the beginning, so that no call is made for what fits there.
const RUN: usize = 16 << 10;

fn arena(source: &Arc<Disturbed>) -> CodeArena {
    CodeArena::builder().reservation(4 << 20).pages(source.clone()).build().unwrap()
}

/// Everything is sealed, accounted for, and as it was filled; the source was not misused.
fn ends_well(source: &Disturbed, arena: &CodeArena, blocks: &Blocks<'_>) {
    assert_eq!(arena.seal().map(|sealed| sealed.held), Ok(0));
    assert!(arena.modules().all(|module| module.protection() == Protection::ReadOnly));
    blocks.check();
    accounted(&arena.stats());
    assert_eq!((arena.stats().unsealed, source.pages.violations()), (0, 0));
}

/// A module of one block, finished.
fn module<'a>(arena: &'a CodeArena, blocks: &mut Blocks<'a>, len: usize) {
    blocks.alloc(&arena.load("module").unwrap(), len).unwrap();
}

// soundness S16: pages that could not be committed and cannot be given back are nobody's; they never held anything, so they are not
// sealed either.
#[test]
fn a_claim_that_fails_while_others_claim_behind_it_is_closed() {
    for len in [RUN + 1, 3 * RUN] {
        let source = Disturbed::new();
        let arena = arena(&source);
        let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
        let mut blocks = Blocks::default();
        let meanwhile = || {
            blocks.alloc(&two, 100).unwrap();
            source.pages.fail_call(PageCall::Commit, 0);
        };
        let refused = Disturbed::during(PageCall::Commit, meanwhile, || one.alloc_padded(&[], 1, len));
        assert!(matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Commit));
        blocks.alloc(&one, len).unwrap();
        drop((one, two));
        assert_eq!(arena.stats().tails, arena.stats().claimed - arena.stats().used);
        ends_well(&source, &arena, &blocks);
    }
}

// soundness S16
#[test]
fn an_extension_that_fails_while_others_claim_behind_it_is_closed() {
    let source = Disturbed::new();
    let arena = arena(&source);
    let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
    let mut blocks = Blocks::default();
    blocks.alloc(&one, RUN).unwrap();
    let meanwhile = || {
        blocks.alloc(&two, 100).unwrap();
        source.pages.fail_calls_from(PageCall::Commit, 0);
    };
    let refused = Disturbed::during(PageCall::Commit, meanwhile, || one.alloc(1u8));
    assert!(refused.is_err());
    source.pages.relent();
    blocks.alloc(&one, 500).unwrap();
    drop((one, two));
    ends_well(&source, &arena, &blocks);
}

// soundness S16: what is claimed ahead is given back before the block's own pages are asked for again, unless others claimed behind it.
#[test]
fn a_claim_ahead_that_fails_while_others_claim_behind_it_keeps_what_its_block_needs() {
    let source = Disturbed::new();
    let arena = arena(&source);
    let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
    let mut blocks = Blocks::default();
    module(&arena, &mut blocks, RUN);
    let meanwhile = || {
        blocks.alloc(&two, RUN + 1).unwrap();
        source.pages.fail_call(PageCall::Commit, 0);
    };
    let block = Disturbed::during(PageCall::Commit, meanwhile, || one.alloc([7u8; 100])).unwrap();
    assert_eq!((*block, source.pages.failures()), ([7; 100], 1));
    // The rest of the refused run is nobody's.
    let claimed = RUN + (2 * RUN + 1).next_multiple_of(page());
    assert_eq!(arena.stats().claimed, claimed);
    drop((one, two));
    assert_eq!(arena.stats().tails, arena.stats().claimed - arena.stats().used);
    ends_well(&source, &arena, &blocks);
}

// soundness S16: the claim in front of another's is given back after that one's.
#[test]
fn claims_that_fail_inside_of_one_another_are_both_given_back() {
    let source = Disturbed::new();
    let arena = arena(&source);
    let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
    let meanwhile = || {
        source.pages.fail_calls_from(PageCall::Commit, 0);
        assert!(two.alloc(1u8).is_err());
    };
    assert!(Disturbed::during(PageCall::Commit, meanwhile, || one.alloc_padded(&[], 1, 2 * RUN)).is_err());
    source.pages.relent();
    // Two asked again for a page, one had asked for no more than it needs.
    assert_eq!((arena.stats().claimed, source.pages.failures()), (0, 3));
    let mut blocks = Blocks::default();
    blocks.alloc(&one, 3 * RUN).unwrap();
    blocks.alloc(&two, RUN).unwrap();
    drop((one, two));
    blocks.check_apart(&arena, &[]);
    ends_well(&source, &arena, &blocks);
}

#[test]
fn a_claim_made_while_another_is_given_back_lies_behind_it() {
    let source = Disturbed::new();
    let arena = arena(&source);
    let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
    let mut blocks = Blocks::default();
    source.pages.fail_call(PageCall::Commit, 0);
    let meanwhile = || assert!(blocks.alloc(&two, 5000).is_ok());
    assert!(Disturbed::during(PageCall::Decommit, meanwhile, || one.alloc_padded(&[], 1, 2 * RUN)).is_err());
    blocks.check();
    blocks.alloc(&one, 5000).unwrap();
    drop((one, two));
    ends_well(&source, &arena, &blocks);
}

#[test]
fn modules_loaded_while_the_arena_is_sealed_are_sealed_by_the_next_call() {
    let source = Disturbed::new();
    let arena = arena(&source);
    let mut blocks = Blocks::default();
    module(&arena, &mut blocks, 100);
    let open = arena.load("open").unwrap();
    let mut later = Vec::new();
    let meanwhile = || {
        blocks.alloc(&open, 70).unwrap();
        for len in [50, 5000, RUN, 3 * RUN, 1] {
            module(&arena, &mut blocks, len);
            later.push(arena.modules().last().unwrap());
        }
    };
    let sealed = Disturbed::during(PageCall::Seal, meanwhile, || arena.seal()).unwrap();
    assert_eq!(sealed.pages, 1, "what was finished before the call");
    for block in blocks.iter().skip(1) {
        assert!(
            span(block).start >= span(blocks.iter().next().unwrap()).start + page(),
            "nothing is packed on a page being sealed"
        );
    }
    assert!(later.iter().all(|module| module.protection() == Protection::TypeOnly));
    blocks.alloc(&open, 70).unwrap();
    drop(open);
    blocks.check_apart(&arena, &[]);
    ends_well(&source, &arena, &blocks);
}

#[test]
fn modules_loaded_while_another_is_sealed_do_not_lie_on_its_pages() {
    let source = Disturbed::new();
    let arena = arena(&source);
    let mut blocks = Blocks::default();
    module(&arena, &mut blocks, 100);
    let sealing = arena.load("sealing").unwrap();
    blocks.alloc(&sealing, 6000).unwrap();
    let meanwhile = || {
        module(&arena, &mut blocks, 100);
        module(&arena, &mut blocks, 30_000);
        assert_eq!(arena.seal().map(|sealed| sealed.held), Ok(0), "a second seal inside of the first");
    };
    let sealed = Disturbed::during(PageCall::Seal, meanwhile, || sealing.seal()).unwrap();
    assert_eq!(sealed.protection(), Protection::ReadOnly);
    module(&arena, &mut blocks, 100);
    blocks.check_apart(&arena, &[]);
    ends_well(&source, &arena, &blocks);
}

// One tail is parked; who comes second decides which.
#[test]
fn a_tail_parked_while_another_is_tried_is_not_lost_count_of() {
    for (len, fails) in [(10_000, false), (10_000, true), (3 * RUN, false), (3 * RUN, true)] {
        let source = Disturbed::new();
        let arena = arena(&source);
        let mut blocks = Blocks::default();
        let other = arena.load("other").unwrap();
        blocks.alloc(&other, 300).unwrap();
        module(&arena, &mut blocks, RUN - 100);
        let loader = arena.load("next").unwrap();
        let mut other = Some(other);
        let meanwhile = || {
            drop(other.take());
            if fails {
                source.pages.fail_calls_from(PageCall::Commit, 0);
            }
        };
        let block = Disturbed::during(PageCall::Commit, meanwhile, || blocks.alloc(&loader, len).map(|_| ()));
        assert_eq!(block.is_err(), fails);
        source.pages.relent();
        blocks.alloc(&loader, 40).unwrap();
        drop(loader);
        module(&arena, &mut blocks, 3000);
        blocks.check_apart(&arena, &[]);
        ends_well(&source, &arena, &blocks);
    }
}

// soundness S23
#[test]
fn a_name_interned_while_another_copy_is_made_is_the_only_one() {
    for fails in [false, true] {
        let source = Disturbed::new();
        let arena = arena(&source);
        let mut blocks = Blocks::default();
        module(&arena, &mut blocks, RUN);
        let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
        let mut first = "";
        let meanwhile = || {
            first = two.intern("name").unwrap();
            if fails {
                source.pages.fail_calls_from(PageCall::Commit, 0);
            }
        };
        let second = Disturbed::during(PageCall::Commit, meanwhile, || one.intern("name"));
        assert_eq!(second.is_err(), fails);
        source.pages.relent();
        let again = one.intern("name").unwrap();
        assert!(std::ptr::eq(again, first) && again == "name");
        drop((one, two));
        let names = [span(first.as_bytes())];
        assert_eq!(arena.stats().used, RUN + names[0].len(), "the second copy was undone");
        assert_eq!(arena.stats().lost, 0);
        ends_well(&source, &arena, &blocks);
    }
}

#[test]
fn an_empty_module_asks_for_no_seal() {
    let source = Disturbed::new();
    let arena = arena(&source);
    let mut blocks = Blocks::default();
    module(&arena, &mut blocks, 100);
    let loader = arena.load("nothing came of it").unwrap();
    assert!(loader.alloc_slice_try_fill_with::<u8, Error, _>(4, |_| Err(Error::Foreign)).is_err());
    let (seals, calls) = (arena.stats().seals, arena.stats().system_calls);
    loader.seal().unwrap();
    assert_eq!((arena.stats().seals - seals, arena.stats().system_calls - calls), (0, 0));
    ends_well(&source, &arena, &blocks);
}
