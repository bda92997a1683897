//! Code as the machine reads it: blocks in the arena that refer to each other directly.

use permacode::{Link, Permanent, Sites};

#[derive(Permanent)]
pub enum Const<'a> {
    Int(i64),
    Code(&'a Code<'a>),
}

#[derive(Permanent)]
pub struct Code<'a> {
    pub name: &'a str,
    pub params: u8,
    pub ops: &'a [u8],
    pub consts: &'a [Const<'a>],
    /// Numbers for the call counters, which lie elsewhere.
    pub sites: Sites,
    /// The function that this one lies in, which is made after it.
    pub parent: Link<'a, Code<'a>>,
}

impl<'a> Code<'a> {
    /// The functions that lie in this one.
    pub fn functions(&self) -> impl Iterator<Item = &'a Code<'a>> {
        self.consts.iter().filter_map(|constant| match constant {
            Const::Code(code) => Some(*code),
            Const::Int(_) => None,
        })
    }
}

macro_rules! ops {
    ($($op:ident: $doc:literal),* $(,)?) => {
        /// An instruction; operands are bytes behind it.
        #[derive(Clone, Copy)]
        #[repr(u8)]
        pub enum Op { $(#[doc = $doc] $op),* }

        impl Op {
            pub fn decode(byte: u8) -> Option<Self> {
                [$(Self::$op),*].get(usize::from(byte)).copied()
            }
        }
    };
}

ops! {
    Const: "Pushes constant `k`.",
    Local: "Pushes local `n`.",
    Add: "Pops two, pushes their sum.",
    Subtract: "Pops two, pushes their difference.",
    Less: "Pops two, pushes 1 if the first is less than the second, else 0.",
    Jump: "Skips `n` bytes.",
    JumpIfZero: "Pops one; skips `n` bytes if it is 0.",
    CallConst: "Calls the function that is constant `k`, counted at `site`.",
    CallSelf: "Calls this function, counted at `site`.",
    CallParent: "Calls the function that this one lies in, counted at `site`.",
    Return: "Returns the top of the stack.",
}
