//! Operation sequences on what functions hold, for property tests and for fuzzing. What must hold after each is in `ref_model.rs`, what the
//! code is like in `ref_plan.rs`.

use crate::Reserve;
use arbitrary::Arbitrary;

/// A sequence of operations on handles, slots, generators and proxies of code, permanent and transient.
///
/// ```
/// use permacode_model::{Fuse, RefCase, RefOp, Reserve};
///
/// let recipe = [0x51, 0x0b, 0x1c, 0, 0, 0, 0, 0, 0, 0];
/// let ops = vec![RefOp::Make(recipe, Fuse::Never), RefOp::Clone(0), RefOp::Promote(1, 0), RefOp::Drop(0), RefOp::Check];
/// RefCase { reserve: Reserve::Ordinary, limit: None, ops }.check(); // panics where something does not hold
/// ```
#[derive(Arbitrary, Clone, Debug)]
pub struct RefCase {
    /// Where pages come from.
    pub reserve: Reserve,
    /// Kilobytes of code pages that may be claimed, if there is a limit.
    pub limit: Option<u16>,
    /// What is done, in this order.
    pub ops: Vec<RefOp>,
}

/// One operation. Indices are taken modulo what there is; an operation on what there is none of does nothing.
///
/// ```
/// use permacode_model::{Fuse, RefCase, RefOp, Reserve};
///
/// let code = RefOp::Make([0x51, 0x0b, 0x1c, 0, 0, 0, 0, 0, 0, 0], Fuse::Never);
/// let ops = vec![code, RefOp::Slot(0), RefOp::Promote(0, 0), RefOp::Seal, RefOp::Drop(0), RefOp::Drop(0), RefOp::Check];
/// // The transient code goes with its last holder; the copy that was promoted stays as it was planned.
/// RefCase { reserve: Reserve::Ordinary, limit: None, ops }.check();
/// ```
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum RefOp {
    /// Makes transient code by a recipe, a block or a code object for each byte.
    Make([u8; 10], Fuse),
    /// Interns a name in the arena, so that transient code finds it there.
    Intern(u8),
    /// Clones a handle.
    Clone(u8),
    /// Drops a handle, a slot, a generator or a proxy.
    Drop(u8),
    /// Puts a handle into a new slot.
    Slot(u8),
    /// Takes a handle out of a slot.
    Get(u8),
    /// Puts a handle into a slot; what was there becomes a handle.
    Replace(u8, u8),
    /// The same, if the slot holds what another handle does.
    CompareExchange(u8, u8, u8),
    /// Makes a handle of a part.
    Project(u8, u8),
    /// Makes a generator: it holds its code, and so does its frame.
    Suspend(u8),
    /// Runs a generator on; every second time it ends, and drops its frame.
    Resume(u8, u8),
    /// Makes a proxy.
    Proxy(u8),
    /// Promotes a handle's code: to a module of its arena, every eighth time of another one.
    Promote(u8, u8),
    /// Puts permanent code into the slot that threads would share.
    Share(u8),
    /// Closes the module that code is promoted to.
    Finish,
    /// Seals it.
    Seal,
    /// Sweeps the heap of what no handle marks.
    Sweep,
    /// Makes a later page call fail.
    Fail(u8),
    /// Looks at everything.
    Check,
}

/// When a lowering function fails. Two bytes, `Copy`.
///
/// ```
/// use permacode_model::{Fuse, RefCase, RefOp, Reserve};
///
/// let recipe = [0x51, 0x0b, 0x1c, 0x2d, 0, 0, 0, 0, 0, 0];
/// let ops = vec![RefOp::Make(recipe, Fuse::Error(1)), RefOp::Make(recipe, Fuse::Error(2)), RefOp::Check];
/// RefCase { reserve: Reserve::Ordinary, limit: None, ops }.check(); // nothing is left of either
/// ```
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Fuse {
    /// It succeeds.
    Never,
    /// It succeeds, too: so that half of the random ones do.
    Not,
    /// With an error at this step.
    Error(u8),
    /// With a panic at this step.
    Panic(u8),
}
