// soundness S11: a set link leaves its block neither by clone nor by copy.
use permacode::{CodeArena, Link, Permanent};

#[derive(Permanent)]
struct Node<'a> {
    next: Link<'a, Node<'a>>,
}

fn main() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let node = loader.alloc(Node { next: Link::unset() }).unwrap();
    drop(node.next.clone());
    loader.alloc_slice_copy(&[Node { next: Link::unset() }]).unwrap();
}
