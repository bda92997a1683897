//! A compiled program, on executable pages.

use super::error::EbpfError;
use super::machine_code::MachineCode;
use permacode::code::NativeModule;

/// Processors fetch code by lines of so many bytes.
const LINE: usize = 64;

/// A compiled program on sealed, read-execute pages: two words, `Copy`.
///
/// ```
/// # #[cfg(all(target_arch = "x86_64", unix))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use permacode_rbpf::{Helpers, Native, Program};
///
/// let arena = permacode::CodeArena::new()?;
/// // mov r0, 42; exit
/// let module = arena.load("answer")?;
/// let program = Program::place(&module, &[0xb7, 0, 0, 0, 42, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0])?;
/// let machine_code = program.compile(&Helpers::new())?;
/// let native = Native::seal(arena.load_native("answer, compiled")?, [&machine_code])?;
/// // SAFETY: the program accesses no memory.
/// assert_eq!(unsafe { native[0].run(&mut []) }, 42);
/// # Ok(())
/// # }
/// # #[cfg(not(all(target_arch = "x86_64", unix)))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Native<'a> {
    code: &'a [u8],
}

impl<'a> Native<'a> {
    /// Copies machine code into a module and seals it: from then on it is executable, and was never so while it was writable.
    ///
    /// Programs that are loaded together share pages; a seal costs one system call and up to a page of padding.
    ///
    /// # Errors
    ///
    /// [`EbpfError::Arena`], above all where the system refuses executable pages.
    pub fn seal<'m>(
        loader: NativeModule<'a>,
        all: impl IntoIterator<Item = &'m MachineCode>,
    ) -> Result<Vec<Self>, EbpfError> {
        let place = |machine_code: &MachineCode| Ok(Self { code: loader.alloc(machine_code.bytes(), LINE)? });
        let placed = all.into_iter().map(place).collect::<Result<_, EbpfError>>()?;
        loader.seal()?;
        Ok(placed)
    }

    /// The machine code, in the arena.
    pub fn code(&self) -> &'a [u8] {
        self.code
    }

    /// Runs the program: `r1` points to `memory`, or is 0 if that is empty. The result is `r0`.
    ///
    /// # Safety
    ///
    /// Compiled programs check no access.
    ///
    /// 1. This one reads and writes only `memory`, its own stack of 512 bytes, and what its helpers vouch for.
    /// 2. Its helpers put up with the stack that rbpf gives them: 8 bytes off the 16 that the processor's ABI asks for.
    #[cfg(all(target_arch = "x86_64", unix))]
    pub unsafe fn run(&self, memory: &mut [u8]) -> u64 {
        type Function = unsafe extern "sysv64" fn(*mut u8, usize, *mut u8, usize, usize, usize) -> u64;
        // SAFETY: the code is a function of this type (rbpf's `MachineCode`: metadata and its length, memory and its length, two offsets
        // that are not used here), executable because only `seal` makes a `Native`.
        let function: Function = unsafe { core::mem::transmute(self.code.as_ptr()) };
        let start = if memory.is_empty() { core::ptr::null_mut() } else { memory.as_mut_ptr() };
        // SAFETY: the caller's promise.
        unsafe { function(core::ptr::null_mut(), 0, start, memory.len(), 0, 0) }
    }
}
