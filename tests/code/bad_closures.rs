//! Iterators that lie, closures that fail, panic, or do everything else to the arena while a block is being filled.

use permacode::{CodeArena, Error, Loader};
use permacode_witness::code::{Blocks, accounted};
use permacode_witness::{VAST, span};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An iterator that says one thing and does another.
#[derive(Clone, Copy)]
struct Liar {
    says: usize,
    /// What `len` says when it is asked again.
    says_later: usize,
    yields: usize,
    panics_at: usize,
}

impl Liar {
    fn new(says: usize, yields: usize) -> Self {
        Self { says, says_later: says, yields, panics_at: usize::MAX }
    }
}

struct Lying<'c> {
    liar: Liar,
    yielded: usize,
    asked: Cell<bool>,
    dropped: &'c Cell<usize>,
}

impl Iterator for Lying<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        assert_ne!(self.yielded, self.liar.panics_at, "this iterator panics");
        self.yielded += 1;
        (self.yielded <= self.liar.yields).then_some(u64::MAX)
    }
}

impl ExactSizeIterator for Lying<'_> {
    fn len(&self) -> usize {
        if self.asked.replace(true) { self.liar.says_later } else { self.liar.says }
    }
}

impl Drop for Lying<'_> {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
    }
}

/// Fills a slice from a liar, between two blocks; everything but the slice's fate is checked.
fn lied_to(liar: Liar) -> Option<Result<usize, Error>> {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let loader = arena.load("m").unwrap();
    let dropped = Cell::new(0);
    let mut blocks = Blocks::default();
    blocks.alloc(&loader, 5).unwrap();
    let elements = Lying { liar, yielded: 0, asked: Cell::new(false), dropped: &dropped };
    let result = catch_unwind(AssertUnwindSafe(|| loader.alloc_slice_fill_iter(elements)));
    assert_eq!(dropped.get(), 1, "the iterator is dropped once");
    blocks.alloc(&loader, 5).unwrap();
    loader.finish();
    let filled = result.as_ref().ok().and_then(|result| result.ok()).map(span);
    blocks.check_apart(&arena, filled.as_slice());
    accounted(&arena.stats());
    assert_eq!(arena.stats().lost, 0, "nothing was allocated behind the slice");
    result.ok().map(|result| result.map(|slice| slice.iter().filter(|&&word| word == u64::MAX).count()))
}

// soundness S9
#[test]
fn an_iterator_that_keeps_its_word_fills_a_slice() {
    for len in [0, 1, 2, 100, 5000] {
        assert_eq!(lied_to(Liar::new(len, len)), Some(Ok(len)));
    }
}

// soundness S9
#[test]
fn an_iterator_that_yields_fewer_or_more_than_it_said_is_an_error() {
    for (promised, yields) in [(1, 0), (5, 0), (5, 4), (5000, 10)] {
        assert_eq!(lied_to(Liar::new(promised, yields)), Some(Err(Error::Length { promised, found: yields })));
    }
    for (promised, yields) in [(0, 1), (1, 2), (5, 100), (5000, usize::MAX)] {
        assert_eq!(lied_to(Liar::new(promised, yields)), Some(Err(Error::Length { promised, found: promised + 1 })));
    }
}

// soundness S3, S9
#[test]
fn an_iterator_that_says_an_absurd_length_is_an_error() {
    for says in [usize::MAX, usize::MAX / 8, usize::MAX / 8 + 1, isize::MAX as usize / 8 + 1] {
        assert_eq!(lied_to(Liar::new(says, 3)), Some(Err(Error::TooLarge { len: says, element: 8 })));
    }
    // A length that is no absurd one, of more than there is.
    let exhausted = lied_to(Liar::new(VAST / 8, 3));
    assert!(matches!(exhausted, Some(Err(Error::Exhausted { needed, .. })) if needed >= VAST), "{exhausted:?}");
}

// soundness S9
#[test]
fn an_iterator_that_changes_its_mind_is_believed_once() {
    for says_later in [0, 3, usize::MAX] {
        assert_eq!(lied_to(Liar { says_later, ..Liar::new(10, 10) }), Some(Ok(10)));
        assert_eq!(
            lied_to(Liar { says_later, ..Liar::new(10, 7) }),
            Some(Err(Error::Length { promised: 10, found: 7 }))
        );
    }
}

