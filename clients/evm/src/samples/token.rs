//! A token with the interface of ERC-20, and a function that mints.
//!
//! Storage: a balance lies at the hash of the owner and 0. An allowance lies at the hash of the spender and a hash of the owner and 1. The supply
//! lies at 2.

use super::assembler::Assembler;
use revm::bytecode::opcode::*;
use revm::primitives::keccak256;

const SUPPLY: u64 = 2;

/// The first four bytes of the input of a call of a function.
pub(crate) fn selector(function: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = keccak256(function).0;
    [a, b, c, d]
}

/// From an owner to the place of the balance.
fn balance_slot(code: Assembler) -> Assembler {
    hashed(code.push(0).bytes(&[MSTORE]).push(0).push(32).bytes(&[MSTORE]))
}

/// From an owner, and a spender above it, to the place of the allowance.
fn allowance_slot(code: Assembler) -> Assembler {
    let code = code.bytes(&[SWAP1]).push(0).bytes(&[MSTORE]).push(1).push(32).bytes(&[MSTORE]);
    hashed(hashed(code).push(32).bytes(&[MSTORE]).push(0).bytes(&[MSTORE]))
}

/// Pushes the hash of the first two words of memory.
fn hashed(code: Assembler) -> Assembler {
    code.push(64).push(0).bytes(&[KECCAK256])
}

pub(crate) fn token() -> Vec<u8> {
    let functions = [
        ("totalSupply()", "supply"),
        ("balanceOf(address)", "balance"),
        ("transfer(address,uint256)", "transfer"),
        ("approve(address,uint256)", "approve"),
        ("allowance(address,address)", "allowance"),
        ("transferFrom(address,address,uint256)", "transfer_from"),
        ("mint(address,uint256)", "mint"),
    ];
    let mut code = Assembler::new().input(0).push(224).bytes(&[SHR]);
    for (function, label) in functions {
        code = code.bytes(&[DUP1]).push_bytes(&selector(function)).bytes(&[EQ]).jump_if(label);
    }
    code.label("fail")
        .push(0)
        .push(0)
        .bytes(&[REVERT])
        .label("supply")
        .push(SUPPLY)
        .bytes(&[SLOAD])
        .return_word()
        .label("balance")
        .input(4)
        .with(balance_slot)
        .bytes(&[SLOAD])
        .return_word()
        .label("allowance")
        .input(4)
        .input(36)
        .with(allowance_slot)
        .bytes(&[SLOAD])
        .return_word()
        .label("approve")
        .bytes(&[CALLER])
        .input(4)
        .with(allowance_slot)
        .input(36)
        .bytes(&[SWAP1, SSTORE])
        .push(1)
        .return_word()
        .label("mint")
        .input(36)
        .bytes(&[DUP1])
        .push(SUPPLY)
        .bytes(&[SLOAD, ADD])
        .push(SUPPLY)
        .bytes(&[SSTORE])
        .input(4)
        .with(balance_slot)
        .bytes(&[DUP1, SLOAD, DUP3, ADD, SWAP1, SSTORE])
        .push(1)
        .return_word()
        .label("transfer")
        .bytes(&[CALLER])
        .input(4)
        .input(36)
        .jump("move")
        .label("transfer_from")
        .input(4)
        .bytes(&[CALLER])
        .with(allowance_slot)
        .bytes(&[DUP1, SLOAD])
        .input(68)
        .bytes(&[DUP2, DUP2, GT])
        .jump_if("fail")
        .bytes(&[SWAP1, SUB, SWAP1, SSTORE])
        .input(4)
        .input(36)
        .input(68)
        // From, to, amount.
        .label("move")
        .bytes(&[DUP3])
        .with(balance_slot)
        .bytes(&[DUP1, SLOAD, DUP3, DUP2, LT])
        .jump_if("fail")
        .bytes(&[DUP3, SWAP1, SUB, SWAP1, SSTORE, DUP2])
        .with(balance_slot)
        .bytes(&[DUP1, SLOAD, DUP3, ADD, SWAP1, SSTORE])
        .push(0)
        .bytes(&[MSTORE, SWAP1])
        .push_bytes(&keccak256("Transfer(address,address,uint256)").0)
        .push(32)
        .push(0)
        .bytes(&[LOG3])
        .push(1)
        .return_word()
        .code()
}
