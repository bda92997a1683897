//! A system that refuses, at every call in turn: a typed error, nothing lost, and the arena works on.
#![cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]

use permacode::code::Protection;
use permacode::error::PageCall;
use permacode::testing::Pages;
use permacode::{CodeArena, Error, Link, Loader, Module, OpenModule, Permanent};
use permacode_witness::code::{Blocks, accounted};
use permacode_witness::{Disturbed, Refusals, span};
use std::ops::Range;
use std::sync::Arc;

#[derive(Permanent)]
struct Node<'a> {
    number: u64,
    next: Link<'a, Node<'a>>,
}

struct Work<'a> {
    arena: &'a CodeArena,
    blocks: Blocks<'a>,
    others: Vec<Range<usize>>,
    nodes: Vec<&'a Node<'a>>,
    modules: Vec<Module<'a>>,
    met: Refusals,
}

impl<'a> Work<'a> {
    fn load(&mut self, name: &str) -> OpenModule<'a> {
        let arena = self.arena;
        self.met.until_it_works(|| arena.load(name))
    }

    fn block(&mut self, loader: &Loader<'a>, len: usize) {
        let Self { blocks, met, .. } = self;
        met.until_it_works(|| blocks.alloc(loader, len));
        self.check();
    }

    fn node(&mut self, loader: &Loader<'a>) {
        let number = self.nodes.len() as u64;
        let node = self.met.until_it_works(|| loader.alloc(Node { number, next: Link::unset() }));
        self.others.push(span(std::slice::from_ref(node)));
        self.nodes.push(node);
        if let Some(before) = number.checked_sub(1).map(|before| self.nodes[before as usize]) {
            let linked = loader.link(&node.next, before);
            assert_eq!(linked, Ok(()), "linking asks the system for nothing");
        }
    }

    fn name(&mut self, loader: &Loader<'a>, text: &str) {
        let name = self.met.until_it_works(|| loader.intern(text));
        assert!(std::ptr::eq(name, loader.intern(text).unwrap()), "what is there is found without the system");
        if !self.others.contains(&span(name.as_bytes())) {
            self.others.push(span(name.as_bytes()));
        }
    }

    fn slice(&mut self, loader: &Loader<'a>, len: usize) {
        let Self { met, others, .. } = self;
        let slice = met.until_it_works(|| {
            loader.alloc_slice_try_fill_with(len, |n| {
                let word = loader.alloc(n as u64)?;
                others.push(span(std::slice::from_ref(word)));
                Ok(word)
            })
        });
        assert!(slice.iter().copied().copied().eq(0..len as u64));
        self.others.push(span(slice));
    }

    fn seal(&mut self, loader: OpenModule<'a>) {
        match loader.seal() {
            Ok(module) => {
                assert_eq!(module.protection(), Protection::ReadOnly);
                self.modules.push(module);
            }
            Err(error) => {
                assert!(matches!(error, Error::Pages(_)));
                self.met.count();
                self.modules.push(self.arena.modules().last().unwrap());
            }
        }
        self.check();
    }

    /// What was there is there, whatever failed since.
    fn check(&self) {
        self.blocks.check();
        for (number, node) in self.nodes.iter().enumerate() {
            assert_eq!(node.number, number as u64);
            assert_eq!(node.next.get().map(|next| next.number), node.number.checked_sub(1));
        }
    }
}

