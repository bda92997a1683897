//! Modules: found by name, compiled into the code arena, sealed, and run once.

use crate::code::Code;
use crate::compiler::compile_module;
use crate::failure::Failure;
use crate::fault::{Fault, Kind, raise};
use crate::frame::{Frame, Role};
use crate::function::Function;
use crate::module::Module;
use crate::parser::parse;
use crate::syntax_error::SyntaxError;
use crate::value::Value;
use crate::vm::Vm;
use permacode::{CodeRef, Error, Gc};

/// The reasons why a module is not loaded.
enum LoadError {
    Syntax(SyntaxError),
    Refused(Error),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl<'a> Vm<'a> {
    /// Pushes a module. If it is not loaded yet, that is done now, and its body runs first.
    pub(crate) fn import(&mut self, name: &str) -> Result<(), Fault<'a>> {
        if let Some((_, module)) = self.modules.iter().find(|(loaded, _)| loaded == name) {
            let module = Value::Module(*module);
            self.push(module);
            return Ok(());
        }
        if self.frames.len() >= self.settings.depth {
            return raise(Kind::Recursion, "too many calls within calls");
        }
        let Some(source) = (self.settings.sources)(name) else {
            return raise(Kind::Import, format!("there is no module `{name}`"));
        };
        self.charge(source.len())?;
        match self.load(name, &source) {
            Ok(function) => {
                self.begin_module(name, function);
                Ok(())
            }
            Err(LoadError::Refused(error)) => Err(error.into()),
            Err(LoadError::Syntax(error)) => raise(Kind::Syntax, format!("{name}, {error}")),
        }
    }

    /// Compiles a module and seals it. Returns the function of its body.
    fn load(&mut self, name: &str, source: &str) -> Result<Gc<'a, Function<'a>>, LoadError> {
        let draft = parse("module", source).and_then(|tree| compile_module(&tree)).map_err(LoadError::Syntax)?;
        let loader = self.arenas.code.load(name)?;
        let code: &'a Code<'a> = draft.lower(&loader, name)?;
        loader.seal()?;
        let (heap, id) = (&self.arenas.heap, self.new_id());
        let module = if name == "prelude" { self.builtins } else { Module::new(heap, id, name)? };
        let captured = Gc::copy_slice(heap, &[])?;
        Ok(Gc::new(heap, Function { code: CodeRef::new(code), captured, module })?)
    }

    fn begin_module(&mut self, name: &str, function: Gc<'a, Function<'a>>) {
        let (module, base) = (function.module, self.stack.len());
        self.modules.push((name.to_owned(), module));
        self.stack.resize(base + usize::from(function.code.get().locals), Value::Nil);
        self.frames.push(Frame { function, at: 0, base, role: Role::Module(module) });
    }

    /// Loads a module by its text, and runs its body.
    ///
    /// # Errors
    ///
    /// The text is no module, an arena refuses memory for it, or its body ends early.
    pub fn run_module(&mut self, name: &str, source: &str) -> Result<(), Failure> {
        let loaded = self.load(name, source).or_else(|error| match error {
            LoadError::Refused(_) => {
                self.collect().ok(); // once more, with all memory that can be had
                self.load(name, source)
            }
            error => Err(error),
        });
        let function = loaded.map_err(|error| match error {
            LoadError::Syntax(error) => Failure::Syntax(name.to_owned(), error),
            LoadError::Refused(error) => Failure::Refused(error),
        })?;
        let floor = self.frames.len();
        self.begin_module(name, function);
        self.run(floor).map(drop)
    }

    /// Calls a function of a loaded module with numbers, and returns the text of its result.
    pub fn call_global(&mut self, module: &str, name: &str, arguments: &[i64]) -> Result<String, Failure> {
        let loaded = self.modules.iter().find(|(loaded, _)| loaded == module).map(|(_, module)| *module);
        let function = loaded.and_then(|module| module.get_named(name));
        let Some(function) = function else {
            return Err(Failure::Uncaught(format!("NameError: {module} has no function `{name}`"), String::new()));
        };
        let floor = self.frames.len();
        self.push(function);
        arguments.iter().for_each(|number| self.push(Value::Int(*number)));
        if let Err(fault) = self.call(function, arguments.len()) {
            self.handle(fault, floor)?;
        }
        let result = self.run(floor)?;
        Ok(self.show(result, false))
    }
}
