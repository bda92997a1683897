//! The same program as an archive of rkyv: a second family of types, since it has none for references. What leads back to a parent is left out.

use crate::program::{self, Const, Program, bytes};
use rkyv::{Archive, Serialize};

#[derive(Archive, Serialize)]
#[rkyv(serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rkyv::rancor::Source))]
#[rkyv(bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: rkyv::rancor::Source)))]
pub(crate) struct Code {
    name: String,
    ops: Vec<u8>,
    #[rkyv(omit_bounds)]
    consts: Vec<Constant>,
    names: Vec<String>,
    lines: Vec<(u32, u32)>,
    sites: u32,
}

#[derive(Archive, Serialize)]
#[rkyv(serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rkyv::rancor::Source))]
#[rkyv(bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: rkyv::rancor::Source)))]
pub(crate) enum Constant {
    Nil,
    Int(i64),
    Str(String),
    Code(#[rkyv(omit_bounds)] Box<Code>),
}

#[derive(Archive, Serialize)]
pub(crate) struct Modules {
    modules: Vec<Code>,
}

fn code(code: &program::Code<'_>) -> Code {
    let constant = |constant: &Const<'_>| match constant {
        Const::Nil => Constant::Nil,
        Const::Int(number) => Constant::Int(*number),
        Const::Str(text) => Constant::Str((*text).to_owned()),
        Const::Code(inner) => Constant::Code(Box::new(self::code(inner))),
    };
    Code {
        name: code.name.to_string(),
        ops: code.ops.to_vec(),
        consts: code.consts.iter().map(constant).collect(),
        names: code.names.iter().map(|name| name.to_string()).collect(),
        lines: code.lines.to_vec(),
        sites: code.sites.len() as u32,
    }
}

/// The bytes of the archive.
pub(crate) fn write(program: &Program<'_>) -> Vec<u8> {
    let modules = Modules { modules: program.modules.iter().map(|module| code(module)).collect() };
    rkyv::to_bytes::<rkyv::rancor::Error>(&modules).map(|bytes| bytes.to_vec()).unwrap_or_default()
}

/// The archive in bytes, checked if that is asked for.
pub(crate) fn access(bytes: &[u8], is_checked: bool) -> Result<&ArchivedModules, rkyv::rancor::Error> {
    if is_checked {
        return rkyv::access::<ArchivedModules, rkyv::rancor::Error>(bytes);
    }
    // SAFETY: this program wrote the bytes, for this type.
    Ok(unsafe { rkyv::access_unchecked::<ArchivedModules>(bytes) })
}

pub(crate) fn first_op(modules: &ArchivedModules) -> u8 {
    modules.modules[0].ops[0]
}

pub(crate) fn sum(modules: &ArchivedModules) -> u64 {
    fn of(code: &ArchivedCode) -> u64 {
        let mut sum = bytes(&code.ops) + bytes(code.name.as_bytes());
        sum += code.names.iter().map(|name| bytes(name.as_bytes())).sum::<u64>();
        sum += code.lines.iter().map(|line| u64::from(line.0.to_native()) + u64::from(line.1.to_native())).sum::<u64>();
        for constant in code.consts.iter() {
            sum += match constant {
                ArchivedConstant::Nil => 1,
                ArchivedConstant::Int(number) => number.to_native() as u64,
                ArchivedConstant::Str(text) => bytes(text.as_bytes()),
                ArchivedConstant::Code(code) => of(code),
            };
        }
        sum
    }
    modules.modules.iter().map(of).sum()
}
