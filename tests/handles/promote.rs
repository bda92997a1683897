//! Promotion: a deep copy that keeps what the code was, and copies no more than that.

use core::ptr;
use permacode::handles::CodeProxy;
use permacode::{CodeArena, CodeRef, Error, Loader, Permanent, Sites, Transients};
use permacode_witness::handles::{Node, NodeRef, arena, heap};

#[test]
fn what_was_shared_is_shared_and_cycles_are_cycles() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let ring: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
        let shared = loader.alloc(Node { bytes: loader.alloc_slice_copy(b"0123456789")?, ..Node::leaf("shared") })?;
        let part = loader.alloc(Node { bytes: &shared.bytes[3..5], left: Some(shared), ..Node::leaf("part") })?;
        let root = loader.alloc(Node { left: Some(shared), right: Some(part), ..Node::leaf("root") })?;
        loader.link(&shared.link, root)?;
        Ok::<_, Error>(root)
    })
    .unwrap();
    let loader = arena.load("m").unwrap();
    let root = ring.promote(&loader).unwrap();
    loader.seal().unwrap();
    drop(ring);
    assert_eq!((transients.stats().regions, heap.stats().live), (0, 0));
    let (shared, part) = (root.left.unwrap(), root.right.unwrap());
    assert!(ptr::eq(part.left.unwrap(), shared) && ptr::eq(shared.link.get().unwrap(), root));
    assert!(root.link.get().is_none() && part.link.get().is_none());
    assert_eq!((root.name, shared.name, part.name), ("root", "shared", "part"));
    assert_eq!((shared.bytes, part.bytes), (&b"0123456789"[..], &b"34"[..]));
    assert!(ptr::eq(&shared.bytes[3..5], part.bytes), "a part of a slice is a part of the copy");
    assert!(arena.contains(root) && arena.contains(shared.bytes));
    assert_eq!(arena.stats().used, 3 * size_of::<Node<'_>>() + 10);
}

#[test]
fn a_part_promotes_with_what_it_reaches_and_nothing_else() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let root: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
        let leaf = loader.alloc(Node { bytes: loader.alloc_slice_copy(&[7; 100])?, ..Node::leaf("leaf") })?;
        let inner = loader.alloc(Node { left: Some(leaf), ..Node::leaf("inner") })?;
        let big = loader.alloc_slice_copy(&[1; 50_000])?;
        loader.alloc(Node { left: Some(inner), bytes: big, ..Node::leaf("root") })
    })
    .unwrap();
    let inner = root.project::<Node<'_>>(|root| root.left).unwrap().unwrap();
    drop(root);
    let loader = arena.load("m").unwrap();
    let copy = inner.promote(&loader).unwrap();
    loader.finish();
    assert_eq!(arena.stats().used, 2 * size_of::<Node<'_>>() + 100);
    assert_eq!((copy.name, copy.left.unwrap().bytes), ("inner", &[7; 100][..]));
}

