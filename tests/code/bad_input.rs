//! Sizes, alignments and settings that no sane caller passes: a typed error or a correct block, never a panic, never a wrap.

use permacode::error::{LinkError, PageCall, PageError};
use permacode::testing::Pages;
use permacode::{CodeArena, Error, Permanent};
use permacode_witness::code::{Blocks, accounted};
use permacode_witness::{VAST, span};

fn small() -> CodeArena {
    CodeArena::builder().reservation(1 << 20).build().unwrap()
}

/// Every size near which something can go wrong.
fn extremes() -> Vec<usize> {
    let mut all: Vec<usize> = (0..usize::BITS).map(|bit| 1 << bit).collect();
    all.extend([usize::MAX, usize::MAX / 2, usize::MAX / 3]);
    let mut all: Vec<usize> =
        all.iter().flat_map(|&at| (0..20).flat_map(move |by| [at.wrapping_sub(by), at.wrapping_add(by)])).collect();
    all.sort_unstable();
    all.dedup();
    all
}

// soundness S3
#[test]
fn padding_of_any_size_at_any_alignment_is_an_error_or_a_block() {
    let arena = small();
    let loader = arena.load("m").unwrap();
    let mut blocks = Blocks::default();
    let mut padded = Vec::new();
    for align in extremes() {
        for zeros in [0, 1, 100, 4096, usize::MAX / 2, usize::MAX - align, usize::MAX - 10, usize::MAX] {
            match loader.alloc_padded(&[], align, zeros) {
                Ok(block) => {
                    assert!(align.is_power_of_two());
                    assert_eq!((block.len(), block.as_ptr().addr() % align), (zeros, 0));
                    assert!(block.iter().all(|&byte| byte == 0));
                    padded.push(span(block));
                }
                Err(Error::Alignment { align: found }) => assert!(found == align && !align.is_power_of_two()),
                Err(Error::TooLarge { len, element }) => {
                    assert!(element == 1 && len.saturating_add(align) > 1 << (usize::BITS - 2))
                }
                Err(Error::Exhausted { needed, left }) => assert!(needed > left && left <= 1 << 20),
                Err(other) => panic!("{align} {zeros}: {other}"),
            }
        }
        if blocks.len() < 200 {
            blocks.alloc(&loader, 7).unwrap();
        }
    }
    loader.finish();
    blocks.check_apart(&arena, &padded);
    accounted(&arena.stats());
}

// soundness S3
#[test]
fn padding_of_every_extreme_size_is_an_error_or_a_block() {
    let arena = small();
    let mut blocks = Blocks::default();
    for zeros in extremes() {
        let loader = arena.load("m").unwrap();
        let before = blocks.alloc(&loader, 3);
        let block = loader.alloc_padded(&[9], 1, zeros);
        match (block, before) {
            (Ok(block), _) => {
                assert!(block.len() == zeros + 1 && block[0] == 9 && block[1..].iter().all(|&byte| byte == 0))
            }
            (Err(error), _) => assert!(matches!(error, Error::TooLarge { .. } | Error::Exhausted { .. }), "{error}"),
        }
    }
    blocks.check();
    assert!(blocks.len() > 100);
}

// soundness S3: the arena provider of cranelift-jit lets the next block overlap after this.
#[test]
fn the_block_behind_a_refused_one_overlaps_nothing() {
    let arena = small();
    let loader = arena.load("m").unwrap();
    let mut blocks = Blocks::default();
    for size in [usize::MAX - 10, usize::MAX - 16, usize::MAX / 2 - 10, VAST, (1 << 20) + 1] {
        blocks.alloc(&loader, 33).unwrap();
        assert!(loader.alloc_padded(&[], 16, size).is_err());
        assert!(loader.alloc_slice_fill_iter(Says::<u64>::new(size)).is_err());
        assert!(loader.alloc_slice_try_fill_with::<[u64; 9], Error, _>(size, |_| panic!("no element fits")).is_err());
    }
    loader.finish();
    blocks.check_apart(&arena, &[]);
}

