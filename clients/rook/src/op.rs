//! An operation of the machine.

use crate::tree::{Binary, Unary};
use permacode::Permanent;

/// An operation of eight bytes. Numbers of variables count from the frame's base; `to` is the place of an operation.
///
/// An operation allocates before it changes anything. So one that was refused memory can run again after a collection.
#[derive(Clone, Copy, Debug, PartialEq, Permanent)]
pub(crate) enum Op {
    // Constants.
    Nil,
    True,
    False,
    Int(i32),
    /// A number of the table of constants.
    Number(u16),
    /// A text of the table of texts, whose object a side table has.
    Text(u16),

    // Variables.
    Local(u16),
    SetLocal(u16),
    /// Puts what is in a variable into a box of its own, where functions within find it.
    NewBox(u16),
    Boxed(u16),
    SetBoxed(u16),
    Captured(u16),
    SetCaptured(u16),
    Global {
        name: u16,
        cache: u16,
    },
    SetGlobal {
        name: u16,
        cache: u16,
    },
    DefineGlobal(u16),

    // The stack.
    Pop,
    /// Pushes the uppermost value again.
    Copy,
    /// Pushes the two uppermost values again.
    CopyTwo,

    // Operators.
    Unary(Unary),
    Binary(Binary),
    /// Replaces a value and the class above it by the answer if it is of that class.
    IsA,

    // Jumps.
    Jump {
        to: u32,
    },
    /// A jump back.
    Loop {
        to: u32,
    },
    JumpIfFalse {
        to: u32,
    },
    /// Jumps if the uppermost value is false, and pops it otherwise.
    And {
        to: u32,
    },
    Or {
        to: u32,
    },

    // Lists, dictionaries, attributes.
    List,
    Append,
    Dict,
    /// Adds key and value to the dictionary below them.
    Insert,
    Index,
    SetIndex,
    Attribute {
        name: u16,
        cache: u16,
    },
    SetAttribute {
        name: u16,
        cache: u16,
    },

    // Functions and classes.
    Function(u16),
    Call {
        arguments: u8,
    },
    Invoke {
        arguments: u8,
        name: u16,
        cache: u16,
    },
    /// Calls a method of the class on top of the arguments.
    InvokeSuper {
        arguments: u8,
        name: u16,
    },
    /// Makes a class of the base, or of nil.
    Class(u16),
    /// Adds the function on top to the class below it.
    Method(u16),
    Return,
    Yield,
    Import(u16),

    // Loops over values.
    /// Calls the method `iter` of an instance; leaves other values.
    CallIter,
    /// Replaces a value by an iterator over it.
    Iterator,
    /// Pushes the next value of the iterator in a variable. The next operation is a jump, taken at its end.
    Next(u16),

    // Exceptions.
    Throw,
    /// Throws again what was caught.
    Rethrow,
}
