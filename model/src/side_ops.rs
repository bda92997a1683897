//! Operation sequences on a side table, for property tests and for fuzzing. What must hold after each is in `side_model.rs`.

use crate::Reserve;
use arbitrary::Arbitrary;

/// A sequence of operations on one table.
///
/// ```
/// use permacode_model::{At, Reserve, SideCase, SideOp};
///
/// let at = At { function: 0, site: 1 };
/// let ops = vec![SideOp::Load(3), SideOp::Set(at, 7, 8), SideOp::Get(at, 7), SideOp::Bump, SideOp::Get(at, 7)];
/// SideCase { reserve: Reserve::Ordinary, capacity: 100, ops }.check(); // panics where something does not hold
/// ```
#[derive(Arbitrary, Clone, Debug)]
pub struct SideCase {
    /// Where the table's pages come from.
    pub reserve: Reserve,
    /// Entries that the table may have, modulo 4,096.
    pub capacity: u16,
    /// What is done, in this order.
    pub ops: Vec<SideOp>,
}

/// An entry. Indices are taken modulo what there is. Two bytes, `Copy`.
///
/// ```
/// use permacode_model::{At, Reserve, SideCase, SideOp};
///
/// let (first, far) = (At { function: 0, site: 1 }, At { function: 2, site: 5 }); // of two functions with two sites: the same
/// let ops = vec![SideOp::Load(2), SideOp::Load(2), SideOp::Set(first, 7, 8), SideOp::Get(far, 7), SideOp::Walk];
/// SideCase { reserve: Reserve::Ordinary, capacity: 4, ops }.check();
/// ```
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct At {
    /// Of which function.
    pub function: u8,
    /// And which of its sites.
    pub site: u8,
}

/// One operation. One on what there is none of does nothing. Keys are taken modulo 8.
///
/// ```
/// use permacode_model::{At, Reserve, SideCase, SideOp};
///
/// let at = At { function: 0, site: 0 };
/// let ops = vec![SideOp::Eval(2), SideOp::Hit(at), SideOp::Hit(at), SideOp::Forget(0), SideOp::Eval(2), SideOp::Hit(at)];
/// // New code that gets the numbers of old code finds its counter at zero.
/// SideCase { reserve: Reserve::Ordinary, capacity: 100, ops }.check();
/// ```
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum SideOp {
    /// Loads a function with so many sites.
    Load(u8),
    /// Evaluates transient code with so many sites.
    Eval(u8),
    /// Makes a patched copy of transient code, which has its sites.
    Patch(u8),
    /// Lets transient code go.
    Forget(u8),
    /// Asks a cache for a key.
    Get(At, u8),
    /// Fills it.
    Set(At, u8, u16),
    /// Asks a polymorphic cache.
    GetOfMany(At, u8),
    /// Fills it.
    SetOfMany(At, u8, u16),
    /// Empties both.
    Clear(At),
    /// Begins the next version.
    Bump,
    /// Counts a call.
    Hit(At),
    /// Needs a constant, which is made of these bytes if it was not.
    Constant(At, u8),
    /// Forgets it.
    Take(At),
    /// Quickens an instruction; 0 restores it.
    Quicken(At, u8),
    /// Looks at every entry.
    Walk,
    /// Asks for entries of another arena's sites.
    Foreign(u8),
    /// Lets transient code go, and makes every entry zero.
    Reset,
    /// Makes a later page call fail.
    Fail(u8),
    /// A forked child does so many of the operations that follow up to the next reset, in the reverse order, before this process does them.
    /// Where nobody [forks](SideCase::check_forking) it does nothing.
    Fork(u8),
}
