//! The code: a stack machine, a library for it, and a program on the library.
//!
//! A version of the program is a number. It changes the program, and leaves the library as it is.

use permacode::{Error, Loader, Mappable, Permanent};

/// Functions of the library.
const FUNCTIONS: i32 = 4000;
/// Functions of the program, each of which calls a few of the library's.
const CALLERS: i32 = 800;

/// An instruction.
#[derive(Clone, Copy, Permanent, Mappable)]
#[repr(u8)]
pub enum Op {
    /// Pushes the argument.
    Argument,
    /// Pushes a number.
    Number(i32),
    /// Adds the two topmost.
    Add,
    /// Multiplies the two topmost.
    Multiply,
    /// Calls a function with the topmost as its argument.
    Call(u16),
}

/// A function.
#[derive(Permanent, Mappable)]
pub struct Code<'a> {
    pub name: &'a str,
    pub ops: &'a [Op],
    pub callees: &'a [&'a Code<'a>],
}

/// Calls a function. `None` if its code is not well made.
pub fn call(code: &Code<'_>, argument: i64) -> Option<i64> {
    let mut stack = Vec::new();
    for op in code.ops {
        let value = match *op {
            Op::Argument => argument,
            Op::Number(number) => number.into(),
            Op::Add => stack.pop().zip(stack.pop()).map(|(a, b): (i64, i64)| a.wrapping_add(b))?,
            Op::Multiply => stack.pop().zip(stack.pop()).map(|(a, b): (i64, i64)| a.wrapping_mul(b))?,
            Op::Call(number) => call(code.callees.get(usize::from(number))?, stack.pop()?)?,
        };
        stack.push(value);
    }
    stack.pop()
}

/// Loads the library: functions that are polynomials of their argument.
pub fn library<'x>(loader: &Loader<'x>) -> Result<&'x [&'x Code<'x>], Error> {
    let function = |number: i32| {
        let mut ops = vec![Op::Number(number)];
        for factor in 0..12 {
            ops.extend([Op::Argument, Op::Multiply, Op::Number(number % 97 + factor), Op::Add]);
        }
        let name = loader.intern(&format!("library_{number}"))?;
        loader.alloc(Code { name, ops: loader.alloc_slice_copy(&ops)?, callees: &[] })
    };
    let functions = (0..FUNCTIONS).map(function).collect::<Result<Vec<_>, _>>()?;
    loader.alloc_slice_copy(&functions)
}

/// Loads a version of the program on the library, and returns its main function.
pub fn program<'x>(loader: &Loader<'x>, library: &[&'x Code<'x>], version: i32) -> Result<&'x Code<'x>, Error> {
    let caller = |number: i32| {
        let step = library.len() / 7;
        let callees: Vec<_> =
            (0..5).filter_map(|at| library.get((number as usize + at * step) % library.len())).copied().collect();
        let mut ops = vec![Op::Number(version)];
        for callee in 0..callees.len() as u16 {
            ops.extend([Op::Argument, Op::Number(number), Op::Add, Op::Call(callee), Op::Add]);
        }
        let name = loader.intern(&format!("caller_{number}"))?;
        loader.alloc(Code { name, ops: loader.alloc_slice_copy(&ops)?, callees: loader.alloc_slice_copy(&callees)? })
    };
    let callers = (0..CALLERS).map(caller).collect::<Result<Vec<_>, _>>()?;
    let mut ops = vec![Op::Number(0)];
    for callee in 0..callers.len() as u16 {
        ops.extend([Op::Argument, Op::Call(callee), Op::Add]);
    }
    let name = loader.intern("main")?;
    loader.alloc(Code { name, ops: loader.alloc_slice_copy(&ops)?, callees: loader.alloc_slice_copy(&callers)? })
}