// soundness S8, S9: the call behind the last element counts as well.
#[test]
fn an_iterator_may_panic_at_any_element() {
    for len in [1, 2, 9, 600] {
        for panics_at in [0, 1, 2, len / 2, len - 1, len].into_iter().filter(|&at| at <= len) {
            assert_eq!(lied_to(Liar { panics_at, ..Liar::new(len, len) }), None, "{panics_at} of {len}");
        }
    }
}

/// How a closure ends before its slice is full.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Fails,
    Panics,
}

/// What a closure does at each element.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Nothing,
    Allocates,
    AllocatesUnaligned,
    FillsAndFails,
    Interns,
    AllocatesMuch,
}

#[derive(Debug, PartialEq)]
enum Failure {
    Own(usize),
    Arena(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Arena(error)
    }
}

struct Counted<'c>(&'c Cell<usize>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn act<'a>(does: Does, loader: &Loader<'a>, index: usize, blocks: &mut Blocks<'a>, names: &mut Vec<Range<usize>>) {
    match does {
        Does::Nothing => {}
        Does::Allocates => drop(blocks.alloc(loader, 8).unwrap()),
        Does::AllocatesUnaligned => drop(blocks.alloc(loader, 3).unwrap()),
        Does::FillsAndFails => {
            let failed =
                loader.alloc_slice_try_fill_with(3, |at| if at < 2 { Ok(u64::MAX) } else { Err(Failure::Own(7)) });
            assert_eq!(failed, Err(Failure::Own(7)));
        }
        Does::Interns => names.push(span(loader.intern(&format!("name {index}")).unwrap().as_bytes())),
        Does::AllocatesMuch => drop(blocks.alloc(loader, 20_000).unwrap()),
    }
}

// soundness S2, S7, S8
#[test]
fn a_closure_may_fail_or_panic_at_any_element_whatever_it_allocated() {
    let everything = [
        Does::Nothing,
        Does::Allocates,
        Does::AllocatesUnaligned,
        Does::FillsAndFails,
        Does::Interns,
        Does::AllocatesMuch,
    ];
    for (len, ending) in [(1, Ending::Fails), (2, Ending::Panics), (7, Ending::Fails), (7, Ending::Panics)] {
        for does in everything {
            for last in 0..len {
                ends_early(len, last, does, ending);
            }
        }
    }
}

fn ends_early(len: usize, last: usize, does: Does, ending: Ending) {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let loader = arena.load("m").unwrap();
    let (mut blocks, mut names, drops) = (Blocks::default(), Vec::new(), Cell::new(0));
    blocks.alloc(&loader, 3).unwrap();
    let counted = Counted(&drops);
    let calls = Cell::new(0);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let (loader, blocks, names, calls) = (&loader, &mut blocks, &mut names, &calls);
        loader.alloc_slice_try_fill_with(len, move |index| {
            let _captured = &counted;
            assert_eq!(index, calls.replace(index + 1), "one call for each element, in order");
            act(does, loader, index, blocks, names);
            match (index == last, ending) {
                (false, _) => Ok(u64::MAX),
                (true, Ending::Fails) => Err(Failure::Own(index)),
                (true, Ending::Panics) => panic!("this closure panics"),
            }
        })
    }));
    match ending {
        Ending::Fails => assert_eq!(result.ok(), Some(Err(Failure::Own(last)))),
        Ending::Panics => assert!(result.is_err()),
    }
    assert_eq!((calls.get(), drops.get()), (last + 1, 1), "{does:?} {ending:?}");
    // The arena goes on: here, and in the next module.
    blocks.alloc(&loader, 100).unwrap();
    let good = loader.alloc_slice_try_fill_with(3, |_| Ok::<_, Error>(5u64)).unwrap();
    names.push(span(good));
    loader.finish();
    blocks.alloc(&arena.load("next").unwrap(), 10).unwrap();
    blocks.check_apart(&arena, &names);
    let stats = arena.stats();
    accounted(&stats);
    assert_eq!(stats.used, blocks.bytes() + names.iter().map(|name| name.len()).sum::<usize>());
    match does {
        Does::Nothing => assert_eq!(stats.lost, 0),
        _ => assert!(stats.lost == 0 || stats.lost == len * 8, "{does:?}: {stats:?}"),
    }
}

