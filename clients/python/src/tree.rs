//! [`Code`]: a code object as a compiler made it, in ordinary memory. Both sources are read into it, and [`freeze`](crate::freeze) takes it from here.
//!
//! ```text
//!   .pyc ── marshal ──┐
//!                     ├─▶ tree::Code ── freeze ──▶ frozen::Code, in the arena
//!   .py ── compiler ──┘
//! ```
//!
//! What a source shares is shared here too, by [`Rc`]: a file name, a text, a tuple that two code objects have. So it is frozen once.

use std::rc::Rc;

/// A constant of a code object.
#[derive(Clone, Debug)]
pub enum Const {
    /// `None`.
    None,
    /// `...`.
    Ellipsis,
    /// `True`, `False`.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// A larger one.
    Big(Rc<Big>),
    /// A float; two are the same if their bits are.
    Float(f64),
    /// A real and an imaginary part.
    Complex(f64, f64),
    /// An interned text.
    Name(Rc<str>),
    /// A text.
    Text(Rc<str>),
    /// A text with lone surrogates, in generalised UTF-8.
    Surrogates(Rc<[u8]>),
    /// `b""`.
    Bytes(Rc<[u8]>),
    /// `()`.
    Tuple(Rc<[Self]>),
    /// A set that does not change, in the order of its source.
    FrozenSet(Rc<[Self]>),
    /// The start, the stop and the step of a slice.
    Slice(Rc<[Self]>),
    /// A function, a class body or a comprehension.
    Code(Rc<Code>),
}

/// An integer of more than 64 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Big {
    /// `true` below zero.
    pub negative: bool,
    /// The number without its sign, the lowest digit first, the highest not zero.
    pub digits: Vec<u32>,
}

/// A code object. Its fields are Python's own; see [`frozen::Code`](crate::frozen::Code).
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "described at `frozen::Code`")]
pub struct Code {
    pub name: Rc<str>,
    pub qualified_name: Rc<str>,
    pub file: Rc<str>,
    pub units: Rc<[u8]>,
    pub line_table: Rc<[u8]>,
    pub exception_table: Rc<[u8]>,
    pub constants: Rc<[Const]>,
    pub names: Vec<Rc<str>>,
    pub variables: Vec<Rc<str>>,
    pub kinds: Rc<[u8]>,
    pub arguments: u32,
    pub positional_only: u32,
    pub keyword_only: u32,
    pub stack_size: u32,
    pub flags: u32,
    pub first_line: u32,
}
