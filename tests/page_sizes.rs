//! A page source may have any page size that the arena accepts; what it cannot work with it refuses.

mod support;

use permacode::error::{PageCall, PageError};
use permacode::pages::{PageSource, Step};
use permacode::testing::Pages;
use permacode::{CodeArena, Error, HeapArena, Link, Permanent};
use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Arc;
use support::{Blocks, PagesOf, accounted};

#[derive(Permanent)]
#[repr(align(64))]
struct Wide<'a> {
    number: usize,
    itself: Link<'a, Wide<'a>>,
}

/// Loads, names, links, seals and looks up.
fn works(page: usize) -> Result<(), Error> {
    let arena = CodeArena::builder().reservation(4 << 20).prefault(page).pages(Arc::new(PagesOf(page))).build()?;
    let mut blocks = Blocks::default();
    let mut others = Vec::new();
    for number in 0..40usize {
        let loader = arena.load("module")?;
        blocks.alloc(&loader, number * 70 + 1)?;
        others.push(support::span(loader.intern(&format!("name {number}"))?.as_bytes()));
        let wide = loader.alloc(Wide { number, itself: Link::unset() })?;
        loader.link(&wide.itself, wide)?;
        assert_eq!((std::ptr::from_ref(wide).addr() % 64, wide.number), (0, number));
        others.push(support::span(std::slice::from_ref(wide)));
        match number % 3 {
            0 => drop(loader.seal()?),
            1 => drop(loader),
            _ => assert!(arena.seal()?.pages < 5000),
        }
    }
    let _ = arena.seal()?;
    assert_eq!(arena.modules().count(), 40);
    blocks.check();
    assert!(blocks.iter().all(|block| arena.locate(block).is_some()));
    assert_eq!(arena.stats().claimed % page, 0);
    accounted(&arena.stats());
    Ok(())
}

// soundness S3, S4: huge pages among them.
#[test]
fn pages_of_any_size_work_or_are_refused() {
    for page in (0..=22).map(|bit| 1 << bit) {
        match works(page) {
            Ok(()) => assert!(page >= 8),
            Err(error) => {
                assert!(matches!(error, Error::Pages(PageError { call: PageCall::Reserve, .. })), "{page}: {error}")
            }
        }
    }
    for page in [4096, 16 << 10, 64 << 10] {
        assert_eq!(works(page), Ok(()), "pages of {page} bytes exist");
    }
}

/// Fills an arena of `code` bytes of which `limit` may be used, by blocks of one length, from a source that watches. How often it was
/// called, and what was claimed.
fn filled(page: usize, code: usize, limit: usize, len: usize) -> (usize, usize) {
    let pages = Pages::watching(Box::new(PagesOf(page)));
    let arena = CodeArena::builder().reservation(code).limit(limit).pages(pages.clone()).build().unwrap();
    let mut blocks = Blocks::default();
    let loader = arena.load("m").unwrap();
    while blocks.alloc(&loader, len).is_ok() {}
    loader.seal().unwrap();
    blocks.check_apart(&arena, &[]);
    let (stats, calls) = (arena.stats(), pages.calls());
    accounted(&stats);
    assert!(stats.claimed + len > limit.min(code) / page * page, "{stats:?}");
    drop(arena);
    assert_eq!((pages.violations(), pages.live()), (0, 0), "{page} {code} {limit}");
    (calls - stats.seals, stats.claimed)
}

// What is writable from the beginning is whole pages of those that there are, however few may be claimed.
#[test]
fn the_first_run_is_there_without_a_call_on_pages_of_any_size() {
    for page in (6..=16).map(|bit| 1 << bit) {
        for code in [1, page, 10_000, 16 << 10, (16 << 10) + 1, 100_000] {
            for limit in [0, 1, page, 10_000, 16 << 10, 50_000, usize::MAX] {
                let (calls, claimed) = filled(page, code.next_multiple_of(page), limit, 100);
                // Reserve, and commit what is first.
                assert_eq!(calls > 2, claimed > page.max(16 << 10), "{page} {code} {limit}: {calls}, {claimed}");
            }
        }
    }
}

