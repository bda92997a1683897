//! Operation sequences on transient code whose handles a collector may sweep, for property tests and for fuzzing. What must hold after each
//! is in `sweep_model.rs`.

use crate::Reserve;
use arbitrary::Arbitrary;

/// A sequence of operations on handles of transient code: of two arenas, on two heaps, by four `Transients`.
///
/// ```
/// use permacode_model::{Reserve, SweepCase, SweepOp};
///
/// // Code, and a copy patched from it by transients of another arena; both handles are lost.
/// let made = [SweepOp::Make(0, 3, 2), SweepOp::Patch(0, 2, 5), SweepOp::Lose(0), SweepOp::Sweep(0, 0)];
/// let ops = made.into_iter().chain([SweepOp::Lose(0), SweepOp::Sweep(0, 0)]).collect();
/// SweepCase { reserve: Reserve::Ordinary, ops }.check(); // panics where something does not hold
/// ```
#[derive(Arbitrary, Clone, Debug)]
pub struct SweepCase {
    /// Where the pages of arenas and heaps come from.
    pub reserve: Reserve,
    /// What is done, in this order.
    pub ops: Vec<SweepOp>,
}

/// One operation. Indices are taken modulo what there is; an operation on what there is none of does nothing.
///
/// ```
/// use permacode_model::{Reserve, SweepCase, SweepOp};
///
/// // A part outlives the handle that it was found by, which is lost; and then its own, which is dropped.
/// let ops = vec![SweepOp::Make(0, 1, 3), SweepOp::Project(0, 1), SweepOp::Lose(0), SweepOp::Sweep(0, 0), SweepOp::Drop(0)];
/// SweepCase { reserve: Reserve::Ordinary, ops }.check();
/// ```
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum SweepOp {
    /// Makes code: by which transients, with so many sites and nested code objects.
    Make(u8, u8, u8),
    /// The same, by a lowering function that sweeps its heap, too.
    MakeSweeping(u8, u8, u8),
    /// The same, by a lowering function that first has the transients of its heap retire what is not marked.
    MakeRetiring(u8, u8, u8),
    /// Clones a handle.
    Clone(u8),
    /// Makes a handle of a nested code object, or of what was patched.
    Project(u8, u8),
    /// Makes code from a handle's: by which transients, with so many sites of its own.
    Patch(u8, u8, u8),
    /// The same, by a function that sweeps its heap, too.
    PatchSweeping(u8, u8, u8),
    /// Promotes a handle's code.
    Promote(u8),
    /// Drops a handle.
    Drop(u8),
    /// Forgets a handle, as if it had been in an object that a sweep frees.
    Lose(u8),
    /// Sets the marks of a handle, and leaves them for some later sweep to find.
    Mark(u8),
    /// Marks the place where a handle's code lies, as a conservative collector does, and leaves the mark.
    MarkPlace(u8),
    /// Takes the marks of a heap away.
    Unmark(u8),
    /// Marks every handle and sweeps a heap, of which no transients retire anything. Does nothing if code on it was lost.
    SweepAllMarked(u8),
    /// Sweeps a heap: its transients retire in the order that a number says. Every fourth time marks that were left count, too.
    Sweep(u8, u8),
    /// Clears the free numbers of transients.
    ClearFree(u8),
    /// Makes a later page call fail.
    Fail(u8),
}
