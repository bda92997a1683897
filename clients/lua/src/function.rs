//! A loaded program.

use super::error::LuaError;
use super::state::State;
use core::ffi::c_int;
use core::fmt;

/// A program loaded into a state, ready to run; the state keeps it until it is dropped.
pub struct Function<'s, 'a> {
    state: &'s State<'a>,
    /// The closure's place in the registry.
    reference: c_int,
}

impl<'s, 'a> Function<'s, 'a> {
    pub(crate) fn new(state: &'s State<'a>, reference: c_int) -> Self {
        Self { state, reference }
    }

    /// Runs the program and returns what it printed.
    ///
    /// It may be run any number of times, always in the one global environment of its state. What was printed before and not
    /// [taken](State::take_output) is forgotten.
    ///
    /// # Errors
    ///
    /// What the program raised, or [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory). What it had printed until then can be
    /// [taken](State::take_output).
    ///
    /// ```
    /// # use permacode_lua::{State, compile};
    /// # let arena = permacode::CodeArena::new()?;
    /// let module = arena.load("m")?;
    /// let program = compile(b"n = (n or 0) + 1; io.write('run ', n)", "m.lua")?.place(&module)?;
    /// let state = State::new()?;
    /// let function = state.load(program)?;
    /// assert_eq!(function.run()?, b"run 1");
    /// assert_eq!(function.run()?, b"run 2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(&self) -> Result<Vec<u8>, LuaError> {
        self.state.take_output()?;
        self.state.call(self.reference)?;
        self.state.take_output()
    }
}

impl Drop for Function<'_, '_> {
    fn drop(&mut self) {
        self.state.release(self.reference);
    }
}

impl fmt::Debug for Function<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").finish_non_exhaustive()
    }
}