/// Every public call that asks the system for something.
fn workload(pages: &Arc<Pages>) -> usize {
    let mut met = Refusals::up_to(100);
    let builder = CodeArena::builder().reservation(8 << 20).prefault(20_000).pages(pages.clone());
    let arena = met.until_it_works(|| builder.clone().build());
    let mut work = Work {
        arena: &arena,
        blocks: Blocks::default(),
        others: Vec::new(),
        nodes: Vec::new(),
        modules: Vec::new(),
        met,
    };
    let one = work.load("one");
    work.block(&one, 15_000);
    work.node(&one);
    let two = work.load("two");
    work.block(&two, 100);
    work.name(&one, "shared");
    work.name(&two, "shared");
    work.block(&one, 40_000);
    work.slice(&two, 3000);
    work.seal(one);
    work.name(&two, "late");
    work.block(&two, 300_000);
    work.modules.push(two.finish());
    let three = work.load("three");
    work.block(&three, 10);
    let met = &mut work.met;
    let _ = met.until_it_works(|| arena.seal());
    work.node(&three);
    work.block(&three, 2 << 20);
    drop(three);
    // Enough records for another piece of the ledger.
    for number in 0..2400 {
        let loader = work.load("small");
        if number % 100 == 0 {
            work.block(&loader, 60);
            work.name(&loader, &format!("name {number}"));
        }
        if number % 300 == 0 {
            work.seal(loader);
        }
    }
    let met = &mut work.met;
    let sealed = met.until_it_works(|| arena.seal());
    assert_eq!(sealed.held, 0);
    assert_eq!(arena.seal().map(|sealed| sealed.pages), Ok(0), "nothing is left to seal");
    work.check();
    work.blocks.check_apart(&arena, &work.others);
    assert!(arena.modules().all(|module| module.protection() == Protection::ReadOnly));
    assert_eq!((arena.modules().count(), arena.stats().unsealed), (2403, 0));
    accounted(&arena.stats());
    work.met.met()
}

// soundness S13, S16
#[test]
fn any_one_refusal_is_an_error_and_the_work_goes_on() {
    let pages = Pages::system();
    let calls = {
        assert_eq!(workload(&pages), 0);
        pages.calls()
    };
    assert!(calls > 20, "{calls} calls is no workload");
    let mut met = 0;
    for nth in 0..calls {
        let pages = Pages::system();
        pages.fail_nth(nth);
        met += workload(&pages);
        assert_eq!((pages.failures(), pages.violations(), pages.live()), (1, 0, 0), "call {nth}");
    }
    assert!(met >= calls * 9 / 10, "{met} of {calls} refusals were reported");
}

// soundness S16: every kind of call, and again while the first failure is being dealt with.
#[test]
fn a_second_refusal_soon_after_the_first_changes_nothing() {
    for call in [PageCall::Commit, PageCall::Seal, PageCall::Populate, PageCall::Reserve] {
        for nth in 0..6 {
            let pages = Pages::system();
            pages.fail_call(call, nth);
            workload(&pages);
            pages.fail_call_halfway(call, nth);
            workload(&pages);
            assert_eq!((pages.violations(), pages.live()), (0, 0), "{call:?} {nth}");
        }
    }
}

// soundness S13
#[test]
fn an_arena_that_could_not_be_made_leaves_nothing_behind() {
    for nth in 0..5 {
        let pages = Pages::system();
        pages.fail_nth(nth);
        let built = CodeArena::builder().reservation(1 << 20).prefault(1 << 16).pages(pages.clone()).build();
        assert_eq!(built.is_err(), nth < 4, "{built:?}");
        drop(built);
        assert_eq!((pages.violations(), pages.live()), (0, 0));
    }
    // The default reservation takes a part of what it gets.
    let pages = Pages::system();
    pages.fail_nth(0);
    let arena = CodeArena::builder().pages(pages.clone()).build().unwrap();
    assert_eq!((arena.stats().reserved, pages.live()), (128 << 20, 1));
}

// soundness S16: nothing but errors, from any state, and then everything works.
#[test]
fn while_the_system_refuses_everything_what_is_there_can_be_used() {
    let source = Disturbed::new();
    let arena = CodeArena::builder().reservation(4 << 20).pages(source.clone()).build().unwrap();
    let (open, mut blocks) = (arena.load("open").unwrap(), Blocks::default());
    blocks.alloc(&open, 1000).unwrap();
    let name = open.intern("name").unwrap();
    let finished = arena.load("finished").unwrap();
    blocks.alloc(&finished, 1000).unwrap();
    let finished = finished.finish();
    source.refuse(true);
    let claimed = arena.stats().claimed;
    for size in [1 << 14, 1 << 16, 1 << 20] {
        assert!(matches!(open.alloc_padded(&[], 1, size), Err(Error::Pages(_))));
        assert!(matches!(arena.load("new").unwrap().alloc_padded(&[], 1, size), Err(Error::Pages(_))));
    }
    assert!(arena.seal().is_err() && arena.seal().is_err());
    assert_eq!(finished.protection(), Protection::TypeOnly);
    blocks.alloc(&open, 1000).unwrap();
    assert!(std::ptr::eq(open.intern("name").unwrap(), name));
    assert!(open.intern("another").is_ok(), "there is room for it");
    assert!(open.seal().is_err());
    assert_eq!(arena.locate(name).map(|at| at.module.name()), Some("open"));
    assert!(arena.stats().claimed >= claimed, "a claim that cannot be given back is closed, not lost");
    source.refuse(false);
    let _ = arena.seal().unwrap();
    assert!(arena.modules().all(|module| module.protection() == Protection::ReadOnly));
    blocks.alloc(&arena.load("after").unwrap(), 100_000).unwrap();
    blocks.check();
    accounted(&arena.stats());
    drop(arena);
    assert_eq!((source.pages.violations(), source.pages.live()), (0, 0));
}

