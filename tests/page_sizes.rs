//! A page source may have any page size that the arena accepts; what it cannot work with it refuses.

mod support;

use permacode::pages::PageSource;
use permacode::{CodeArena, Error, Link, PageCall, PageError, Permanent};
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
        unsafe fn commit(&self, _: NonNull<u8>, _: usize) -> Result<(), PageError> {
            unreachable!()
        }
        unsafe fn populate(&self, _: NonNull<u8>, _: usize) -> Result<(), PageError> {
            unreachable!()
        }
        unsafe fn seal(&self, _: NonNull<u8>, _: usize) -> Result<(), PageError> {
            unreachable!()
        }
        unsafe fn decommit(&self, _: NonNull<u8>, _: usize) -> Result<(), PageError> {
            unreachable!()
        }
        unsafe fn discard(&self, _: NonNull<u8>, _: usize) -> Result<(), PageError> {
            unreachable!()
        }
        unsafe fn resident(&self, _: NonNull<u8>, _: usize) -> Result<usize, PageError> {
            unreachable!()
        }
        unsafe fn release(&self, _: NonNull<u8>, _: usize) -> Result<(), PageError> {
            unreachable!()
        }
    }
    for size in [0, 3, 4095, 12288, usize::MAX, 1 << 63, 1 << 62, 1 << 40, 1, 2, 1 << 20] {
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
