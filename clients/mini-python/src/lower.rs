//! The one lowering function, for modules and for `eval`: a tree in, direct pointers out.

use crate::code::{Code, Const};
use crate::error::VmError;
use crate::tree;
use permacode::Loader;

/// Lowers a function and all that lie in it, to wherever the loader puts blocks.
pub fn lower<'x>(loader: &Loader<'x>, tree: &tree::Code) -> Result<&'x Code<'x>, VmError> {
    let consts = loader.alloc_slice_try_fill_with(tree.consts.len(), |i| lower_const(loader, &tree.consts[i]))?;
    let names = loader.alloc_slice_try_fill_with(tree.names.len(), |i| loader.intern(&tree.names[i]))?;
    let code = Code {
        name: loader.intern(&tree.name)?,
        params: tree.params,
        locals: tree.locals,
        captured: tree.captured,
        generator: tree.generator,
        cells: loader.alloc_slice_copy(&tree.cells)?,
        ops: loader.alloc_slice_copy(&tree.ops)?,
        consts,
        names,
        named: loader.alloc_slice_copy(&tree.named)?,
        sites: loader.sites(tree.named.len() + usize::from(tree.texts))?,
    };
    Ok(loader.alloc(code)?)
}

fn lower_const<'x>(loader: &Loader<'x>, tree: &tree::Const) -> Result<Const<'x>, VmError> {
    Ok(match tree {
        tree::Const::None => Const::None,
        tree::Const::Bool(bool) => Const::Bool(*bool),
        tree::Const::Int(int) => Const::Int(*int),
        tree::Const::Text(text, site) => Const::Text(loader.alloc_str(text)?, *site),
        tree::Const::Code(code) => Const::Code(lower(loader, code)?),
    })
}
