//! Code that is evaluated: transient, in a region of the heap. It goes when no function of it is reached any more.

use crate::code::Code;
use crate::compiler::compile_eval;
use crate::fault::{Fault, Kind};
use crate::function::Function;
use crate::module::Module;
use crate::parser::parse;
use crate::vm::Vm;
use permacode::{CodeRef, Gc};

/// Compiles a text into a function of a module.
pub(crate) fn function<'a>(
    vm: &Vm<'a>,
    module: Gc<'a, Module<'a>>,
    source: &str,
) -> Result<Gc<'a, Function<'a>>, Fault<'a>> {
    let draft = parse("eval", source)
        .and_then(|tree| compile_eval(&tree))
        .map_err(|error| Fault::Raised(Kind::Syntax, format!("eval, {error}")))?;
    let heap = &vm.arenas.heap;
    let captured = Gc::copy_slice(heap, &[])?;
    let code: CodeRef<'a, Code<'a>> = CodeRef::transient(vm.transients, |loader| draft.lower(loader, &module.name))?;
    Ok(Gc::new(heap, Function { code, captured, module })?)
}
