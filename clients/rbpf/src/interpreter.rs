//! A program that is interpreted where it lies.

use super::error::EbpfError;
use super::helpers::Helpers;
use core::fmt;
use rbpf::EbpfVmMbuff;

/// rbpf's interpreter over a program in an arena: instructions are fetched from the sealed page, nothing is decoded beforehand.
///
/// It checks each access to memory.
pub struct Interpreter<'a>(EbpfVmMbuff<'a>);

impl<'a> Interpreter<'a> {
    pub(crate) fn new(program: &'a [u8], helpers: &Helpers) -> Result<Self, EbpfError> {
        let mut vm = EbpfVmMbuff::new(Some(program))?;
        helpers.register(&mut vm)?;
        Ok(Self(vm))
    }

    /// Runs the program: `r1` points to `memory`, or is 0 if that is empty. The result is `r0`.
    ///
    /// A program may run for ever.
    ///
    /// # Errors
    ///
    /// [`EbpfError::Refused`] at an access outside of `memory` and the program's stack, or a call of a helper that is not there.
    pub fn run(&self, memory: &mut [u8]) -> Result<u64, EbpfError> {
        Ok(self.0.execute_program(memory, &[])?)
    }
}

impl fmt::Debug for Interpreter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interpreter").finish_non_exhaustive()
    }
}
