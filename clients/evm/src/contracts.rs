//! Many contracts as one value, which is the root of an image.

use super::contract::{Contract, PADDING};
use super::error::ContractError;
use permacode::{Loader, Mappable, Permanent};
use revm::bytecode::Bytecode;
use revm::bytecode::eip7702::EIP7702_MAGIC_BYTES;
use revm::primitives::Bytes;

/// Contracts in a code arena, sorted by name: the root of an image. Two words.
#[derive(Permanent, Mappable)]
#[mappable(check = "Contracts::verify")]
#[repr(C)]
pub struct Contracts<'a> {
    contracts: &'a [Contract<'a>],
}

impl<'a> Contracts<'a> {
    /// Analyses contracts by revm, and copies their code into the arena, with the zeros that revm wants behind it.
    ///
    /// # Errors
    ///
    /// [`ContractError::Empty`], [`ContractError::Delegation`] and [`ContractError::SameName`], before anything is placed.
    /// [`ContractError::Arena`] when the arena has no room.
    ///
    /// # Cost
    ///
    /// For each contract three allocations of the loader's, an analysis and a hash. One allocation more for the list.
    pub fn place(loader: &Loader<'a>, codes: &[(&str, &[u8])]) -> Result<&'a Self, ContractError> {
        let mut sorted = codes.to_vec();
        sorted.sort_unstable();
        for (number, (name, code)) in sorted.iter().enumerate() {
            let name = || (*name).to_owned();
            if code.is_empty() {
                return Err(ContractError::Empty { name: name() });
            }
            if code.starts_with(EIP7702_MAGIC_BYTES) {
                return Err(ContractError::Delegation { name: name() });
            }
            if number > 0 && sorted[number - 1].0 == sorted[number].0 {
                return Err(ContractError::SameName(name()));
            }
        }
        let contracts = loader.alloc_slice_try_fill_with(sorted.len(), |number| {
            let (name, code) = sorted[number];
            let analysed = Bytecode::new_legacy(Bytes::copy_from_slice(code));
            let jumps = analysed.legacy_jump_table().map_or(&[][..], |table| table.as_slice());
            Ok::<_, permacode::Error>(Contract {
                name: loader.alloc_str(name)?,
                padded: loader.alloc_padded(code, 1, PADDING)?,
                len: code.len(),
                jumps: loader.alloc_slice_copy(jumps)?,
                hash: analysed.hash_slow().into(),
            })
        })?;
        Ok(loader.alloc(Self { contracts })?)
    }

    /// Returns the contracts, sorted by name. Costs nothing.
    pub fn all(&self) -> &'a [Contract<'a>] {
        self.contracts
    }

    /// Returns the contract of this name. Costs a binary search.
    pub fn contract(&self, name: &str) -> Option<&'a Contract<'a>> {
        let number = self.contracts.binary_search_by_key(&name, |contract| contract.name).ok()?;
        self.contracts.get(number)
    }

    /// That they can be found by name.
    fn verify(&self) -> Result<(), &'static str> {
        match self.contracts.is_sorted_by(|one, two| one.name < two.name) {
            true => Ok(()),
            false => Err("contracts are not sorted by name, or two have the same name: write the image again"),
        }
    }
}
