//! Cases for proptest: many operations, of which any sub-sequence is a case too, which is what shrinking needs.

use crate::*;
use arbitrary::{Arbitrary, Unstructured};
use proptest::collection::vec;
use proptest::prelude::*;

/// Makes an operation of bytes.
fn op<T: for<'a> Arbitrary<'a>>(bytes: &[u8]) -> T {
    T::arbitrary(&mut Unstructured::new(bytes)).expect("an operation takes no more bytes than there are")
}

/// Makes cases of up to 200 operations on an arena of code.
pub fn code(reserve: Reserve) -> impl Strategy<Value = CodeCase> {
    let ops = vec(vec(any::<u8>(), 16).prop_map(|bytes| op(&bytes)), 0..200);
    let limit = prop_oneof![4 => Just(None), 1 => (0..4096u16).prop_map(Some)];
    (any::<u8>(), limit, ops).prop_map(move |(megabytes, limit, ops)| CodeCase { reserve, megabytes, limit, ops })
}

/// Makes cases of up to 120 operations on a heap.
pub fn heap(reserve: Reserve) -> impl Strategy<Value = HeapCase> {
    let ops = vec(vec(any::<u8>(), 12).prop_map(|bytes| op(&bytes)), 0..120);
    let limit = prop_oneof![3 => Just(None), 1 => (0..4096u16).prop_map(Some)];
    (any::<u8>(), limit, ops).prop_map(move |(megabytes, limit, ops)| HeapCase { reserve, megabytes, limit, ops })
}

/// Makes cases of up to 80 operations on handles.
pub fn handles(reserve: Reserve) -> impl Strategy<Value = RefCase> {
    let any_op = vec(any::<u8>(), 24).prop_map(|bytes| op(&bytes));
    let recipe = proptest::array::uniform10(any::<u8>());
    let made = recipe.prop_map(|recipe| RefOp::Make(recipe, Fuse::Never));
    let promoted = any::<u8>().prop_map(|at| RefOp::Promote(at, 0));
    let ops = vec(prop_oneof![1 => made, 1 => promoted, 10 => any_op], 0..80);
    let limit = prop_oneof![4 => Just(None), 1 => (0..600u16).prop_map(Some)];
    (limit, ops).prop_map(move |(limit, ops)| RefCase { reserve, limit, ops })
}

/// Makes cases of up to 100 operations on transient code under a sweep.
pub fn sweep(reserve: Reserve) -> impl Strategy<Value = SweepCase> {
    let any_op = vec(any::<u8>(), 8).prop_map(|bytes| op(&bytes));
    let made = any::<[u8; 3]>().prop_map(|[home, sites, nested]| SweepOp::Make(home, sites, nested));
    let patched = any::<[u8; 3]>().prop_map(|[at, home, sites]| SweepOp::Patch(at, home, sites));
    let swept = any::<[u8; 2]>().prop_map(|[heap, how]| SweepOp::Sweep(heap, how));
    let ops = vec(prop_oneof![1 => made, 1 => patched, 1 => swept, 5 => any_op], 0..100);
    ops.prop_map(move |ops| SweepCase { reserve, ops })
}

/// Makes cases of up to 120 operations on a graph of objects that a collector frees: with more edges than roots, so that there are long ways.
pub fn collect(reserve: Reserve) -> impl Strategy<Value = CollectCase> {
    let any_op = vec(any::<u8>(), 8).prop_map(|bytes| op(&bytes));
    let made = any::<bool>().prop_map(CollectOp::Make);
    let linked = any::<[u8; 3]>().prop_map(|[from, slot, to]| CollectOp::Link(from, slot, to));
    let pushed = any::<[u8; 2]>().prop_map(|[from, to]| CollectOp::Push(from, to));
    let collected = any::<[u8; 2]>().prop_map(|[how, when]| CollectOp::Collect(how, when));
    let ops = vec(prop_oneof![3 => made, 3 => linked, 2 => pushed, 1 => collected, 8 => any_op], 0..120);
    ops.prop_map(move |ops| CollectCase { reserve, ops })
}

/// Makes cases of up to 200 operations on a side table: mostly on few sites of few functions, so that what is found there was used before.
pub fn side(reserve: Reserve) -> impl Strategy<Value = SideCase> {
    let few = prop_oneof![4 => 0..5u8, 1 => any::<u8>()];
    // Four bytes choose the operation.
    let any_op = (vec(any::<u8>(), 4), vec(few, 6)).prop_map(|(which, what)| op(&[which, what].concat()));
    (any::<u16>(), vec(any_op, 0..200)).prop_map(move |(capacity, ops)| SideCase { reserve, capacity, ops })
}

/// Makes cases of up to four changes of an image, of its parts or of its bytes.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub fn image() -> impl Strategy<Value = ImageCase> {
    let change = vec(any::<u8>(), 16).prop_map(|bytes| op(&bytes));
    let part = vec(any::<u8>(), 16).prop_map(|bytes| op(&bytes));
    let knows = vec(any::<u8>(), 4).prop_map(|bytes| op(&bytes));
    (vec(part, 0..3), vec(change, 0..3), knows).prop_map(|(parts, changes, knows)| ImageCase { parts, changes, knows })
}