/// An iterator that says it is so long, and yields nothing.
struct Says<T>(usize, std::marker::PhantomData<T>);

impl<T> Says<T> {
    fn new(len: usize) -> Self {
        Self(len, std::marker::PhantomData)
    }
}

impl<T> Iterator for Says<T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        None
    }
}

impl<T> ExactSizeIterator for Says<T> {
    fn len(&self) -> usize {
        self.0
    }
}

// soundness S4
#[test]
fn blocks_are_aligned_up_to_a_mebibyte_on_any_pages_and_never_less() {
    let unaligned = Pages::unaligned(Box::new(permacode::pages::OrdinaryPages));
    let sources = [CodeArena::builder(), CodeArena::builder().pages(unaligned)];
    for builder in sources {
        let arena = builder.reservation(16 << 20).build().unwrap();
        let loader = arena.load("m").unwrap();
        let (mut blocks, mut aligned) = (Blocks::default(), Vec::new());
        for shift in (0..=20).chain((0..=20).rev()) {
            blocks.alloc(&loader, 3).unwrap();
            let block = loader.alloc_padded(&[], 1 << shift, 5).unwrap();
            assert_eq!(block.as_ptr().addr() % (1 << shift), 0);
            aligned.push(span(block));
        }
        loader.finish();
        blocks.check_apart(&arena, &aligned);
        accounted(&arena.stats());
    }
}

// soundness S4
#[test]
fn alignments_up_to_a_gibibyte_work_or_are_refused() {
    // The default where address space is free; where it is memory, the default is less.
    let arena = CodeArena::builder().reservation(1 << 30).build().unwrap();
    let mut refused = 0;
    for shift in 0..=30 {
        let loader = arena.load("m").unwrap();
        match loader.alloc_padded(&[1, 2], 1 << shift, 3) {
            Ok(block) => assert!(block.as_ptr().addr() % (1 << shift) == 0 && block == [1, 2, 0, 0, 0]),
            Err(Error::Exhausted { needed, left }) => refused += usize::from(needed > left),
            Err(other) => panic!("alignment 1 << {shift}: {other}"),
        }
        loader.seal().unwrap();
    }
    assert!(refused < 8, "{refused} refused of a reservation of a gibibyte");
    accounted(&arena.stats());
}

#[derive(Permanent, Clone, Copy, Debug, PartialEq)]
#[repr(align(4096))]
struct Page(u8);

#[derive(Permanent, Clone, Copy, Debug, PartialEq)]
#[repr(align(65536))]
struct Sixteen(u8);

// soundness S4: types that ask for more than the system aligns to.
#[test]
fn values_and_slices_of_highly_aligned_types_are_aligned() {
    let arena = CodeArena::builder().reservation(32 << 20).build().unwrap();
    let loader = arena.load("m").unwrap();
    loader.alloc(1u8).unwrap();
    let page = loader.alloc(Page(1)).unwrap();
    let pages = loader.alloc_slice_fill_iter([Page(2), Page(3)]).unwrap();
    let sixteens = loader.alloc_slice_try_fill_with(2, |n| Ok::<_, Error>(Sixteen(n as u8))).unwrap();
    assert_eq!(std::ptr::from_ref(page).addr() % 4096, 0);
    assert_eq!(pages.as_ptr().addr() % 4096, 0);
    assert_eq!(sixteens.as_ptr().addr() % (1 << 16), 0);
    assert_eq!((page, pages, sixteens), (&Page(1), &[Page(2), Page(3)][..], &[Sixteen(0), Sixteen(1)][..]));
}

