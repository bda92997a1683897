//! Operation sequences on a graph of objects that a collector frees, for property tests and for fuzzing. What must hold after each is in
//! `collect_model.rs`.

use crate::Reserve;
use arbitrary::Arbitrary;

/// A sequence of operations on objects of one heap: roots, edges, cycles, transient code, and objects that a side table leads to.
///
/// ```
/// use permacode_model::{CollectCase, CollectOp, Reserve};
///
/// // Two objects in a ring, of which one is a root, and one that is nobody's.
/// let make = [CollectOp::Make(true), CollectOp::Make(false), CollectOp::Make(false)];
/// let ops = make.into_iter().chain([CollectOp::Link(0, 1, 1), CollectOp::Link(1, 0, 0), CollectOp::Collect(0, 0)]).collect();
/// CollectCase { reserve: Reserve::Ordinary, ops }.check(&|_, body| body()); // panics where something does not hold
/// ```
#[derive(Arbitrary, Clone, Debug)]
pub struct CollectCase {
    /// Where the pages of arena and heap come from.
    pub reserve: Reserve,
    /// What is done, in this order.
    pub ops: Vec<CollectOp>,
}

/// One operation. Indices are taken modulo what there is; an operation on what there is none of does nothing.
///
/// ```
/// use permacode_model::{CollectCase, CollectOp, Reserve};
///
/// // Code whose only handle lies in an object that is freed, and an object that its entry in a side table leads to.
/// let ops = vec![CollectOp::Make(false), CollectOp::Code(0, 3), CollectOp::Constant(0, 2), CollectOp::Collect(0, 0)];
/// CollectCase { reserve: Reserve::Ordinary, ops }.check(&|_, body| body());
/// ```
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum CollectOp {
    /// Makes an object, and perhaps a root of it.
    Make(bool),
    /// Makes a root of an object.
    Root(u8),
    /// Takes a root away.
    Unroot(u8),
    /// Sets an edge: from an object, by one of its cells, to another.
    Link(u8, u8, u8),
    /// Takes an edge away.
    Unlink(u8, u8),
    /// Adds an edge to the vector of an object.
    Push(u8, u8),
    /// Empties the vector of an object, which keeps its buffer.
    Clear(u8),
    /// Gives an object a text of some length.
    Text(u8, u8),
    /// Gives an object transient code with so many sites.
    Code(u8, u8),
    /// Gives an object the code of another.
    Share(u8, u8),
    /// Takes its code from an object, whose handle is dropped.
    Uncode(u8),
    /// Lets the entry of an object's code lead to a chain of so many objects.
    Constant(u8, u8),
    /// Collects: in which way, and when what is to go wrong does.
    Collect(u8, u8),
    /// Makes a later page call fail.
    Fail(u8),
}