/// Objects of all kinds, taken and given back in turns, on a source that watches.
fn heap_works(page: usize) -> Result<(), Error> {
    let pages = Pages::watching(Box::new(PagesOf(page)));
    let mut heap = HeapArena::builder().reservation(4 << 20).pages(pages.clone()).build()?;
    for round in 0..3 {
        let mut live = BTreeMap::new();
        for number in 0..3000usize {
            let size = [8, 24, 100, 700, 5000][number % 5] + if number % 500 == 0 { 100_000 } else { 0 };
            let layout = Layout::from_size_align(size, 8).unwrap();
            let Ok(object) = heap.alloc(layout) else { break };
            // SAFETY: an object of so many bytes, of this test's alone.
            unsafe { object.write_bytes(number as u8, size) };
            live.insert(object.addr().get(), (object, layout, number as u8));
            if number % 3 == 0 {
                let (_, (object, layout, _)) = live.pop_first().unwrap();
                // SAFETY: made with this layout, freed once.
                unsafe { heap.free(object, layout) };
            }
        }
        assert!(live.len() > 1000 && heap.stats().objects == live.len(), "{page}");
        heap.trim()?;
        let mut end = 0;
        for (&start, &(object, layout, byte)) in &live {
            assert!(start >= end && start % 8 == 0);
            end = start + layout.size();
            // SAFETY: a live object, all of which was written.
            assert!(unsafe { object.as_ptr().cast::<[u8; 8]>().read() } == [byte; 8]);
            // SAFETY: as above.
            assert!(unsafe { object.as_ptr().add(layout.size() - 8).cast::<[u8; 8]>().read() } == [byte; 8]);
        }
        if round == 1 {
            heap.reset()?;
            continue;
        }
        for (object, layout, _) in live.into_values() {
            // SAFETY: made with this layout, freed once.
            unsafe { heap.free(object, layout) };
        }
        assert_eq!(heap.stats().live, 0);
    }
    drop(heap);
    assert_eq!((pages.violations(), pages.live()), (0, 0), "{page}");
    Ok(())
}

// soundness S3, S4: the table and the magazines meet in the middle of a page of any size.
#[test]
fn a_heap_works_on_pages_of_any_size_or_refuses_them() {
    for page in (0..=20).map(|bit| 1 << bit) {
        match heap_works(page) {
            Ok(()) => assert!((64..=64 << 10).contains(&page)),
            Err(error) => {
                assert!(!(64..=64 << 10).contains(&page), "{page}: {error}");
                assert!(matches!(error, Error::Pages(PageError { call: PageCall::Reserve, .. })), "{page}: {error}");
            }
        }
    }
}

// soundness S3
#[test]
fn a_page_size_that_cannot_be_is_refused() {
    struct Strange(usize);
    // SAFETY: nothing is ever reserved.
    unsafe impl PageSource for Strange {
        fn page_size(&self) -> usize {
            self.0
        }
        fn protects(&self) -> bool {
            true
        }
        fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
            Err(PageError { call: PageCall::Reserve, bytes, code: 77 })
        }
        unsafe fn apply(&self, _: Step, _: NonNull<u8>, _: usize) -> Result<(), PageError> {
            unreachable!()
        }
        unsafe fn resident(&self, _: NonNull<u8>, _: usize) -> Result<usize, PageError> {
            unreachable!()
        }
        unsafe fn release(&self, _: NonNull<u8>, _: usize) -> Result<(), PageError> {
            unreachable!()
        }
    }
    let large = [usize::BITS - 1, usize::BITS - 2, usize::BITS / 2 + 8, 20, 17].map(|bit| 1 << bit);
    for size in [0, 3, 4095, 12288, usize::MAX, 1, 2].into_iter().chain(large) {
        for reservation in [None, Some(1), Some(1 << 30), Some(isize::MAX as usize)] {
            let builder = CodeArena::builder().pages(Arc::new(Strange(size)));
            let built = reservation.map_or(builder.clone(), |bytes| builder.reservation(bytes)).build();
            assert!(
                matches!(built, Err(Error::Pages(_) | Error::TooLarge { .. })),
                "{size} {reservation:?}: {built:?}"
            );
        }
    }
}