// soundness S3, S16
#[test]
fn an_exhausted_reservation_refuses_what_does_not_fit_and_takes_what_does() {
    let arena = CodeArena::builder().reservation(4096).build().unwrap();
    let size = arena.stats().reserved;
    let loader = arena.load("m").unwrap();
    let mut blocks = Blocks::default();
    blocks.alloc(&loader, size - 100).unwrap();
    assert_eq!(blocks.alloc(&loader, 101), Err(Error::Exhausted { needed: 101, left: 0 }));
    blocks.alloc(&loader, 60).unwrap();
    assert!(matches!(arena.load("other").unwrap().alloc(1u8), Err(Error::Exhausted { needed: 1, left: 0 })));
    blocks.alloc(&loader, 40).unwrap();
    assert!(blocks.alloc(&loader, 1).is_err());
    assert_eq!(loader.intern("new").map_err(|error| error.to_string().is_empty()), Err(false));
    assert_eq!(loader.seal().unwrap().bytes(), size);
    blocks.check_apart(&arena, &[]);
    accounted(&arena.stats());
}

// soundness S3
#[test]
fn a_limit_is_whole_pages_and_is_reached_to_the_byte() {
    let page = CodeArena::builder().reservation(1).build().unwrap().stats().reserved;
    for (limit, usable) in [
        (0, 0),
        (1, 0),
        (page - 1, 0),
        (page, page),
        (page + 1, page),
        (3 * page, 3 * page),
        (3 * page + page / 2, 3 * page),
    ] {
        let arena = CodeArena::builder().reservation(1 << 20).limit(limit).build().unwrap();
        let loader = arena.load("m").unwrap();
        let mut blocks = Blocks::default();
        assert!(matches!(blocks.alloc(&loader, usable + 1), Err(Error::Limit { limit: found, .. }) if found == limit));
        for _ in 0..usable / 64 {
            blocks.alloc(&loader, 64).unwrap();
        }
        let refused = blocks.alloc(&loader, 1);
        assert_eq!(refused, Err(Error::Limit { limit, needed: 1, left: 0 }));
        assert_eq!(loader.seal().unwrap().bytes(), usable);
        assert_eq!(arena.stats().claimed, usable);
        blocks.check_apart(&arena, &[]);
    }
    // A limit above the reservation is no limit.
    let arena = CodeArena::builder().reservation(page).limit(usize::MAX).build().unwrap();
    assert!(matches!(arena.load("m").unwrap().alloc_padded(&[], 1, page + 1), Err(Error::Exhausted { .. })));
}

// soundness S3
#[test]
fn a_reservation_of_any_size_is_made_or_refused() {
    for bytes in extremes() {
        match CodeArena::builder().reservation(bytes).build() {
            Ok(arena) => {
                let loader = arena.load("m").unwrap();
                assert_eq!(loader.alloc(7u8), Ok(&7), "{bytes}");
                assert!(arena.stats().reserved >= bytes && arena.stats().reserved - bytes <= 1 << 16);
                assert!(loader.seal().is_ok());
            }
            Err(Error::TooLarge { len, element }) => assert!(len == bytes && element == 1 && bytes > VAST),
            // Where a reservation is memory, the system may grant no more of it than the machine has.
            Err(Error::Pages(error)) => {
                let bits = if cfg!(permacode_ordinary_pages) { 30 } else { 36 };
                assert!(bytes > 1 << bits.min(usize::BITS - 4), "{bytes}: {error}")
            }
            Err(other) => panic!("{bytes}: {other}"),
        }
    }
    for bytes in [usize::MAX, isize::MAX as usize, isize::MAX as usize - 4095] {
        assert!(matches!(CodeArena::builder().reservation(bytes).build(), Err(Error::TooLarge { .. })), "{bytes}");
    }
}

// soundness S3
#[test]
fn a_prefault_of_any_size_is_done_or_refused() {
    let builder = || CodeArena::builder().reservation(1 << 20);
    for bytes in extremes() {
        match builder().prefault(bytes).build() {
            Ok(arena) => assert!(arena.stats().claimed >= bytes),
            Err(error) => assert!(
                matches!(error, Error::Exhausted { needed, .. } if needed == bytes && bytes > 1 << 20),
                "{error}"
            ),
        }
    }
    let refused = builder().limit(1 << 16).prefault((1 << 16) + 1).build().unwrap_err();
    assert_eq!(refused, Error::Limit { limit: 1 << 16, needed: (1 << 16) + 1, left: 1 << 16 });
    assert_eq!(builder().limit(1 << 16).prefault(1 << 16).build().unwrap().stats().claimed, 1 << 16);
}

