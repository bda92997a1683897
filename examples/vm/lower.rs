//! The one lowering function: an ordinary tree in, direct pointers out.

use crate::code::{Code, Const};
use crate::machine::VmError;
use crate::tree;
use permacode::{Link, Loader};

/// Lowers a function and all that lie in it.
pub fn lower<'x>(loader: &Loader<'x>, tree: &tree::Code) -> Result<&'x Code<'x>, VmError> {
    let consts = loader.alloc_slice_try_fill_with(tree.consts.len(), |i| lower_const(loader, &tree.consts[i]))?;
    let code = loader.alloc(Code {
        name: loader.intern(&tree.name)?,
        params: tree.params,
        ops: loader.alloc_slice_copy(&tree.ops)?,
        consts,
        sites: loader.sites(tree.sites)?,
        parent: Link::unset(),
    })?;
    for inner in code.functions() {
        loader.link(&inner.parent, code)?;
    }
    Ok(code)
}

fn lower_const<'x>(loader: &Loader<'x>, tree: &tree::Const) -> Result<Const<'x>, VmError> {
    Ok(match tree {
        tree::Const::Int(int) => Const::Int(*int),
        tree::Const::Code(code) => Const::Code(lower(loader, code)?),
    })
}
