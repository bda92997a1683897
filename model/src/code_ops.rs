//! Operation sequences on a code arena, as data: for property tests and for fuzzing.
//!
//! A [`CodeCase`] is plain data (`Arbitrary`), so that proptest, libFuzzer or a file of bytes can make one. [`CodeCase::check`] runs it on
//! an arena and beside it on a list of what should be there (`code_model.rs`):
//!
//! * no two live blocks share a byte, each is aligned, in the arena, and keeps what was written (soundness S1);
//! * every byte of a claimed page that is no block's is zero (S2, invariant 7);
//! * the statistics add up to the claimed pages, to the byte, and growth is linear in what was asked for (S21);
//! * a failed call changes nothing that was there, and the next one may succeed (S16, S20);
//! * the page source saw no second owner, no write permission for a sealed page, and everything came back (S13, invariant 4).

use crate::Reserve;
use arbitrary::Arbitrary;

/// A sequence of operations on one arena. Plain data: an operation is eight bytes or less.
///
/// ```
/// use permacode_model::{Block, CodeCase, CodeOp, Reserve};
///
/// let ops = vec![CodeOp::Load, CodeOp::Alloc(0, Block::Words(3)), CodeOp::Seal(0), CodeOp::Check];
/// CodeCase { reserve: Reserve::Ordinary, megabytes: 0, limit: None, ops }.check(); // panics where something does not hold
/// ```
#[derive(Arbitrary, Clone, Debug)]
pub struct CodeCase {
    /// Where pages come from.
    pub reserve: Reserve,
    /// Megabytes of code to reserve, less one, modulo 8.
    pub megabytes: u8,
    /// Kilobytes that may be claimed, if there is a limit.
    pub limit: Option<u16>,
    /// What is done, in this order.
    pub ops: Vec<CodeOp>,
}

/// One operation. Indices are taken modulo what there is; an operation on what there is none of does nothing.
///
/// ```
/// use permacode_model::{Block, CodeCase, CodeOp, Reserve};
///
/// let refused = CodeOp::Fail { after: 0, halfway: true }; // the next seal, after half of its pages
/// let ops = vec![CodeOp::Load, CodeOp::Alloc(0, Block::Large(20_000)), refused, CodeOp::Seal(7), CodeOp::Seal(7), CodeOp::Check];
/// // The first `Seal` closes the only module, whatever its index, and is refused; the second finds no module open.
/// CodeCase { reserve: Reserve::System, megabytes: 0, limit: None, ops }.check();
/// ```
#[derive(Arbitrary, Clone, Debug)]
pub enum CodeOp {
    /// Opens a module.
    Load,
    /// Allocates in an open one.
    Alloc(u8, Block),
    /// Allocates a node that can be linked.
    Node(u8),
    /// Interns one of 256 names.
    Intern(u8, u8),
    /// Fills a slice with a closure that fails at an element, and may allocate before it does.
    FailingFill {
        /// Which open module.
        loader: u8,
        /// Elements.
        len: u8,
        /// The element that fails.
        at: u8,
        /// Whether the closure allocates too.
        nested: bool,
    },
    /// Links one node to another through an open module, rightly or wrongly.
    Link {
        /// Which open module.
        loader: u8,
        /// The node that holds the link.
        from: u8,
        /// Its target.
        to: u8,
    },
    /// Loads a module of machine code: so many bytes, each module sealed or not.
    Native {
        /// Bytes.
        len: u16,
        /// Whether its own loader seals it.
        sealed: bool,
    },
    /// Finishes a module.
    Finish(u8),
    /// Drops a loader.
    Drop(u8),
    /// Seals a module through its loader.
    Seal(u8),
    /// Seals a finished module by itself.
    SealModule(u8),
    /// Seals what is finished.
    SealArena,
    /// Makes a later page call fail, half-done or not.
    Fail {
        /// Calls that succeed before.
        after: u8,
        /// Whether half of the pages change.
        halfway: bool,
    },
    /// Looks everything up.
    Check,
}

/// What to allocate. Four bytes at most, `Copy`.
///
/// ```
/// use permacode_model::{Block, CodeCase, CodeOp, Reserve};
///
/// let blocks = [Block::Empty, Block::Bytes(3), Block::Words(2), Block::Huge(40), Block::Absurd];
/// let ops = std::iter::once(CodeOp::Load).chain(blocks.map(|block| CodeOp::Alloc(0, block))).collect();
/// // `Huge(40)`, 1.25 MiB, is above the limit of 64 KiB: refused, which the model allows then and only then.
/// CodeCase { reserve: Reserve::Ordinary, megabytes: 1, limit: Some(64), ops }.check();
/// ```
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Block {
    /// Bytes without alignment.
    Bytes(u8),
    /// Many bytes.
    Large(u16),
    /// More bytes than a run has: 32 of these are a megabyte.
    Huge(u8),
    /// Words.
    Words(u8),
    /// Bytes at an alignment of `1 << (align % 22)`, with zeros behind.
    Padded {
        /// Bytes.
        len: u8,
        /// Logarithm of the alignment.
        align: u8,
        /// Zeros.
        zeros: u8,
    },
    /// Nothing at all.
    Empty,
    /// A size no address space holds.
    Absurd,
}