#[test]
fn a_chain_of_a_hundred_thousand_promotes_on_a_small_stack() {
    const LENGTH: usize = 100_000;
    let promote = || {
        let (arena, heap) = (arena(), heap());
        let transients = Transients::new(&arena, &heap);
        let chain: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
            let mut last = loader.alloc(Node::leaf("end"))?;
            for _ in 1..LENGTH {
                last = loader.alloc(Node { left: Some(last), ..Node::leaf("chain") })?;
            }
            Ok::<_, Error>(last)
        })
        .unwrap();
        let proxy = CodeProxy::new(&arena, chain.clone(), |node| node.name).unwrap();
        assert_eq!(proxy.size().unwrap(), LENGTH * size_of::<Node<'_>>());
        let loader = arena.load("m").unwrap();
        let mut next = Some(chain.promote(&loader).unwrap());
        assert_eq!(loader.finish().bytes(), LENGTH * size_of::<Node<'_>>());
        drop((chain, proxy));
        let mut length = 0;
        while let Some(node) = next {
            assert!(arena.contains(node));
            (length, next) = (length + 1, node.left);
        }
        assert_eq!((length, heap.stats().live), (LENGTH, 0));
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(promote).unwrap().join().unwrap();
}

// soundness S4: `inner` is as long as `wide` and begins where it does, but is aligned worse. A copy aligned for the first one found is not
// good.
#[test]
fn a_wrapper_keeps_its_alignment_when_its_contents_are_found_first() {
    #[derive(Permanent)]
    #[repr(C, align(64))]
    struct Wide([u8; 64]);
    #[derive(Permanent)]
    struct Code<'a> {
        inner: &'a [u8; 64],
        wide: &'a Wide,
        again: &'a [u8],
    }
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code: CodeRef<'_, Code<'_>> = CodeRef::transient(&transients, |loader| {
        let wide = loader.alloc(Wide([5; 64]))?;
        loader.alloc(Code { inner: &wide.0, wide, again: &wide.0 })
    })
    .unwrap();
    let loader = arena.load("m").unwrap();
    for _ in 0..20 {
        loader.alloc(1u8).unwrap(); // so that what is placed next is aligned by luck only rarely
        let copy = code.promote(&loader).unwrap();
        assert_eq!(ptr::from_ref(copy.wide).addr() % 64, 0);
        assert!(ptr::eq(copy.inner, &copy.wide.0) && ptr::eq(copy.again, &copy.wide.0));
        assert_eq!(copy.wide.0, [5; 64]);
    }
}

// soundness S4
#[test]
fn padded_blocks_keep_alignment_and_zeros_also_where_a_part_is_referred_to() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    for align in (0..17).map(|log| 1usize << log) {
        let code: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
            loader.alloc(1u8)?;
            let padded = loader.alloc_padded(&[9; 33], align, 31)?;
            let whole = loader.alloc(Node { bytes: padded, ..Node::leaf("whole") })?;
            loader.alloc(Node { bytes: &padded[30..33], left: Some(whole), ..Node::leaf("tail") })
        })
        .unwrap();
        let tail = CodeRef::transient(&transients, |loader| {
            let padded = loader.alloc_padded(&[8; 3], align, 5)?;
            loader.alloc(Node { bytes: &padded[1..2], ..Node::leaf("only a part") })
        });
        let tail: NodeRef<'_> = tail.unwrap();
        let loader = arena.load("m").unwrap();
        loader.alloc(1u8).unwrap();
        let (code, tail) = (code.promote(&loader).unwrap(), tail.promote(&loader).unwrap());
        drop(loader);
        let whole = code.left.unwrap().bytes;
        assert_eq!((whole.as_ptr().addr() % align, whole.len()), (0, 64));
        assert!(whole[..33] == [9; 33] && whole[33..] == [0; 31]);
        assert!(ptr::eq(code.bytes, &whole[30..33]));
        assert_eq!((tail.bytes, tail.bytes.as_ptr().addr() % align), (&[8][..], 1 % align));
        let behind = tail.bytes.as_ptr().addr() + 2 - arena.loaded_range().start;
        // SAFETY: the padded block is copied whole, so its second byte is followed by another and five zeros; the pointer to the first
        // byte of code may read them all.
        assert_eq!(unsafe { core::slice::from_raw_parts(arena.base().as_ptr().add(behind), 5) }, [0; 5]);
    }
}

// soundness S4
#[test]
fn alignment_survives_a_promotion_into_other_transient_code_too() {
    let arena: &'static CodeArena = arena().leak();
    let transients: &'static Transients<'static> = Box::leak(Box::new(Transients::new(arena, heap().leak())));
    let lower = |loader: &Loader<'_>| loader.alloc_padded(&[3; 10], 4096, 6).map(<[u8]>::len);
    let one: NodeRef<'static> = CodeRef::transient(transients, |loader| {
        assert_eq!(lower(loader), Ok(16));
        loader.alloc(Node { bytes: loader.alloc_padded(&[3; 10], 4096, 6)?, ..Node::leaf("one") })
    })
    .unwrap();
    let two: NodeRef<'static> = CodeRef::transient(transients, |loader| one.promote(loader)).unwrap();
    drop(one);
    let loader = arena.load("m").unwrap();
    loader.alloc(1u8).unwrap();
    let three = two.promote(&loader).unwrap();
    for bytes in [two.get().bytes, three.bytes] {
        assert_eq!((bytes.as_ptr().addr() % 4096, &bytes[..11]), (0, &[3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0][..]));
    }
    assert!(!arena.contains(two.get()) && arena.contains(three.bytes));
}

