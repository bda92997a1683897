//! Values of size zero touch nothing: no cursor, no page, no static that stands for 'empty'.

use permacode::{CodeArena, Error, Loader, Permanent};
use permacode_witness::code::Blocks;
use std::sync::Arc;

macro_rules! empty_types {
    ($($name:ident: $align:literal),*) => {$(
        #[derive(Permanent, Clone, Copy, Debug, PartialEq)]
        #[repr(align($align))]
        struct $name;
    )*};
}

empty_types!(A1: 1, A2: 2, A8: 8, A64: 64, A512: 512, A4096: 4096);

/// Returns `true` if a value without a size has no place in the arena. It may dangle at its alignment, and an arena may happen to lie there.
fn in_no_arena<T>(arena: &CodeArena, nothing: *const T, align: usize) -> bool {
    nothing.addr() == align || !arena.contains(nothing) && arena.locate(nothing).is_none()
}

/// Allocates one of everything that has no size; all of it is aligned, and in no arena.
fn allocate_nothing(arena: &CodeArena, loader: &Loader<'_>) {
    fn one<T: Permanent + Copy + PartialEq + std::fmt::Debug + 'static>(
        arena: &CodeArena,
        loader: &Loader<'_>,
        value: T,
    ) {
        let single = loader.alloc(value).unwrap();
        let copied = loader.alloc_slice_copy(&[value; 3]).unwrap();
        let array = loader.alloc([value; 5]).unwrap();
        let none = loader.alloc_slice_copy::<T>(&[]).unwrap();
        let collected = loader.alloc_slice_fill_iter([value; 7]).unwrap();
        let filled = loader.alloc_slice_try_fill_with(9, |_| Ok::<_, Error>(value)).unwrap();
        assert_eq!((single, copied, array, none.len()), (&value, &[value; 3][..], &[value; 5], 0));
        assert_eq!((collected, filled), (&[value; 7][..], &[value; 9][..]));
        assert_eq!(loader.alloc_slice_try_fill_with::<T, Error, _>(9, |_| Err(Error::Foreign)), Err(Error::Foreign));
        for block in [std::slice::from_ref(single), copied, array, none, collected, filled] {
            assert!(block.as_ptr().addr() != 0 && block.as_ptr().is_aligned());
            assert!(in_no_arena(arena, block.as_ptr(), align_of::<T>()));
        }
    }
    one(arena, loader, ());
    one(arena, loader, [0u64; 0]);
    one(arena, loader, A1);
    one(arena, loader, A2);
    one(arena, loader, A8);
    one(arena, loader, A64);
    one(arena, loader, A512);
    one(arena, loader, A4096);
    for text in [loader.alloc_str("").unwrap(), loader.intern("").unwrap()] {
        assert!(text.is_empty() && in_no_arena(arena, text.as_ptr(), 1));
    }
    for align in (0..usize::BITS).map(|bit| 1usize << bit) {
        let nothing = loader.alloc_padded(&[], align, 0).unwrap();
        assert!(
            nothing.is_empty() && nothing.as_ptr().addr() % align == 0 && in_no_arena(arena, nothing.as_ptr(), align)
        );
    }
}

// soundness S5, S6
#[test]
fn nothing_costs_nothing_before_and_after_a_seal() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let before = arena.stats();
    let loader = arena.load("empty").unwrap();
    allocate_nothing(&arena, &loader);
    assert_eq!(arena.stats(), before);
    let module = loader.seal().unwrap();
    assert_eq!((module.bytes(), arena.stats().claimed, arena.stats().system_calls), (0, 0, before.system_calls));
    let loader = arena.load("some").unwrap();
    let mut blocks = Blocks::default();
    blocks.alloc(&loader, 3).unwrap();
    let before = arena.stats();
    allocate_nothing(&arena, &loader);
    blocks.alloc(&loader, 3).unwrap();
    assert_eq!(arena.stats(), before);
    assert_eq!(loader.seal().unwrap().bytes(), 6, "nothing lies between the two");
    let loader = arena.load("behind a seal").unwrap();
    let before = arena.stats();
    allocate_nothing(&arena, &loader);
    assert_eq!(arena.stats(), before);
    drop(loader);
    blocks.check_apart(&arena, &[]);
}

// soundness S5
#[test]
fn nothing_can_be_allocated_where_nothing_is_left() {
    for builder in [CodeArena::builder().reservation(1 << 20).limit(0), CodeArena::builder().reservation(1)] {
        let arena = builder.build().unwrap();
        let loader = arena.load("m").unwrap();
        while loader.alloc_slice_copy(&[1u8; 64]).is_ok() {}
        allocate_nothing(&arena, &loader);
        assert!(loader.alloc(1u8).is_err());
    }
}

// soundness S5, S6: two threads on an empty arena is how a shared sentinel was written to.
#[test]
fn threads_allocate_nothing_at_once() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let before = arena.stats();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let loader = arena.load("m").unwrap();
                    allocate_nothing(&arena, &loader);
                    loader.seal().unwrap();
                }
            });
        }
    });
    assert_eq!((arena.stats().claimed, arena.stats().tails, arena.stats().system_calls), (0, 0, before.system_calls));
    assert_eq!(arena.modules().count(), 200);
}

// soundness S5, S9: an endless iterator of nothing ends at what it promised.
#[test]
fn slices_of_nothing_have_the_length_that_was_promised() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let loader = arena.load("m").unwrap();
    let slice = loader.alloc_slice_copy(&[(); usize::MAX]).unwrap();
    assert_eq!(slice.len(), usize::MAX);
    assert_eq!(loader.alloc_slice_fill_iter((0..1000u32).map(|_| ())).unwrap().len(), 1000);
    let mut calls = 0;
    let failed = loader.alloc_slice_try_fill_with(usize::MAX, |at| {
        calls += 1;
        if at < 100 { Ok(()) } else { Err(Error::Foreign) }
    });
    assert_eq!((failed, calls), (Err(Error::Foreign), 101));
    assert_eq!(arena.stats().claimed, 0);
}

// soundness S5
#[test]
fn an_undone_slice_of_nothing_moves_no_cursor() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let loader = arena.load("m").unwrap();
    let mut blocks = Blocks::default();
    for _ in 0..10 {
        blocks.alloc(&loader, 7).unwrap();
        assert!(loader.alloc_slice_try_fill_with::<A4096, Error, _>(3, |_| Err(Error::Foreign)).is_err());
        let nested = loader.alloc_slice_try_fill_with::<(), Error, _>(3, |at| {
            blocks.alloc(&loader, 9)?;
            if at < 2 { Ok(()) } else { Err(Error::Foreign) }
        });
        assert_eq!(nested, Err(Error::Foreign));
    }
    loader.seal().unwrap();
    blocks.check_apart(&arena, &[]);
    assert_eq!((arena.stats().lost, arena.stats().gaps), (0, 0));
}

#[test]
fn nothing_can_be_shared_and_belongs_to_nobody() {
    let arena = Arc::new(CodeArena::builder().reservation(1 << 20).build().unwrap());
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[1u8, 2, 3]).unwrap();
    drop(loader);
    for empty in [&[][..], &block[..0], &block[3..], &[9; 4][4..]] {
        let shared = arena.share(empty).unwrap();
        assert!(shared.is_empty() && !arena.contains(shared.as_ptr()));
    }
}
