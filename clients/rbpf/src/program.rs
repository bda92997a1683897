//! A verified program, in an arena.

use super::error::EbpfError;
use super::helpers::Helpers;
use super::interpreter::Interpreter;
use super::machine_code::MachineCode;
use permacode::Loader;
use rbpf::EbpfVmNoData;

/// A program that rbpf's verifier has passed, on pages of a code arena: two words, `Copy`.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    bytes: &'a [u8],
}

impl<'a> Program<'a> {
    /// Verifies a program and copies it into the module that `loader` builds.
    ///
    /// A program that is refused never touches the arena. Costs the verifier's walk and the copy.
    ///
    /// # Errors
    ///
    /// [`EbpfError::Refused`] by the verifier, [`EbpfError::Arena`].
    pub fn place(loader: &Loader<'a>, bytes: &[u8]) -> Result<Self, EbpfError> {
        EbpfVmNoData::new(Some(bytes))?;
        Ok(Self { bytes: loader.alloc_padded(bytes, 8, 0)? })
    }

    /// Its instructions, eight bytes each, in the arena.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns its interpreter, which reads it where it lies. Costs the verifier's walk again, which rbpf insists on.
    ///
    /// # Errors
    ///
    /// Those of rbpf.
    pub fn interpreter(&self, helpers: &Helpers) -> Result<Interpreter<'a>, EbpfError> {
        Interpreter::new(self.bytes, helpers)
    }

    /// Its machine code, in a buffer. Costs some 64 bytes for each instruction while it runs.
    ///
    /// # Errors
    ///
    /// [`EbpfError::Refused`] for a call of a helper that is not there, [`EbpfError::Architecture`] on other processors than x86-64.
    pub fn compile(&self, helpers: &Helpers) -> Result<MachineCode, EbpfError> {
        MachineCode::of(self.bytes, helpers)
    }
}