#[test]
fn what_is_static_is_not_copied() {
    #[derive(Permanent)]
    struct Plain<'a> {
        bytes: &'a [u8],
        next: Option<&'a Plain<'a>>,
    }
    static BYTES: [u8; 4] = *b"here";
    static FIXED: Plain<'static> = Plain { bytes: &BYTES, next: Some(&Plain { bytes: &[], next: None }) };
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code: CodeRef<'_, Plain<'_>> =
        CodeRef::transient(&transients, |loader| loader.alloc(Plain { bytes: &BYTES, next: Some(&FIXED) })).unwrap();
    let root: CodeRef<'_, Plain<'_>> = CodeRef::transient(&transients, |_| Ok::<_, Error>(&FIXED)).unwrap();
    let loader = arena.load("m").unwrap();
    let copy = code.promote(&loader).unwrap();
    assert!(ptr::eq(copy.next.unwrap(), &FIXED) && ptr::eq(copy.bytes, &BYTES));
    assert!(ptr::eq(root.promote(&loader).unwrap(), &FIXED));
    assert_eq!(loader.finish().bytes(), size_of::<Plain<'_>>());
}

#[test]
fn names_become_the_arenas_and_text_stays_text() {
    #[derive(Permanent)]
    struct Names<'a> {
        known: &'a str,
        new: &'a str,
        again: &'a str,
        prefix: &'a str,
        bytes: &'a [u8],
        text: &'a str,
        empty: &'a str,
    }
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let loader = arena.load("m").unwrap();
    let known = loader.intern("known").unwrap();
    let code: CodeRef<'_, Names<'_>> = CodeRef::transient(&transients, |loader| {
        let new = loader.intern("new name")?;
        let text = loader.alloc_str("new name")?;
        loader.alloc(Names {
            known: loader.intern("known")?,
            new,
            again: loader.intern("new name")?,
            prefix: &new[..3],
            bytes: new.as_bytes(),
            text,
            empty: loader.intern("")?,
        })
    })
    .unwrap();
    assert!(ptr::eq(code.get().known, known) && ptr::eq(code.get().new, code.get().again));
    let copy = code.promote(&loader).unwrap();
    assert!(ptr::eq(copy.known, known) && ptr::eq(copy.new, loader.intern("new name").unwrap()));
    assert!(ptr::eq(copy.new, copy.again) && !ptr::eq(copy.text, copy.new));
    assert_eq!((copy.prefix, copy.bytes, copy.text, copy.empty), ("new", &b"new name"[..], "new name", ""));
    let second = code.promote(&loader).unwrap();
    assert!(ptr::eq(second.new, copy.new) && !ptr::eq(second, copy));
    loader.finish();
    // A prefix and the bytes of a name are no names: they are copied together.
    assert_eq!(arena.stats().used, 5 + 8 + 2 * (size_of::<Names<'_>>() + 8 + 8));
}

#[test]
fn sites_of_a_promotion_are_new_and_those_of_the_region_are_used_again() {
    #[derive(Permanent)]
    struct Sited<'a> {
        own: Sites,
        inner: Option<&'a Sited<'a>>,
        others: [Sites; 2],
    }
    let (arena, heap, foreign) = (arena(), heap(), permacode_witness::handles::arena());
    let transients = Transients::new(&arena, &heap);
    let strange = foreign.load("m").unwrap().sites(3).unwrap();
    let loader = arena.load("m").unwrap();
    let permanent = loader.sites(40).unwrap();
    let make = || -> CodeRef<'_, Sited<'_>> {
        CodeRef::transient(&transients, |loader| {
            let shared = loader.sites(5)?;
            let inner = loader.alloc(Sited { own: shared, inner: None, others: [strange, permanent] })?;
            loader.alloc(Sited { own: loader.sites(2)?, inner: Some(inner), others: [shared, loader.sites(0)?] })
        })
        .unwrap()
    };
    let code = make();
    let before = code.get().own.range();
    let copy = code.promote(&loader).unwrap();
    let inner = copy.inner.unwrap();
    assert_eq!((copy.own.len(), inner.own, copy.others[0].len()), (2, copy.others[0], 5));
    assert_eq!(inner.others, [strange, permanent], "which are not the region's");
    let mut ranges =
        [before.clone(), code.get().others[0].range(), copy.own.range(), inner.own.range(), permanent.range()];
    ranges.sort_by_key(|range| range.start);
    assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{ranges:?}");
    drop(code);
    let given = arena.stats().sites;
    for _ in 0..1000 {
        assert_eq!(make().get().own.range(), before, "which nobody else has");
    }
    assert_eq!((arena.stats().sites, transients.stats().free_sites), (given, transients.stats().sites));
}

