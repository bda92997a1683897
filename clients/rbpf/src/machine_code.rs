//! The output of rbpf's compiler, before it is executable.

use super::error::EbpfError;
use super::helpers::Helpers;
use rbpf::EbpfVmRaw;

/// rbpf takes a buffer that begins at such an address and is at least so long.
const PAGE: usize = 4096;
/// More than it writes for any instruction, the longest being a division by a register (53 bytes).
const MOST: usize = 64;
/// The last byte of its functions: `ret`.
const RETURN: u8 = 0xc3;

/// Machine code in an ordinary buffer: writable, not executable.
///
/// It refers to its own parts by distance and to helpers by address, so it may lie anywhere in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineCode {
    bytes: Vec<u8>,
}

impl MachineCode {
    pub(crate) fn of(program: &[u8], helpers: &Helpers) -> Result<Self, EbpfError> {
        if cfg!(not(all(target_arch = "x86_64", unix))) {
            return Err(EbpfError::Architecture);
        }
        let room = PAGE + program.len() / 8 * MOST;
        let mut buffer = vec![0; room + PAGE];
        let start = buffer.as_ptr().align_offset(PAGE);
        compile(program, helpers, &mut buffer[start..start + room])?;
        // How much it wrote rbpf keeps to itself. Behind it are the buffer's zeros.
        let end = buffer.iter().rposition(|&byte| byte != 0).filter(|&last| buffer[last] == RETURN);
        let end = end.ok_or(EbpfError::NoEnd)?;
        Ok(Self { bytes: buffer[start..=end].to_vec() })
    }

    /// The machine code.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(not(windows))]
fn compile<'b>(program: &'b [u8], helpers: &Helpers, buffer: &'b mut [u8]) -> Result<(), EbpfError> {
    let mut vm = EbpfVmRaw::new(Some(program))?;
    helpers.register_raw(&mut vm)?;
    vm.set_jit_exec_memory(buffer)?;
    Ok(vm.jit_compile()?)
}

#[cfg(windows)]
fn compile(_: &[u8], _: &Helpers, _: &mut [u8]) -> Result<(), EbpfError> {
    Err(EbpfError::Architecture)
}
