//! [`Code`]: a code object of Python in the arena and in an image, with nothing but plain references.
//!
//! ```text
//!   Code ─┬─▶ units, line table, exception table, kinds      bytes
//!         ├─▶ names, variables                               interned: one copy of a name in the whole image
//!         └─▶ constants ─▶ texts, tuples, and the Code of each function within
//! ```
//!
//! One layout serves both compilers, because RustPython's code objects follow those of CPython 3.11 and later. All of it is `repr(C)`, so an image
//! outlives the Rust compiler that laid it out.

use permacode::{Mappable, Name, Permanent};

/// A constant. Two words and a tag.
#[derive(Clone, Copy, Debug, Permanent, Mappable)]
#[repr(u8)]
pub enum Const<'a> {
    /// `None`.
    None,
    /// `...`.
    Ellipsis,
    /// `True`, `False`.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// A larger one: `true` below zero, and the digits without the sign, the lowest first, the highest not zero.
    Big(bool, &'a [u32]),
    /// A float, with all bits of a NaN.
    Float(f64),
    /// A real and an imaginary part.
    Complex(f64, f64),
    /// An interned text.
    Name(Name<'a>),
    /// A text.
    Text(&'a str),
    /// A text with lone surrogates, in generalised UTF-8.
    Surrogates(&'a [u8]),
    /// `b""`.
    Bytes(&'a [u8]),
    /// `()`.
    Tuple(&'a [Const<'a>]),
    /// A set that does not change, in the order of its source.
    FrozenSet(&'a [Const<'a>]),
    /// The start, the stop and the step of a slice.
    Slice(&'a [Const<'a>]),
    /// A function, a class body or a comprehension.
    Code(&'a Code<'a>),
}

/// A code object.
#[derive(Clone, Copy, Debug, Permanent, Mappable)]
#[repr(C)]
pub struct Code<'a> {
    /// `co_name`.
    pub name: Name<'a>,
    /// `co_qualname`.
    pub qualified_name: Name<'a>,
    /// `co_filename`.
    pub file: &'a str,
    /// `co_code`: two bytes an instruction, caches included, all zero.
    pub units: &'a [u8],
    /// `co_linetable`: the position of each instruction in the source.
    pub line_table: &'a [u8],
    /// `co_exceptiontable`.
    pub exception_table: &'a [u8],
    /// `co_consts`.
    pub constants: &'a [Const<'a>],
    /// `co_names`: of globals, attributes and modules.
    pub names: &'a [Name<'a>],
    /// The names of locals, cells and free variables, as the instructions number them.
    pub variables: &'a [Name<'a>],
    /// Bits for each of them: [`LOCAL`](Self::LOCAL), [`CELL`](Self::CELL), [`FREE`](Self::FREE) and others.
    pub kinds: &'a [u8],
    /// `co_argcount`.
    pub arguments: u32,
    /// `co_posonlyargcount`.
    pub positional_only: u32,
    /// `co_kwonlyargcount`.
    pub keyword_only: u32,
    /// `co_stacksize`.
    pub stack_size: u32,
    /// `co_flags`.
    pub flags: u32,
    /// `co_firstlineno`, or 0.
    pub first_line: u32,
}

impl<'a> Code<'a> {
    /// The bit of a variable of the function itself.
    pub const LOCAL: u8 = 0x20;
    /// The bit of a variable that inner functions use.
    pub const CELL: u8 = 0x40;
    /// The bit of a variable of an outer function.
    pub const FREE: u8 = 0x80;

    /// `co_varnames`, `co_cellvars` or `co_freevars`: the variables that have a bit.
    pub fn variables_of(&self, bit: u8) -> impl Iterator<Item = Name<'a>> + use<'a> {
        let of = self.variables.iter().zip(self.kinds);
        of.filter(move |(_, kind)| **kind & bit != 0).map(|(name, _)| *name)
    }
}

/// Counts of the things in some code, and a sum over all bytes, so that all are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Code objects.
    pub codes: usize,
    /// Constants, those within tuples too.
    pub constants: usize,
    /// Uses of names.
    pub names: usize,
    /// The sum of all bytes and numbers.
    pub sum: u64,
}

impl Census {
    /// Adds all that a code object leads to.
    pub fn add(&mut self, code: &Code<'_>) {
        let Code {
            name,
            qualified_name,
            file,
            units,
            line_table,
            exception_table,
            constants,
            names,
            variables,
            kinds,
            ..
        } = *code;
        self.codes += 1;
        for bytes in [units, line_table, exception_table, kinds, file.as_bytes()] {
            self.bytes(bytes);
        }
        for name in [name, qualified_name].iter().chain(names).chain(variables) {
            self.names += 1;
            self.bytes(name.as_bytes());
        }
        let numbers =
            [code.arguments, code.positional_only, code.keyword_only, code.stack_size, code.flags, code.first_line];
        self.sum = numbers.iter().fold(self.sum, |sum, number| sum.wrapping_add(u64::from(*number)));
        self.constants(constants);
    }

    fn constants(&mut self, constants: &[Const<'_>]) {
        self.constants += constants.len();
        for constant in constants {
            match *constant {
                Const::None | Const::Ellipsis => {}
                Const::Bool(value) => self.number(u64::from(value)),
                Const::Int(value) => self.number(value as u64),
                Const::Big(_, digits) => digits.iter().for_each(|digit| self.number(u64::from(*digit))),
                Const::Float(value) => self.number(value.to_bits()),
                Const::Complex(real, imaginary) => self.number(real.to_bits() ^ imaginary.to_bits()),
                Const::Name(name) => self.bytes(name.as_bytes()),
                Const::Text(text) => self.bytes(text.as_bytes()),
                Const::Surrogates(bytes) | Const::Bytes(bytes) => self.bytes(bytes),
                Const::Tuple(inner) | Const::FrozenSet(inner) | Const::Slice(inner) => self.constants(inner),
                Const::Code(code) => self.add(code),
            }
        }
    }

    fn number(&mut self, number: u64) {
        self.sum = self.sum.wrapping_add(number);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.iter().map(|byte| u64::from(*byte)).sum());
    }
}
