//! Code that is made up, in the sizes of the library of Python 3.11: some 44 functions a module, of 450 bytes in the middle, with names that many
//! of them share.

use crate::harness::random::Random;
use crate::program::{Code, Const, Program};
use permacode::{CodeArena, Error, Link, Loader, Name};

fn code<'x>(loader: &Loader<'x>, random: &mut Random, inner: &[&'x Code<'x>]) -> Result<&'x Code<'x>, Error> {
    let count = 4 + random.below(12);
    let names = (0..count).map(|_| loader.intern_name(&format!("name_{}", random.below(140_000))));
    let names: Vec<Name<'x>> = names.collect::<Result<_, _>>()?;
    let strings = (0..2 + random.below(6)).map(|i| loader.alloc_str(&"text of a constant"[..6 + (i % 12)]));
    let strings: Vec<&'x str> = strings.collect::<Result<_, _>>()?;
    let consts = inner.iter().map(|&code| Const::Code(code)).chain(strings.into_iter().map(Const::Str));
    let consts: Vec<Const<'x>> = consts.chain([Const::Nil, Const::Int(random.below(1000) as i64)]).collect();
    let long = if random.below(50) == 0 { 4000 } else { 320 };
    let ops: Vec<u8> = (0..60 + random.below(long)).map(|i| i as u8).collect();
    let lines: Vec<(u32, u32)> = (0..ops.len() / 16).map(|i| (i as u32 * 16, i as u32)).collect();
    let made = loader.alloc(Code {
        name: names[0],
        ops: loader.alloc_slice_copy(&ops)?,
        consts: loader.alloc_slice_fill_iter(consts)?,
        names: loader.alloc_slice_copy(&names)?,
        lines: loader.alloc_slice_copy(&lines)?,
        sites: loader.sites(ops.len() / 8)?,
        parent: Link::unset(),
    })?;
    inner.iter().try_for_each(|code| loader.link(&code.parent, made))?;
    Ok(made)
}

pub(crate) fn load(arena: &CodeArena, modules: usize) -> Result<&Program<'_>, Error> {
    let mut random = Random::new(7);
    let mut all = Vec::new();
    for number in 0..modules {
        let loader = arena.load(&format!("module_{number}"))?;
        let functions = (0..20 + random.below(48)).map(|_| code(&loader, &mut random, &[]));
        let functions: Vec<&Code<'_>> = functions.collect::<Result<_, _>>()?;
        all.push(code(&loader, &mut random, &functions)?);
    }
    let loader = arena.load("program")?;
    let program = loader.alloc(Program { modules: loader.alloc_slice_copy(&all)? })?;
    loader.finish();
    arena.seal()?;
    Ok(program)
}