// soundness S17: numbers of another arena may be the same numbers.
#[test]
fn sites_of_another_arena_stay_what_they_are() {
    let (arena, heap, foreign) = (arena(), heap(), permacode_witness::handles::arena());
    let transients = Transients::new(&arena, &heap);
    let strange = foreign.load("m").unwrap().sites(3).unwrap();
    let code: CodeRef<'_, (Sites, Sites)> = CodeRef::transient(&transients, |loader| {
        let own = loader.sites(3)?;
        assert_eq!(own.range(), strange.range());
        loader.alloc((own, strange))
    })
    .unwrap();
    let copy = code.promote(&arena.load("m").unwrap()).unwrap();
    assert_eq!((copy.1, copy.0 == code.get().0), (strange, false));
}

#[test]
fn empty_slices_keep_their_alignment_and_no_memory() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code: CodeRef<'_, (&[u64], &[u8], u64)> = CodeRef::transient(&transients, |loader| {
        let words = loader.alloc_slice_copy(&[1u64, 2])?;
        let bytes = loader.alloc_slice_copy(&[1u8, 2, 3])?;
        loader.alloc((&words[1..1], &bytes[2..2], 5))
    })
    .unwrap();
    let loader = arena.load("m").unwrap();
    let copy = code.promote(&loader).unwrap();
    drop(code);
    assert_eq!((copy.0.len(), copy.1.len(), copy.2, copy.0.as_ptr().addr() % align_of::<u64>()), (0, 0, 5, 0));
    assert_eq!(loader.finish().bytes(), size_of::<(&[u64], &[u8], u64)>());
}

// A ring of as many blocks as fill dozens of pieces, linked from the last to the first, while others are made.
#[test]
fn links_are_set_in_every_piece_of_a_region_and_in_no_other_region() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let (count, one) = (10_000, [0; 100]);
    let ring: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
        let first = loader.alloc(Node::leaf("first"))?;
        let mut all = vec![first];
        for at in 1..count {
            all.push(loader.alloc(Node { bytes: loader.alloc_slice_copy(&one)?, ..Node::leaf("") })?);
            if at % 3 == 0 {
                loader.link(&all[at - at / 3].link, all[at - at / 3 - 1])?;
            }
        }
        let inside: Result<NodeRef<'_>, Error> = CodeRef::transient(&transients, |loader| {
            let node = loader.alloc(Node::leaf("inside"))?;
            loader.link(&node.link, node)?;
            loader.alloc(Node { left: Some(node), ..Node::leaf("root") })
        });
        assert_eq!(inside?.get().left.map(|node| node.name), Some("inside"));
        let elsewhere = Box::leak(Box::new(Node::leaf("elsewhere")));
        assert!(matches!(loader.link(&elsewhere.link, first), Err(Error::Link(_))));
        for at in (1..count).rev().filter(|&at| all[at].link.get().is_none()) {
            loader.link(&all[at].link, all[at - 1])?;
        }
        loader.link(&first.link, all[count - 1])?;
        Ok::<_, Error>(first)
    })
    .unwrap();
    let loader = arena.load("m").unwrap();
    for code in [ring.get(), ring.promote(&loader).unwrap()] {
        let (mut node, mut steps) = (code.link.get().unwrap(), 1);
        while !ptr::eq(node, code) {
            (node, steps) = (node.link.get().unwrap(), steps + 1);
        }
        assert_eq!(steps, count);
    }
}