/// An arena with a failed seal in it, half-way through a module's pages.
fn half_sealed(by_arena: bool, nth: usize) {
    let pages = Pages::system();
    let arena = CodeArena::builder().reservation(8 << 20).pages(pages.clone()).build().unwrap();
    let mut blocks = Blocks::default();
    let (loader, other) = (arena.load("half").unwrap(), arena.load("other").unwrap());
    for _ in 0..4 {
        blocks.alloc(&loader, 20_001).unwrap();
        blocks.alloc(&other, 7001).unwrap();
    }
    let half: Vec<&[u8]> = blocks.iter().step_by(2).collect();
    pages.fail_call_halfway(PageCall::Seal, nth);
    let refused = if by_arena {
        loader.finish();
        arena.seal().map(|_| ())
    } else {
        loader.seal().map(|_| ())
    };
    assert!(matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Seal), "{refused:?}");
    let module = arena.modules().next().unwrap();
    assert_eq!((module.name(), module.protection()), ("half", Protection::TypeOnly));
    assert!(arena.stats().unsealed > 0);
    blocks.check();
    // Nobody gets those pages again: a store to the sealed half of them would kill this process.
    let claimed_by_half: Vec<Range<usize>> = half
        .iter()
        .map(|block| {
            (span(block).start & !(permacode_witness::page() - 1))
                ..span(block).end.next_multiple_of(permacode_witness::page())
        })
        .collect();
    for number in 0..200 {
        let loader = arena.load("later").unwrap();
        let block = blocks.alloc(&loader, 3000 + number).unwrap();
        assert!(claimed_by_half.iter().all(|pages| pages.end <= span(block).start || span(block).end <= pages.start));
        blocks.alloc(&other, 1000).unwrap();
        blocks.check();
    }
    let _ = arena.seal().unwrap();
    assert_eq!(module.protection(), Protection::ReadOnly);
    other.seal().unwrap();
    blocks.check_apart(&arena, &[]);
    accounted(&arena.stats());
    drop(arena);
    assert_eq!((pages.violations(), pages.live()), (0, 0));
}

// soundness S20
#[test]
fn a_seal_that_fails_halfway_leaves_a_finished_module_and_can_be_repeated() {
    for nth in 0..2 {
        half_sealed(false, nth);
        half_sealed(true, nth);
    }
}

// soundness S20: what one stretch is refused, the others get.
#[test]
fn a_refused_stretch_does_not_keep_the_others_from_being_sealed() {
    let pages = Pages::system();
    let arena = CodeArena::builder().reservation(8 << 20).pages(pages.clone()).build().unwrap();
    let loaders: Vec<OpenModule<'_>> = (0..6).map(|_| arena.load("m").unwrap()).collect();
    let mut blocks = Blocks::default();
    for loader in &loaders {
        blocks.alloc(loader, 16 << 10).unwrap();
    }
    let mut modules = Vec::new();
    let mut open = Vec::new();
    for (index, loader) in loaders.into_iter().enumerate() {
        if index % 2 == 0 { modules.push(loader.finish()) } else { open.push(loader) }
    }
    pages.fail_call(PageCall::Seal, 1);
    assert!(arena.seal().is_err());
    let hardening: Vec<_> = modules.iter().map(Module::protection).collect();
    assert_eq!(hardening, [Protection::ReadOnly, Protection::TypeOnly, Protection::ReadOnly]);
    assert_eq!(arena.seal().map(|sealed| sealed.pages), Ok((16 << 10) / permacode_witness::page()));
    assert!(modules.iter().all(|module| module.protection() == Protection::ReadOnly));
    drop(open);
    blocks.check();
}
