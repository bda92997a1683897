//! What all frames share: memory, global variables, made constants, and what was printed.

use crate::caches::Caches;
use crate::code::Code;
use crate::constants::Constants;
use crate::error::VmError;
use crate::frame::Memory;
use crate::globals::Globals;
use crate::look::Looked;
use crate::lower::lower;
use crate::tree;
use permacode::handles::CodeProxy;
use permacode::{CodeRef, HeapArena, Transients};

pub struct World<'a> {
    /// Where transient code goes, and the arena that permanent code lies in.
    pub home: &'a Transients<'a>,
    /// Where objects go.
    pub heap: &'a HeapArena,
    pub globals: Globals<'a>,
    pub constants: Constants<'a>,
    /// Where instructions remember what they found, unless that is switched off.
    pub caches: Option<&'a Caches<'a>>,
    /// The machine's number among those that use the caches.
    pub machine: usize,
    pub looked: Looked,
    pub output: String,
}

impl<'a> World<'a> {
    /// Permanent code: the programs become one sealed module.
    pub fn permanent(&self, name: &str, trees: &[tree::Code]) -> Result<Vec<CodeRef<'a, Code<'a>>>, VmError> {
        let loader = self.home.code().load(name)?;
        let codes = trees.iter().map(|tree| lower(&loader, tree).map(CodeRef::new)).collect::<Result<_, _>>()?;
        loader.seal()?;
        Ok(codes)
    }

    /// Transient code, by the same lowering.
    pub fn transient(&mut self, tree: &tree::Code) -> Result<CodeRef<'a, Code<'a>>, VmError> {
        let code: CodeRef<'a, Code<'a>> = CodeRef::transient(self.home, |loader| lower(loader, tree))?;
        self.constants.forget(code.get());
        Ok(code)
    }

    pub fn memory(&self) -> Memory<'a> {
        Memory { heap: self.heap, caches: self.caches }
    }

    /// What a program sees of code.
    pub fn proxy(&self, code: CodeRef<'a, Code<'a>>) -> Result<CodeProxy<'a, Code<'a>>, VmError> {
        Ok(CodeProxy::new(self.home.code(), code, |code: &Code<'_>| code.name)?)
    }
}
