//! What programs compute, on both kinds of code and both ways to look names up; and what they leave behind.

mod bad_programs;
mod caches;
mod language;
mod proxies;
mod replacing;
mod scarcity;
mod sessions;
mod transients;
mod unsafe_code;

use crate::compiler::compile;
use crate::error::VmError;
use crate::machine::Vm;
use crate::show::Shown;
use crate::value::Value;
use permacode::{DualArena, Engine};
use std::fmt::Debug;

impl<'a> Vm<'a> {
    /// Compiles and runs a program as transient code.
    fn eval(&mut self, source: &str) -> Result<Value<'a>, VmError> {
        let tree = compile("<eval>", source)?;
        let code = self.world.transient(&tree)?;
        self.run(code)
    }
}

/// A test on a machine of its own, and on another without caches, which has to give the same.
fn with_vm<R: PartialEq + Debug>(test: impl for<'a> Fn(&mut Vm<'a>) -> R) -> R {
    let (without, with) = (on_vm(false, &test), on_vm(true, &test));
    assert_eq!(without, with);
    with
}

fn on_vm<R>(cached: bool, test: impl for<'a> FnOnce(&mut Vm<'a>) -> R) -> R {
    let mut engine = Engine::<Vm<'_>>::new(DualArena::new().unwrap(), |arenas| {
        let mut vm = Vm::new(arenas)?;
        vm.world.caches = vm.world.caches.filter(|_| cached);
        Ok::<_, VmError>(vm)
    })
    .unwrap();
    let value = engine.enter(test);
    // Nothing may be left of what ran, caches or not: code and objects lie in one heap.
    assert_eq!(engine.into_arenas().heap.stats().live, 0);
    value
}

/// Runs a program as transient code, with caches and without; its value as it is shown. Afterwards nothing may be left of it.
fn eval(source: &str) -> Result<String, VmError> {
    with_vm(|vm| vm.eval(source).map(|value| Shown(&value).to_string()))
}

/// Runs a program in a machine that stays.
fn run(vm: &mut Vm<'_>, source: &str) -> String {
    match vm.eval(source) {
        Ok(value) => Shown(&value).to_string(),
        Err(error) => panic!("{error} in {source}"),
    }
}
