//! The same tree in gc-arena.

use crate::Phase;
use gc_arena::lock::RefLock;
use gc_arena::{Arena, Collect, Gc, Mutation, Rootable};
use std::hint::black_box;

#[derive(Collect)]
#[collect(no_drop)]
struct Node<'gc> {
    number: u64,
    left: Option<Gc<'gc, Node<'gc>>>,
    right: Option<Gc<'gc, Node<'gc>>>,
}

fn tree<'gc>(mutation: &Mutation<'gc>, depth: u32) -> Gc<'gc, Node<'gc>> {
    let (left, right) = match depth {
        0 => (None, None),
        _ => (Some(tree(mutation, depth - 1)), Some(tree(mutation, depth - 1))),
    };
    Gc::new(mutation, Node { number: u64::from(depth), left, right })
}

type Root<'gc> = Gc<'gc, RefLock<Option<Gc<'gc, Node<'gc>>>>>;

pub(crate) fn run(phase: Phase, depth: u32) -> usize {
    let mut arena = Arena::<Rootable![Root<'_>]>::new(|mutation| Gc::new(mutation, RefLock::new(None)));
    arena.mutate(|mutation, root| {
        let tree = tree(mutation, depth);
        black_box(tree.number);
        *root.borrow_mut(mutation) = Some(tree);
    });
    if phase == Phase::Sweep {
        arena.mutate(|mutation, root| *root.borrow_mut(mutation) = None);
    }
    if phase != Phase::Build {
        arena.collect_all();
    }
    let objects = arena.metrics().total_gc_allocation() / (size_of::<Node<'_>>() + 2 * size_of::<usize>()); // with their headers
    // Dropping it is not a part of what is counted.
    std::mem::forget(arena);
    objects
}
