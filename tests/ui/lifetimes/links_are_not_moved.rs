// soundness S11: a set link does not leave its block.
use permacode::{CodeArena, Link, Permanent};

#[derive(Permanent)]
struct Node<'a> {
    next: Link<'a, Node<'a>>,
}

fn main() {
    let arena = CodeArena::new().unwrap();
    let node = arena.load("m").unwrap().alloc(Node { next: Link::unset() }).unwrap();
    let moved = node.next;
    drop(moved);
}
