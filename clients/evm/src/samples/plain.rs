//! Contracts of a few lines each.

use super::LARGEST;
use super::assembler::Assembler;
use revm::bytecode::opcode::*;

/// Bytes of a block of [`largest`].
const BLOCK: usize = 40;

/// The number of blocks that [`largest`] has room for.
pub(crate) const LARGEST_BLOCKS: u64 = ((LARGEST - PROLOGUE) / BLOCK) as u64;

/// Bytes before the first block.
const PROLOGUE: usize = 9;

/// Places in [`hidden`]: a jump destination, three bytes that look like one, and the end.
pub(crate) const HIDDEN_PLACES: [u64; 6] = [7, 4, 5, 6, 3, 1000];

/// Returns the sum of the numbers from 1 to the input.
pub(crate) fn sum() -> Vec<u8> {
    Assembler::new()
        .input(0)
        .push(0)
        .label("loop")
        .bytes(&[DUP2, ISZERO])
        .jump_if("end")
        .bytes(&[DUP2, ADD, SWAP1])
        .push(1)
        .bytes(&[SWAP1, SUB, SWAP1])
        .jump("loop")
        .label("end")
        .return_word()
        .code()
}

/// Counts its calls.
pub(crate) fn counter() -> Vec<u8> {
    let code = Assembler::new().push(0).bytes(&[SLOAD]).push(1).bytes(&[ADD, DUP1]).push(0).bytes(&[SSTORE]);
    code.return_word().code()
}

/// Hashes the second word of the input as often as the first one says.
pub(crate) fn hashes() -> Vec<u8> {
    Assembler::new()
        .input(32)
        .push(0)
        .bytes(&[MSTORE])
        .input(0)
        .label("loop")
        .bytes(&[DUP1, ISZERO])
        .jump_if("end")
        .push(32)
        .push(0)
        .bytes(&[KECCAK256])
        .push(0)
        .bytes(&[MSTORE])
        .push(1)
        .bytes(&[SWAP1, SUB])
        .jump("loop")
        .label("end")
        .push(32)
        .push(0)
        .bytes(&[RETURN])
        .code()
}

/// Returns what the last call returned, or reverts with it. Takes whether that went well.
fn pass_on(code: Assembler) -> Assembler {
    code.bytes(&[RETURNDATASIZE])
        .push(0)
        .push(0)
        .bytes(&[RETURNDATACOPY])
        .jump_if("good")
        .bytes(&[RETURNDATASIZE])
        .push(0)
        .bytes(&[REVERT])
        .label("good")
        .bytes(&[RETURNDATASIZE])
        .push(0)
        .bytes(&[RETURN])
}

/// Calls the address in the first word of the input with the rest of it.
pub(crate) fn caller() -> Vec<u8> {
    Assembler::new()
        .push(32)
        .bytes(&[CALLDATASIZE, SUB, DUP1])
        .push(32)
        .push(0)
        .bytes(&[CALLDATACOPY])
        .push(0)
        .push(0)
        .bytes(&[DUP3])
        .push(0)
        .push(0)
        .input(0)
        .bytes(&[GAS, CALL])
        .with(pass_on)
        .code()
}

/// Runs the code of the address in the input on its own storage.
pub(crate) fn delegate() -> Vec<u8> {
    let code = Assembler::new().push(0).push(0).push(0).push(0).input(0).bytes(&[GAS, DELEGATECALL]);
    code.with(pass_on).code()
}

/// Calls the address in the input, which may change nothing; returns whether that went well.
pub(crate) fn static_call() -> Vec<u8> {
    // Most of the gas stays here: a call that is refused takes all that it was given.
    let code = Assembler::new().push(0).push(0).push(0).push(0).input(0).push(10_000).bytes(&[STATICCALL]);
    code.return_word().code()
}

/// Adds one to even input, and reverts with odd input.
pub(crate) fn picky() -> Vec<u8> {
    Assembler::new()
        .input(0)
        .bytes(&[DUP1])
        .push(1)
        .bytes(&[AND])
        .jump_if("odd")
        .push(1)
        .bytes(&[ADD])
        .return_word()
        .label("odd")
        .push(0)
        .bytes(&[MSTORE])
        .push(32)
        .push(0)
        .bytes(&[REVERT])
        .code()
}

