//! The types of the code, and a walk through all of it.

use permacode::{Link, Mappable, Name, Permanent, Sites};

#[derive(Permanent, Mappable)]
#[repr(u8)]
#[allow(dead_code, reason = "the small program reads, and makes none")]
pub(crate) enum Const<'a> {
    Nil,
    Int(i64),
    Str(&'a str),
    Code(&'a Code<'a>),
}

#[derive(Permanent, Mappable)]
pub(crate) struct Code<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) ops: &'a [u8],
    pub(crate) consts: &'a [Const<'a>],
    pub(crate) names: &'a [Name<'a>],
    pub(crate) lines: &'a [(u32, u32)],
    pub(crate) sites: Sites,
    pub(crate) parent: Link<'a, Code<'a>>,
}

#[derive(Permanent, Mappable)]
pub(crate) struct Program<'a> {
    pub(crate) modules: &'a [&'a Code<'a>],
}

/// Reads everything: a sum over all bytes of all functions.
pub(crate) fn sum(program: &Program<'_>) -> u64 {
    fn of(code: &Code<'_>) -> u64 {
        let mut sum = bytes(code.ops) + bytes(code.name.as_bytes());
        sum += code.names.iter().map(|name| bytes(name.as_bytes())).sum::<u64>();
        sum += code.lines.iter().map(|&(offset, line)| u64::from(offset) + u64::from(line)).sum::<u64>();
        for constant in code.consts {
            sum += match constant {
                Const::Nil => 1,
                Const::Int(number) => *number as u64,
                Const::Str(text) => bytes(text.as_bytes()),
                Const::Code(code) => of(code),
            };
        }
        sum
    }
    program.modules.iter().map(|code| of(code)).sum()
}

pub(crate) fn bytes(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte)).sum()
}
