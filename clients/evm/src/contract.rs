//! A contract as it lies in an arena or an image: analysed, padded and hashed.
//!
//! ```text
//!   code  │ 60 01 … 7f 00 01 │ 00 × 33 │     the code and its padding, one block          jumps │ a bit for each byte of code │
//!           ◀──── len ──────▶
//! ```
//!
//! Invariants, of a contract that [`Contracts::place`](crate::Contracts::place) made and of one that
//! [`Image::check`](permacode::image::Image::check) proved:
//!
//! 1. Behind the code lie [`PADDING`] zeros or more, in the same block.
//! 2. The jump table and the hash are those that revm finds.

use super::error::ContractError;
use permacode::{CodeArena, Mappable, Permanent};
use revm::bytecode::{Bytecode, JumpTable};
use revm::primitives::alloy_primitives::bytes as owned;
use revm::primitives::{B256, Bytes, keccak256};
use std::sync::Arc;

/// The most that revm reads behind code: an instruction that pushes 32 bytes may be the last byte, and then there is one more instruction.
///
/// So with this many zeros no instruction leads out of the block, wherever it begins. That does not depend on the jump table.
pub(crate) const PADDING: usize = 33;

/// A contract, analysed.
#[derive(Permanent, Mappable)]
#[mappable(check = "Contract::verify")]
#[repr(C)]
pub struct Contract<'a> {
    pub(crate) name: &'a str,
    /// The code and its padding.
    pub(crate) padded: &'a [u8],
    pub(crate) len: usize,
    pub(crate) jumps: &'a [u8],
    pub(crate) hash: [u8; 32],
}

impl<'a> Contract<'a> {
    /// Returns its name. Costs nothing.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns its code, without what lies behind. Costs nothing.
    pub fn code(&self) -> &'a [u8] {
        self.padded.get(..self.len).unwrap_or(self.padded)
    }

    /// Returns a bit for each byte of the code, set where a jump may lead to. Costs nothing.
    pub fn jumps(&self) -> &'a [u8] {
        self.jumps
    }

    /// Returns the hash of its code, by which a state database names it. Costs nothing.
    pub fn hash(&self) -> B256 {
        self.hash.into()
    }

    /// Returns bytecode for revm of which the code stays where it is, kept by a share in the arena. The jump table is copied, because revm has
    /// no other place for it than a vector or `'static` memory.
    ///
    /// # Errors
    ///
    /// [`ContractError::Padding`] for an image of another program. [`ContractError::Arena`] if the contract is not this arena's.
    ///
    /// # Cost
    ///
    /// Three allocations: revm's own, the table (an eighth of the code), and the share. Each clone of the bytes counts in the `Arc`.
    pub fn shared_bytecode(&self, arena: &Arc<CodeArena>) -> Result<Bytecode, ContractError> {
        self.whole()?;
        let bytes = owned::Bytes::from_owner(arena.share(self.padded)?);
        // SAFETY: it is whole, and these are its own bytes.
        Ok(unsafe { self.analysed(bytes.into(), JumpTable::from_slice(self.jumps, self.len)) })
    }

    /// # Safety
    ///
    /// The contract is whole, and these are its bytes.
    unsafe fn analysed(&self, padded: Bytes, jumps: JumpTable) -> Bytecode {
        // SAFETY: no instruction that begins in the code is read beyond its block, and those behind it stop: see `PADDING`. A jump leads into the
        // code, whatever the table says.
        unsafe { Bytecode::new_analyzed(padded, self.len, jumps) }
    }

    /// Invariant 1, and that the jump table has as many bits as the code has bytes. Asked again before each use, since an image may be trusted
    /// that should not be.
    fn whole(&self) -> Result<(), ContractError> {
        let behind = self.padded.get(self.len..).unwrap_or_default();
        let is_padded = self.len > 0 && behind.len() >= PADDING && behind.iter().all(|byte| *byte == 0);
        match is_padded && self.jumps.len() >= self.len.div_ceil(8) {
            true => Ok(()),
            false => Err(ContractError::Padding { name: self.name.to_owned() }),
        }
    }

    /// The invariants, for [`Image::check`](permacode::image::Image::check). Analyses and hashes the code.
    fn verify(&self) -> Result<(), &'static str> {
        if self.whole().is_err() {
            return Err(
                "less than 33 zeros lie behind the code of a contract, or its jump table is too short: write the image again",
            );
        }
        let analysed = Bytecode::new_legacy(Bytes::copy_from_slice(self.code()));
        match analysed.legacy_jump_table() {
            Some(table) if table.as_slice() == self.jumps && table.len() == self.len => {}
            _ => return Err("the jump table of a contract is not that of its code: write the image again"),
        }
        if keccak256(self.code()) != self.hash() {
            return Err("the hash of a contract is not that of its code: write the image again");
        }
        Ok(())
    }
}

impl Contract<'static> {
    /// Returns bytecode for revm that refers to code and jump table where they lie. The arena was leaked, so that they stay for ever.
    ///
    /// # Errors
    ///
    /// [`ContractError::Padding`] for an image of another program.
    ///
    /// # Cost
    ///
    /// One allocation of revm's own, of some 136 bytes. Clones of the bytes count nothing.
    pub fn bytecode(&self) -> Result<Bytecode, ContractError> {
        self.whole()?;
        let jumps = JumpTable::from_static_slice(self.jumps, self.len);
        // SAFETY: it is whole, and these are its own bytes.
        Ok(unsafe { self.analysed(Bytes::from_static(self.padded), jumps) })
    }
}
