//! Code that the processor executes: bytes on pages of their own, writable first, then executable, never both.

use super::open_module::OpenModule;
use crate::code::arena::{CodeArena, Module};
use crate::code::store::End;
#[cfg(permacode_unwind_tables)]
use crate::code::store::{CodeStore, Record, UnwindTable};
use crate::error::Error;
#[cfg(permacode_unwind_tables)]
use core::cell::Cell;
use core::fmt;
#[cfg(permacode_unwind_tables)]
use core::panic::RefUnwindSafe;

/// A module of machine code while it is built.
///
/// Like an [`OpenModule`], for bytes only. Its pages are shared with no other module, so that nothing but machine code
/// becomes executable. Until the seal they are writable and not executable, from then on executable and not writable.
/// Processors that need it are told to flush their instruction cache.
///
/// Dropping it closes the module. Its pages then become read-only with the next [`CodeArena::seal`], and never
/// executable.
///
/// ```
/// # #[cfg(all(target_arch = "x86_64", target_os = "linux", not(permacode_ordinary_pages)))]
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = permacode::CodeArena::new()?;
/// let loader = arena.load_native("jit")?;
/// let code = loader.alloc(&[0xb8, 42, 0, 0, 0, 0xc3], 16)?; // mov eax, 42; ret
/// let module = loader.seal()?;
/// // SAFETY: the bytes are a function of this type, executable since the seal.
/// let function: extern "C" fn() -> i32 = unsafe { std::mem::transmute(code.as_ptr()) };
/// assert_eq!(function(), 42);
/// # Ok(())
/// # }
/// # #[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(permacode_ordinary_pages))))]
/// # fn main() {}
/// ```
///
/// # Variance
///
/// Invariant in `'a`, as [`Loader`](crate::Loader) is.
pub struct NativeModule<'a> {
    module: OpenModule<'a>,
    /// The table that the unwinder is told of, once the module is sealed.
    #[cfg(permacode_unwind_tables)]
    unwind_table: Cell<Option<Record<'a, UnwindTable>>>,
}

impl CodeArena {
    /// Opens a module of machine code, on pages that no other module shares.
    ///
    /// They lie at the back of the [address range](Self::address_range), one native module behind another, apart from
    /// data. A small function that is sealed by itself takes one page. A reservation of 1 GiB has room for some 262,000
    /// of them, in one mapping. To pack functions, put several into one module.
    ///
    /// Costs and errors are those of [`load`](Self::load); see [`NativeModule`].
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let (jit, data) = (arena.load_native("jit")?, arena.load("data")?);
    /// let (code, text) = (jit.alloc(&[0xc3], 16)?, data.alloc_str("beside it")?);
    /// let page = |address: usize| address / 4096;
    /// assert_ne!(page(code.as_ptr().addr()), page(text.as_ptr().addr()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn load_native(&self, name: &str) -> Result<NativeModule<'_>, Error> {
        let module = OpenModule::open(self, name, End::Back)?;
        Ok(NativeModule {
            module,
            #[cfg(permacode_unwind_tables)]
            unwind_table: Cell::new(None),
        })
    }
}

impl<'a> NativeModule<'a> {
    /// Copies machine code to an address that is a multiple of `align`, in bytes, a power of two.
    ///
    /// Costs what [`Loader::alloc_slice_copy`](crate::Loader::alloc_slice_copy) does. The bytes are readable at once, and executable from [`seal`](Self::seal) on.
    ///
    /// # Errors
    ///
    /// Those of [`Loader::alloc_padded`](crate::Loader::alloc_padded).
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load_native("jit")?;
    /// let first = loader.alloc(&[0xc3], 1)?;
    /// let entry = loader.alloc(&[0xb8, 42, 0, 0, 0, 0xc3], 16)?;
    /// assert_eq!(entry.as_ptr().addr() % 16, 0);
    /// assert_eq!(entry.as_ptr().addr() - first.as_ptr().addr(), 16); // behind zeros for the alignment
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn alloc(&self, code: &[u8], align: usize) -> Result<&'a [u8], Error> {
        self.module.alloc_native(code, align)
    }

    /// Closes the module and makes its pages executable, and read-only for good.
    ///
    /// Costs a system call for each run, commonly one; up to a page of padding. With
    /// [`CodeArenaBuilder::protection`](crate::code::CodeArenaBuilder::protection) above protection, what that costs. With an unwind table, a call of
    /// the C runtime, which may wait for a lock of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] with [`PageCall::SealExecutable`](crate::error::PageCall::SealExecutable) when the system refuses, as hardened ones do.
    /// The pages are then not executable; [`CodeArena::seal`] makes them read-only. With
    /// [`CodeArenaBuilder::strict`](crate::code::CodeArenaBuilder::strict), the step of hardening that was refused.
    ///
    /// ```
    /// use permacode::{CodeArena, Error};
    /// use permacode::error::PageCall;
    /// use permacode::pages::OrdinaryPages;
    ///
    /// let arena = CodeArena::builder().pages(std::sync::Arc::new(OrdinaryPages)).build()?; // nothing there can be executed
    /// let loader = arena.load_native("jit")?;
    /// loader.alloc(&[0xc3], 16)?;
    /// assert!(matches!(loader.seal(), Err(Error::Pages(error)) if error.call == PageCall::SealExecutable));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn seal(self) -> Result<Module<'a>, Error> {
        #[cfg(permacode_unwind_tables)]
        let store = self.store();
        let module = self.module.seal()?;
        #[cfg(permacode_unwind_tables)]
        if let Some(table) = self.unwind_table.get() {
            // SAFETY: what `set_unwind_table` was promised. The table lies in the module, which is sealed, and this consumes the only value that has it.
            unsafe { store.unwind_tables().register(table) };
        }
        Ok(module)
    }
}

#[cfg(permacode_unwind_tables)]
impl<'a> NativeModule<'a> {
    pub(super) fn store(&self) -> &'a CodeStore {
        self.module.arena().store()
    }

    /// Returns `true` if the byte at `address` lies in what was allocated so far.
    pub(super) fn filled(&self, address: usize) -> bool {
        self.module.filled(address)
    }

    /// Has the unwinder told of a table of this module by [`seal`](Self::seal).
    pub(super) fn tell(&self, table: Record<'a, UnwindTable>) {
        self.unwind_table.set(Some(table));
    }
}

// Of its own it has a cell that is written to by one store.
#[cfg(permacode_unwind_tables)]
impl RefUnwindSafe for NativeModule<'_> {}

impl fmt::Debug for NativeModule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NativeModule").field(&self.module).finish()
    }
}
