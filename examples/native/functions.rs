//! The functions, loaded and sealed: from here on they can be called.

use crate::assembled::Assembled;
use permacode::code::NativeModule;
use permacode::{CodeArena, Error};

/// Assembled code in a module that is still open: writable, not executable.
pub struct Loaded<'a> {
    loader: NativeModule<'a>,
    code: &'a [u8],
    starts: [usize; 4],
}

impl<'a> Loaded<'a> {
    pub fn load(arena: &'a CodeArena, assembled: &Assembled) -> Result<Self, Error> {
        let loader = arena.load_native("four functions")?;
        let code = loader.alloc(&assembled.bytes, 16)?;
        Ok(Self { loader, code, starts: [assembled.add, assembled.factorial, assembled.copy, assembled.call] })
    }

    pub fn code(&self) -> &'a [u8] {
        self.code
    }

    /// What a profiler may call the functions, and where each lies.
    pub fn symbols(&self) -> [(&'static str, &'a [u8]); 4] {
        let [add, factorial, copy, call] = self.starts;
        let ends = [factorial, copy, call, self.code.len()]; // assembled in this order
        let names = ["jit::add", "jit::factorial", "jit::copy", "jit::call"];
        let parts = [add, factorial, copy, call];
        std::array::from_fn(|number| (names[number], &self.code[parts[number]..ends[number]]))
    }

    /// Makes the code executable, for good.
    pub fn seal(self) -> Result<Functions<'a>, Error> {
        self.loader.seal()?;
        let [add, factorial, copy, call] = self.starts.map(|start| self.code[start..].as_ptr());
        Ok(Functions { code: self.code, add, factorial, copy, call })
    }
}

/// Functions on sealed pages. Machine code for this processor, or the calls below are lies.
pub struct Functions<'a> {
    code: &'a [u8],
    add: *const u8,
    factorial: *const u8,
    copy: *const u8,
    call: *const u8,
}

impl<'a> Functions<'a> {
    pub fn code(&self) -> &'a [u8] {
        self.code
    }

    pub fn add(&self, a: u64, b: u64) -> u64 {
        // SAFETY: the code at this address is a function of this type, executable since the seal.
        let add: extern "C" fn(u64, u64) -> u64 = unsafe { core::mem::transmute(self.add) };
        add(a, b)
    }

    pub fn factorial(&self, n: u64) -> u64 {
        // SAFETY: as above.
        let factorial: extern "C" fn(u64) -> u64 = unsafe { core::mem::transmute(self.factorial) };
        factorial(n)
    }

    /// Copies as many bytes as both have room for.
    pub fn copy(&self, to: &mut [u8], from: &[u8]) -> u64 {
        type Copy = unsafe extern "C" fn(*mut u8, *const u8, usize) -> u64;
        // SAFETY: as above.
        let copy: Copy = unsafe { core::mem::transmute(self.copy) };
        // SAFETY: both pointers are good for so many bytes.
        unsafe { copy(to.as_mut_ptr(), from.as_ptr(), to.len().min(from.len())) }
    }

    /// A table of functions with two arguments, sealed too: nobody can redirect a call.
    pub fn table(&self, arena: &'a CodeArena) -> Result<&'a [usize], Error> {
        let loader = arena.load("table")?;
        // The second takes the first argument only: the other is in a register that it does not look at.
        let table =
            loader.alloc_slice_copy(&[self.add, self.factorial].map(|function| function.expose_provenance()))?;
        loader.seal()?;
        Ok(table)
    }

    /// Calls a function of the table, through machine code. `None` if there is none of that number.
    pub fn call(&self, table: &[usize], index: usize, a: u64, b: u64) -> Option<u64> {
        type Call = unsafe extern "C" fn(*const usize, usize, u64, u64) -> u64;
        // SAFETY: as above.
        let call: Call = unsafe { core::mem::transmute(self.call) };
        // SAFETY: the entry is in the table, which holds functions of this arena that take two arguments or fewer.
        (index < table.len()).then(|| unsafe { call(table.as_ptr(), index, a, b) })
    }
}
