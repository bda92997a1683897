//! Code while it is compiled: vectors and strings. A mistake up to here costs no arena memory.

use crate::code::{Capture, Code, Guard, Line, Number};
use crate::op::Op;
use crate::syntax_error::SyntaxError;
use permacode::{Error, Loader};

/// A function as the compiler makes it.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) ops: Vec<Op>,
    pub(crate) numbers: Vec<Number>,
    pub(crate) texts: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) inner: Vec<Draft>,
    pub(crate) captures: Vec<Capture>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) lines: Vec<Line>,
    pub(crate) parameters: u8,
    pub(crate) locals: u16,
    pub(crate) generator: bool,
    pub(crate) caches: usize,
}

impl Draft {
    /// Adds an operation, and returns its place.
    pub(crate) fn emit(&mut self, line: u32, op: Op) -> usize {
        let at = self.ops.len();
        if self.lines.last().is_none_or(|last| last.line != line) {
            self.lines.push(Line { from: at as u32, line });
        }
        self.ops.push(op);
        at
    }

    /// Lets a jump lead to the end of what there is.
    pub(crate) fn land(&mut self, jump: usize) {
        let here = self.ops.len() as u32;
        match &mut self.ops[jump] {
            Op::Jump { to } | Op::JumpIfFalse { to } | Op::And { to } | Op::Or { to } => *to = here,
            other => unreachable!("{other:?} is no jump"),
        }
    }

    pub(crate) fn name(&mut self, line: u32, name: &str) -> Result<u16, SyntaxError> {
        index_of(&mut self.names, line, |known| known == name, || name.to_owned())
    }

    pub(crate) fn text(&mut self, line: u32, text: &str) -> Result<u16, SyntaxError> {
        index_of(&mut self.texts, line, |known| known == text, || text.to_owned())
    }

    pub(crate) fn number(&mut self, line: u32, number: Number) -> Result<u16, SyntaxError> {
        index_of(&mut self.numbers, line, |known| *known == number, || number)
    }

    /// A number for an inline cache.
    pub(crate) fn cache(&mut self, line: u32) -> Result<u16, SyntaxError> {
        let cache = u16::try_from(self.caches).ok().filter(|cache| *cache < u16::MAX).ok_or_else(|| too_large(line))?;
        self.caches += 1;
        Ok(cache)
    }

    pub(crate) fn inner(&mut self, line: u32, inner: Draft) -> Result<u16, SyntaxError> {
        let index = u16::try_from(self.inner.len()).map_err(|_| too_large(line))?;
        self.inner.push(inner);
        Ok(index)
    }

    /// Copies the draft into a module, or into the memory of an evaluation: the loader knows which.
    pub(crate) fn lower<'x>(&self, loader: &Loader<'x>, module: &str) -> Result<&'x Code<'x>, Error> {
        loader.alloc(Code {
            name: loader.intern(&self.name)?,
            module: loader.intern(module)?,
            ops: loader.alloc_slice_copy(&self.ops)?,
            numbers: loader.alloc_slice_copy(&self.numbers)?,
            texts: loader.alloc_slice_try_fill_with(self.texts.len(), |k| loader.alloc_str(&self.texts[k]))?,
            names: loader.alloc_slice_try_fill_with(self.names.len(), |k| loader.intern(&self.names[k]))?,
            inner: loader.alloc_slice_try_fill_with(self.inner.len(), |k| self.inner[k].lower(loader, module))?,
            captures: loader.alloc_slice_copy(&self.captures)?,
            guards: loader.alloc_slice_copy(&self.guards)?,
            lines: loader.alloc_slice_copy(&self.lines)?,
            parameters: self.parameters,
            locals: self.locals,
            generator: self.generator,
            caches: loader.sites(self.caches)?,
            strings: loader.sites(self.texts.len())?,
        })
    }
}

/// The place of an element that is there already, or is added.
fn index_of<T>(
    list: &mut Vec<T>,
    line: u32,
    same: impl Fn(&T) -> bool,
    make: impl FnOnce() -> T,
) -> Result<u16, SyntaxError> {
    let at = list.iter().position(same).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    });
    u16::try_from(at).ok().filter(|at| *at < u16::MAX).ok_or_else(|| too_large(line))
}

fn too_large(line: u32) -> SyntaxError {
    SyntaxError::new(line, "the function is too large: split it")
}
