//! `cargo test` runs these with the example.

mod bad_programs;
mod language;
mod proxies;
mod replacing;
mod scarcity;
mod sessions;
mod transients;

use crate::compiler::compile;
use crate::error::VmError;
use crate::machine::Vm;
use crate::show::Shown;
use crate::value::Value;
use permacode::{CodeArena, HeapArena, Transients};

impl<'a> Vm<'a> {
    /// Compiles and runs a program as transient code.
    fn eval(&mut self, source: &str) -> Result<Value<'a>, VmError> {
        let tree = compile("<eval>", source)?;
        let code = self.world.transient(&tree)?;
        self.run(code)
    }
}

/// A machine of a test's own.
fn with_vm<R>(test: impl for<'a> FnOnce(&mut Vm<'a>) -> R) -> R {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let home = Transients::new(&arena, &heap);
    let mut vm = Vm::new(&home, &heap);
    test(&mut vm)
}

/// Runs a program as transient code; its value as it is shown. Afterwards nothing may be left of it.
fn eval(source: &str) -> Result<String, VmError> {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let home = Transients::new(&arena, &heap);
    let mut vm = Vm::new(&home, &heap);
    let value = vm.eval(source).map(|value| Shown(&value).to_string());
    drop(vm);
    assert_eq!((home.stats().regions, heap.stats().live), (0, 0), "{source}");
    value
}

/// Runs a program in a machine that stays.
fn run(vm: &mut Vm<'_>, source: &str) -> String {
    match vm.eval(source) {
        Ok(value) => Shown(&value).to_string(),
        Err(error) => panic!("{error} in {source}"),
    }
}
