//! One block seen through many views: a link is set through one of the lifetime that it was made with, and read through all (soundness S25).
//!
//! What must not compile is in `tests/one_lifetime` and `tests/ui/lifetimes`. Here is what compiles, and is right or refused.

use permacode::error::LinkError;
use permacode::handles::{AtomicCodeSlot, CodeProxy};
use permacode::{CodeArena, CodeRef, CodeSlot, Error, Link, Loader, Permanent, Transients};
use permacode_witness::handles::{Node, NodeRef, arena, heap};
use std::ptr;

const FOREIGN: Result<(), Error> = Err(Error::Link(LinkError::Foreign));
const FINISHED: Result<(), Error> = Err(Error::Link(LinkError::Finished));

fn leaf<'a>(loader: &Loader<'a>, name: &'a str) -> &'a Node<'a> {
    loader.alloc(Node::leaf(name)).unwrap()
}

fn linked<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.link.get().map(|to| to.name)
}

/// Each way from a block to a view of it.
fn views<'a>(node: &'a Node<'a>, arena: &'a CodeArena, transients: &'a Transients<'a>) -> Vec<NodeRef<'a>> {
    let handle = CodeRef::new(node);
    let slot = CodeSlot::new(CodeRef::from(node));
    let shown = CodeProxy::new(arena, handle.clone(), |node: &Node<'_>| node.name).unwrap();
    let installed = CodeSlot::new(handle.clone());
    drop(installed.install(&shown));
    vec![
        slot.get(),
        slot.replace(handle.clone()),
        installed.into_inner(),
        CodeRef::new(AtomicCodeSlot::new(node).get()),
        handle.project::<Node<'_>>(|node| Some(node)).unwrap().unwrap(),
        handle.patched::<Error, _>(transients, |_, node| Ok(node)).unwrap(),
        handle,
    ]
}

#[test]
fn a_link_is_set_through_any_view_of_its_own_lifetime_and_read_through_all() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let loader = arena.load("m").unwrap();
    let count = views(leaf(&loader, "first"), &arena, &transients).len();
    for way in 0..count {
        let node = leaf(&loader, "from");
        let handles = views(node, &arena, &transients);
        let view: &Node<'_> = handles[way].promote(&loader).unwrap();
        assert!(ptr::eq(view, node));
        assert_eq!(loader.link(&view.link, leaf(&loader, "to")), Ok(()));
        for handle in &handles {
            assert_eq!(linked(handle.get()), Some("to"));
        }
        assert_eq!(loader.link(&node.link, node), Err(Error::Link(LinkError::AlreadySet)));
    }
    loader.seal().unwrap();
}

// A view at a shorter lifetime type-checks with a loader of that lifetime: only that the block is not the loader's keeps it from being set.
#[test]
fn a_loader_of_a_shorter_life_sets_no_link_of_a_block_that_lives_longer() {
    let (long, heap) = (arena(), heap());
    let transients = Transients::new(&long, &heap);
    let loader = long.load("long").unwrap();
    let node = leaf(&loader, "from");
    let handles = views(node, &long, &transients);
    let refused = |refusal: Result<(), Error>| {
        for handle in &handles {
            let short = arena();
            let other = short.load("short").unwrap();
            let view: &Node<'_> = handle.get();
            assert_eq!(other.link(&view.link, leaf(&other, "gone")), refusal);
        }
    };
    refused(FOREIGN);
    assert_eq!(linked(node), None);
    loader.seal().unwrap();
    refused(FOREIGN);
    let again = long.load("another").unwrap();
    for handle in &handles {
        let view: &Node<'_> = handle.promote(&again).unwrap();
        assert_eq!(again.link(&view.link, leaf(&again, "too late")), FINISHED);
    }
    assert!(handles.iter().all(|handle| linked(handle.get()).is_none()));
}

#[test]
fn links_of_transient_code_are_set_by_the_function_that_makes_it_and_by_nobody_after() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
        let node = loader.alloc(Node::leaf(loader.alloc_str("from")?))?;
        let open = loader.alloc(Node::leaf("open"))?;
        // A handle within the function shows the block at the loader's own lifetime.
        let view = CodeRef::new(node).promote(loader)?;
        loader.link(&view.link, open)?;
        Ok::<_, Error>(node)
    })
    .unwrap();
    assert_eq!(linked(code.get()), Some("open"));

    let loader = arena.load("m").unwrap();
    {
        let frame = code.clone();
        let short = CodeArena::new().unwrap();
        let other = short.load("short").unwrap();
        let open: &Node<'_> = frame.get().link.get().unwrap();
        assert_eq!(other.link(&open.link, leaf(&other, "gone")), FOREIGN);
        let patched = code.patched(&transients, |inner, node| {
            let open = node.link.get().unwrap();
            assert_eq!(inner.link(&open.link, open), FOREIGN, "the original's region is another");
            Ok::<_, Error>(node)
        });
        assert_eq!(patched.unwrap().get().link.get().and_then(linked), None);
    }
    // The copy is the loader's own.
    let kept: &Node<'_> = code.promote(&loader).unwrap();
    let open = kept.link.get().unwrap();
    assert_eq!(loader.link(&open.link, kept), Ok(()));
    drop(code);
    assert_eq!(open.link.get().and_then(linked), Some("open"));
}

/// As clients have it: code of whatever type, at the lifetime that it is held for.
fn held<'a, T: Permanent>(loader: &Loader<'a>, code: T::At<'a>) -> CodeRef<'a, T::At<'a>> {
    CodeRef::new(loader.alloc(code).unwrap())
}

/// The same type once more: a handle of a view.
fn again<'a, T: Permanent<At<'a> = T>>(handle: &CodeRef<'a, T>) -> CodeRef<'a, T::At<'a>> {
    handle.permanent().map(CodeRef::from).unwrap()
}

#[test]
fn generic_code_makes_handles_of_code_of_any_type() {
    let arena = arena().leak();
    let loader = arena.load("m").unwrap();
    let handle = held::<Node<'_>>(&loader, Node::leaf("generic"));
    let view: &Link<'static, Node<'static>> = &handle.permanent().unwrap().link;
    assert_eq!(loader.link(view, leaf(&loader, "to")), Ok(()));
    assert_eq!(linked(again(&handle).get()), Some("to"));
    let pair: CodeRef<'static, (u32, &str)> = held::<(u32, &str)>(&loader, (1, "one"));
    assert_eq!(*again(&pair).get(), (1, "one"));
}
