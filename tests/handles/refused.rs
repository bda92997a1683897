//! Promotions that are refused, or find no room: they leave nothing behind, and the handle as it was.

use core::ptr;
use permacode::{CodeArena, CodeRef, Error, Sites, Transients};
use permacode_witness::handles::{Node, NodeRef, arena, heap};

// soundness S11: memory that a lowering function leaks is `'static`, and may refer to the region all the same.
#[test]
fn leaked_memory_that_refers_to_the_region_refuses_a_promotion() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let leaked: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
        let inner = loader.alloc(Node::leaf("inner"))?;
        Ok::<_, Error>(&*Box::leak(Box::new(Node { left: Some(inner), ..Node::leaf("leaked root") })))
    })
    .unwrap();
    let below: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
        let name = loader.intern("a name of the region")?;
        let leaked = Box::leak(Box::new(Node::leaf(name)));
        let further = Box::leak(Box::new(Node { right: Some(leaked), ..Node::leaf("further") }));
        loader.alloc(Node { right: Some(further), ..Node::leaf("root") })
    })
    .unwrap();
    let loader = arena.load("m").unwrap();
    for code in [&leaked, &below] {
        assert_eq!(code.promote(&loader).err(), Some(Error::RefersBack));
    }
    assert_eq!((leaked.get().left.unwrap().name, below.get().name), ("inner", "root"));
    assert_eq!(loader.finish().bytes(), 0);
}

// Numbers of a region are used again when it is gone, and must not stay in what outlives it.
#[test]
fn leaked_memory_with_site_numbers_of_the_region_refuses_a_promotion() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code: CodeRef<'_, (u64, &(Sites, u64))> = CodeRef::transient(&transients, |loader| {
        let leaked = Box::leak(Box::new((loader.sites(3)?, 5)));
        loader.alloc((1, &*leaked))
    })
    .unwrap();
    let loader = arena.load("m").unwrap();
    assert_eq!(code.promote(&loader).err(), Some(Error::RefersBack));
    assert_eq!(code.get().1.1, 5);
    drop(loader);
    assert_eq!(arena.stats().used, 0);
}

// soundness S11
#[test]
fn a_module_of_a_static_arena_that_refers_to_the_region_refuses_a_promotion() {
    let arena: &'static CodeArena = arena().leak();
    let heap = heap();
    let transients = Transients::new(arena, &heap);
    let code: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
        let inner = loader.alloc(Node::leaf("inner"))?;
        let module = arena.load("made meanwhile")?;
        let outer = module.alloc(Node::leaf("outer"))?;
        module.link(&outer.link, inner)?;
        Ok::<_, Error>(outer)
    })
    .unwrap();
    let loader = arena.load("m").unwrap();
    assert_eq!(code.promote(&loader).err(), Some(Error::RefersBack));
}

#[test]
fn another_arenas_loader_is_refused() {
    let (arena, heap, other) = (arena(), heap(), permacode_witness::handles::arena());
    let transients = Transients::new(&arena, &heap);
    let code: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(7)).unwrap();
    let (wrong, right) = (other.load("m").unwrap(), arena.load("m").unwrap());
    assert_eq!(code.promote(&wrong), Err(Error::OtherArena));
    assert_eq!(wrong.finish().bytes(), 0);
    let copy = code.promote(&right).unwrap();
    drop(code);
    assert_eq!(*copy, 7);
    let permanent = CodeRef::new(copy);
    let wrong = other.load("m").unwrap();
    assert!(ptr::eq(permanent.promote(&wrong).unwrap(), copy), "permanent code is itself");
}

// soundness S16
#[test]
fn a_promotion_that_finds_no_room_leaves_zeros_and_a_good_handle() {
    let arena = CodeArena::builder().reservation(1 << 20).limit(64 << 10).build().unwrap();
    let heap = heap();
    let transients = Transients::new(&arena, &heap);
    let code: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
        let mut last = None;
        for _ in 0..30 {
            last = Some(loader.alloc(Node {
                bytes: loader.alloc_slice_copy(&[4; 3000])?,
                left: last,
                ..Node::leaf("n")
            })?);
        }
        Ok::<_, Error>(last.unwrap())
    })
    .unwrap();
    let loader = arena.load("m").unwrap();
    for _ in 0..3 {
        assert!(matches!(code.promote(&loader), Err(Error::Limit { .. })));
    }
    let mut depth = 0;
    let mut next = Some(code.get());
    while let Some(node) = next {
        assert_eq!(node.bytes, [4; 3000]);
        (depth, next) = (depth + 1, node.left);
    }
    assert_eq!((depth, code.count()), (30, Some(1)));
    drop(loader);
    let stats = arena.stats();
    assert_eq!((stats.used, stats.claimed), (0, stats.gaps + stats.lost + stats.tails));
    // SAFETY: claimed pages are readable, and the pointer to the first of them may read all; nobody writes to them now.
    let bytes = unsafe { core::slice::from_raw_parts(arena.base().as_ptr(), stats.claimed) };
    assert!(bytes.iter().all(|&byte| byte == 0), "something was left");
}
