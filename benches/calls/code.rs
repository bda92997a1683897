//! The function that is called, and the one dispatch loop that runs it for every holder.

use permacode::{Error, Loader, Permanent};
use std::hint::black_box;

/// A code object: five instructions with an operand each.
#[derive(Permanent)]
pub(crate) struct Code<'a> {
    ops: &'a [u8],
    operands: &'a [u64],
}

const ADD: u8 = 0;
const MUL: u8 = 1;
const XOR: u8 = 2;
const ROTATE: u8 = 3;

const OPS: [u8; 5] = [ADD, MUL, XOR, ROTATE, u8::MAX];

/// What a call of the function made with `seed` returns.
pub(crate) fn result(seed: u64) -> u64 {
    (seed.wrapping_mul(7) ^ 0x55).rotate_left(3)
}

pub(crate) fn lower<'x>(loader: &Loader<'x>, seed: u64) -> Result<&'x Code<'x>, Error> {
    loader
        .alloc(Code { ops: loader.alloc_slice_copy(&OPS)?, operands: loader.alloc_slice_copy(&[seed, 7, 0x55, 3, 0])? })
}

impl<'a> Code<'a> {
    /// The same code in an object of its own, for holders that count in it. Its instructions stay where they are.
    pub(crate) fn header(&self) -> Code<'a> {
        Code { ops: self.ops, operands: self.operands }
    }
}

/// Runs a function. Nobody inlines it and nobody knows what it does, so that all holders call the very same instructions.
#[inline(never)]
pub(crate) fn run(code: &Code<'_>) -> u64 {
    // Hides from callers that the result depends on the code alone: they would call once instead of many times.
    let code = black_box(code);
    let mut value = 0u64;
    for (op, operand) in code.ops.iter().zip(code.operands) {
        value = match *op {
            ADD => value.wrapping_add(*operand),
            MUL => value.wrapping_mul(*operand),
            XOR => value ^ operand,
            ROTATE => value.rotate_left(*operand as u32),
            _ => return value,
        };
    }
    value
}