// soundness S7
#[test]
fn a_closure_may_do_anything_else_to_the_arena_meanwhile() {
    let arena = CodeArena::builder().reservation(4 << 20).build().unwrap();
    let (one, two) = (arena.load("one").unwrap(), RefCell::new(Some(arena.load("two").unwrap())));
    let blocks = RefCell::new(Blocks::default());
    let mut names = 0;
    let filled = one.alloc_slice_try_fill_with(12, |index| {
        let mut blocks = blocks.borrow_mut();
        match index {
            0 => drop(blocks.alloc(&one, 100)?),
            1 => drop(blocks.alloc(two.borrow().as_ref().unwrap(), 5000)?),
            2 => drop(two.borrow_mut().take().unwrap().seal()?),
            3 => drop(arena.seal()?),
            4 => drop(blocks.alloc(&*arena.load("three")?, 300)?),
            5 => drop(arena.load("four")?.seal()?),
            6 => assert!(arena.locate(blocks.iter().next().unwrap()).is_none() && arena.modules().count() >= 3),
            7 => assert_eq!(one.alloc_slice_try_fill_with(3, |_| one.alloc(9u64))?, [&9; 3]),
            8 => names += arena.load("five")?.intern("name")?.len(),
            9 => names += one.intern("other")?.len(),
            10 => drop(blocks.alloc(&one, 100_000)?),
            _ => assert!(arena.stats().claimed > 100_000),
        }
        Ok::<_, Error>(index as u64)
    });
    assert_eq!(filled.unwrap(), (0..12).collect::<Vec<u64>>());
    one.seal().unwrap();
    let blocks = blocks.into_inner();
    blocks.check();
    let _ = arena.seal().unwrap();
    accounted(&arena.stats());
    assert_eq!(arena.stats().used, blocks.bytes() + names + (12 + 3) * 8 + 3 * size_of::<&u64>());
}

// soundness S7: a slice whose elements are themselves slices, ten levels deep, of which the innermost fails.
#[test]
fn a_failure_goes_up_through_nested_slices_and_leaves_zeros() {
    fn tree<'a>(loader: &Loader<'a>, depth: usize, fails: bool) -> Result<&'a [&'a [u64]], Failure> {
        loader.alloc_slice_try_fill_with(2, |side| {
            if depth > 0 {
                tree(loader, depth - 1, fails && side == 1)?;
            } else if fails && side == 1 {
                return Err(Failure::Own(depth));
            }
            Ok(loader.alloc_slice_copy(&[u64::MAX; 2])?)
        })
    }
    let arena = CodeArena::builder().reservation(4 << 20).build().unwrap();
    let loader = arena.load("m").unwrap();
    assert_eq!(tree(&loader, 6, true).map(|_| ()), Err(Failure::Own(0)));
    let after_failure = arena.load("measure").unwrap().finish();
    assert!(tree(&loader, 6, false).is_ok());
    let module = loader.seal().unwrap();
    accounted(&arena.stats());
    assert!(arena.stats().lost >= 16 && after_failure.bytes() == 0);
    assert_eq!(module.bytes(), arena.stats().used + arena.stats().gaps + arena.stats().lost);
}

// soundness S8: a panic that nobody catches finishes the module.
#[test]
fn a_loader_dropped_by_a_panic_leaves_a_finished_module() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let mut blocks = Blocks::default();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let loader = arena.load("abandoned").unwrap();
        blocks.alloc(&loader, 50).unwrap();
        let _ = loader
            .alloc_slice_try_fill_with::<u64, Error, _>(4, |at| if at < 3 { Ok(1) } else { panic!("at the last") });
    }));
    assert!(panicked.is_err());
    assert_eq!(
        arena.modules().map(|module| (module.name(), module.bytes() >= 50)).collect::<Vec<_>>(),
        [("abandoned", true)]
    );
    blocks.alloc(&arena.load("next").unwrap(), 50).unwrap();
    let _ = arena.seal().unwrap();
    blocks.check_apart(&arena, &[]);
    accounted(&arena.stats());
}
