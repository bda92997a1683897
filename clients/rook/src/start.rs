//! The start of a machine: functions of the machine, the prelude, and the exceptions that it declares.

use crate::failure::Failure;
use crate::fault::Kind;
use crate::native::Native;
use crate::value::Value;
use crate::vm::Vm;

const PRELUDE: &str = include_str!("prelude.rk");

impl Vm<'_> {
    /// Fills the module that every other one sees.
    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        for native in Native::ALL {
            self.builtins.define(&self.arenas.heap, native.name(), Value::Native(native))?;
        }
        self.run_module("prelude", PRELUDE)?;
        for (at, (_, class)) in Kind::ALL.into_iter().enumerate() {
            self.errors[at] = self.builtins.get_named(class).unwrap_or(Value::Nil);
        }
        self.memory_error = match self.try_new_error(Kind::Memory, "an arena refused memory") {
            Ok(error) => error,
            Err(_) => return Err(Failure::Uncaught("MemoryError: no memory to begin".to_owned(), String::new())),
        };
        Ok(())
    }
}