#[test]
fn sites_are_dense_and_too_many_are_refused_without_losing_any() {
    let arena = small();
    let loader = arena.load("m").unwrap();
    assert!(loader.sites(0).unwrap().is_empty());
    for asked in [65_536, usize::MAX] {
        assert_eq!(loader.sites(asked), Err(Error::Sites { asked, left: 65_535 }));
    }
    // 65,537 times 65,535 is the last number.
    for block in 0..65_537 {
        let sites = loader.sites(65_535).unwrap();
        assert_eq!(sites.range(), block * 65_535..(block + 1) * 65_535);
        assert_eq!(sites.len(), 65_535);
    }
    assert_eq!(loader.sites(1), Err(Error::Sites { asked: 1, left: 0 }));
    assert_eq!(loader.sites(0).map(|sites| sites.range()), Ok(u32::MAX as usize..u32::MAX as usize));
    assert_eq!(arena.stats().sites, u32::MAX as usize);
    assert_eq!(small().load("m").unwrap().sites(1).unwrap().range(), 0..1, "numbers are each arena's own");
}

// soundness S24
#[test]
fn names_may_be_any_text() {
    let arena = CodeArena::builder().reservation(16 << 20).build().unwrap();
    let long = "🦀é\0".repeat(1 << 17);
    let texts = ["", "\0", "a\0b", "🦀", "e\u{301}", "é", " ", "\n", &long, &long[..long.len() - 1], "\u{10FFFF}"];
    for text in texts {
        let loader = arena.load(text).unwrap();
        let (copy, name) = (loader.alloc_str(text).unwrap(), loader.intern(text).unwrap());
        assert_eq!((copy, name), (text, text));
        assert!(std::ptr::eq(arena.load("again").unwrap().intern(text).unwrap(), name));
        assert_eq!(loader.finish().name(), text);
    }
    assert_eq!(
        arena.modules().filter(|module| module.name() != "again").map(|module| module.name()).collect::<Vec<_>>(),
        texts
    );
}

#[test]
fn errors_are_small_and_say_the_numbers() {
    fn copy<T: Copy + Send + Sync + 'static>(_: T) {}
    let pages = PageError { call: PageCall::Seal, bytes: 8192, code: 12 };
    let all = [
        (Error::TooLarge { len: 77, element: 88 }, vec!["77", "88"]),
        (Error::Alignment { align: 77 }, vec!["77"]),
        (Error::Exhausted { needed: 77, left: 88 }, vec!["77", "88"]),
        (Error::Limit { limit: 66, needed: 77, left: 88 }, vec!["66", "77", "88"]),
        (Error::Bookkeeping { capacity: 77 }, vec!["77", "`reservation`"]),
        (Error::Registry { capacity: 77 }, vec!["77", "`Registration`"]),
        (Error::FaultReport { capacity: 77 }, vec!["77", "drop one"]),
        (Error::SignalHandler { code: 77 }, vec!["77", "SIGSEGV"]),
        (Error::Pages(pages), vec!["8192", "read-only"]),
        (Error::Pages(PageError { code: 0, ..pages }), vec!["8192"]),
        (Error::Length { promised: 77, found: 3 }, vec!["77", "3"]),
        (Error::Length { promised: 77, found: 78 }, vec!["77", "more"]),
        (Error::Link(LinkError::Foreign), vec!["loader"]),
        (Error::Link(LinkError::Finished), vec!["finished"]),
        (Error::Link(LinkError::AlreadySet), vec!["already"]),
        (Error::Foreign, vec!["arena"]),
        (Error::Sites { asked: 77, left: 88 }, vec!["77", "88"]),
    ];
    for (error, words) in all {
        copy(error);
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(text.lines().count() == 1 && !text.ends_with('.'));
    }
    assert!(size_of::<Error>() <= 40);
    assert!(std::error::Error::source(&Error::Pages(pages)).is_some());
}