/// Makes a contract by a salt, calls it, and returns its address and what it returned.
pub(crate) fn factory() -> Vec<u8> {
    let child = Assembler::new().bytes(&[ADDRESS]).push(42).bytes(&[XOR]).return_word().code();
    let init = Assembler::new()
        .push(child.len() as u64)
        .bytes(&[DUP1])
        .push_label("child")
        .push(0)
        .bytes(&[CODECOPY])
        .push(0)
        .bytes(&[RETURN])
        .mark("child")
        .bytes(&child)
        .code();
    Assembler::new()
        .push(init.len() as u64)
        .push_label("init")
        .push(0)
        .bytes(&[CODECOPY])
        .input(0)
        .push(init.len() as u64)
        .push(0)
        .push(0)
        .bytes(&[CREATE2, DUP1, ISZERO])
        .jump_if("fail")
        .push(32)
        .push(32)
        .push(0)
        .push(0)
        .push(0)
        .bytes(&[DUP6, GAS, CALL, POP])
        .push(0)
        .bytes(&[MSTORE])
        .push(64)
        .push(0)
        .bytes(&[RETURN])
        .label("fail")
        .push(0)
        .push(0)
        .bytes(&[REVERT])
        .mark("init")
        .bytes(&init)
        .code()
}

/// Calls itself with the word on the stack, which becomes what that returned.
fn call_itself(code: Assembler) -> Assembler {
    let code = code.push(0).bytes(&[MSTORE]).push(32).push(0).push(32).push(0).push(0);
    code.bytes(&[ADDRESS, GAS, CALL, POP]).push(0).bytes(&[MLOAD])
}

/// Returns a Fibonacci number.
pub(crate) fn fibonacci() -> Vec<u8> {
    Assembler::new()
        .input(0)
        .push(2)
        .bytes(&[DUP2, LT])
        .jump_if("small")
        .push(1)
        .bytes(&[DUP2, SUB])
        .with(call_itself)
        .bytes(&[SWAP1])
        .push(2)
        .bytes(&[SWAP1, SUB])
        .with(call_itself)
        .bytes(&[ADD])
        .label("small")
        .return_word()
        .code()
}

/// Locks itself, calls itself, which fails, and returns whether that went well.
pub(crate) fn lock() -> Vec<u8> {
    Assembler::new()
        .push(0)
        .bytes(&[TLOAD])
        .jump_if("locked")
        .push(1)
        .push(0)
        .bytes(&[TSTORE])
        .push(0)
        .push(0)
        .push(0)
        .push(0)
        .push(0)
        .bytes(&[ADDRESS, GAS, CALL])
        .return_word()
        .label("locked")
        .push(0)
        .push(0)
        .bytes(&[REVERT])
        .code()
}

/// Returns its input, moved by five bytes over itself, and a byte of it once more.
pub(crate) fn shift() -> Vec<u8> {
    Assembler::new()
        .bytes(&[CALLDATASIZE])
        .push(0)
        .push(0)
        .bytes(&[CALLDATACOPY, CALLDATASIZE])
        .push(0)
        .push(5)
        .bytes(&[MCOPY])
        .input(0)
        .push(31)
        .bytes(&[BYTE])
        .push(2)
        .bytes(&[MSTORE8])
        .push(5)
        .bytes(&[CALLDATASIZE, ADD])
        .push(0)
        .bytes(&[RETURN])
        .code()
}

/// Jumps to the block of a number, which returns what it has. Behind the blocks it runs through the end.
pub(crate) fn largest() -> Vec<u8> {
    let mut code = Assembler::new().input(0).push(BLOCK as u64).bytes(&[MUL]).push(PROLOGUE as u64).bytes(&[ADD, JUMP]);
    assert_eq!(code.len(), PROLOGUE, "the first block lies elsewhere");
    for block in 0..LARGEST_BLOCKS {
        // Data that looks like jump destinations and pushes.
        let data: [u8; 32] = std::array::from_fn(|at| [JUMPDEST, PUSH32, block as u8, (block >> 8) as u8][at % 4]);
        code = code.bytes(&[JUMPDEST]).push_bytes(&data).return_word();
    }
    let rest = LARGEST - code.len();
    code.bytes(&vec![JUMPDEST; rest]).code()
}

/// Stores, and then stops or runs into an instruction of which 30 bytes are missing.
pub(crate) fn truncated() -> Vec<u8> {
    Assembler::new()
        .input(0)
        .jump_if("out")
        .push(7)
        .push(0)
        .bytes(&[SSTORE, STOP])
        .label("out")
        .push(9)
        .push(1)
        .bytes(&[SSTORE, PUSH32, 0xaa, 0xbb])
        .code()
}

/// Jumps to where its input says.
pub(crate) fn hidden() -> Vec<u8> {
    Assembler::new()
        .input(0)
        .bytes(&[JUMP, PUSH3, JUMPDEST, JUMPDEST, JUMPDEST])
        .label("good")
        .push(1)
        .return_word()
        .code()
}
