//! From a [`tree`](crate::tree) to the arena: one function for both sources.
//!
//! Equal texts, bytes and lists of names of a module are one block, and what a tree shares by `Rc` is one too. Names are one block for the whole arena.

use crate::frozen;
use crate::tree::{Code, Const};
use permacode::{Error, Loader, Name};
use std::collections::HashMap;
use std::rc::Rc;

/// Copies a code object, and all that it leads to, into a module that is open.
///
/// # Errors
///
/// Those of the arena, such as no memory.
///
/// ```
/// use permacode_python::{freeze, marshal};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // `compile("", "e.py", "exec")` by Python 3.11.
/// let bytes = b"c\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\xf3\x06\0\0\0\x97\0d\0S\0)\x01N\xa9\0r\x01\0\0\0\xf3\0\0\0\0\
///     \xfa\x04e.py\xfa\x08<module>r\x04\0\0\0\x01\0\0\0s\x0f\0\0\0\xf0\x03\x01\x01\x01\xf0\0\x01\x01\x01\xf0\0\x01\x01\x01r\x02\0\0\0";
/// let arena = permacode::CodeArena::new()?;
/// let loader = arena.load("e")?;
/// let code = freeze::freeze(&loader, &*marshal::read(bytes)?)?;
/// loader.seal()?;
/// assert_eq!((code.name.as_str(), code.units), ("<module>", &b"\x97\0d\0S\0"[..]));
/// # Ok(())
/// # }
/// ```
pub fn freeze<'x>(loader: &Loader<'x>, code: &Code) -> Result<&'x frozen::Code<'x>, Error> {
    Freezer {
        loader,
        texts: HashMap::new(),
        bytes: HashMap::new(),
        names: HashMap::new(),
        groups: HashMap::new(),
        codes: HashMap::new(),
    }
    .code(code)
}

/// The parts of a tree that were frozen: leaves by their contents, others by their addresses there. The tree lives meanwhile, so an address is
/// one part's.
struct Freezer<'l, 't, 'x> {
    loader: &'l Loader<'x>,
    texts: HashMap<&'t str, &'x str>,
    bytes: HashMap<&'t [u8], &'x [u8]>,
    names: HashMap<&'t [Rc<str>], &'x [Name<'x>]>,
    groups: HashMap<*const Const, &'x [frozen::Const<'x>]>,
    codes: HashMap<*const Code, &'x frozen::Code<'x>>,
}

impl<'t, 'x> Freezer<'_, 't, 'x> {
    fn code(&mut self, code: &'t Code) -> Result<&'x frozen::Code<'x>, Error> {
        let frozen = frozen::Code {
            name: self.loader.intern_name(&code.name)?,
            qualified_name: self.loader.intern_name(&code.qualified_name)?,
            file: self.text(&code.file)?,
            units: self.bytes(&code.units)?,
            line_table: self.bytes(&code.line_table)?,
            exception_table: self.bytes(&code.exception_table)?,
            constants: self.group(&code.constants)?,
            names: self.names(&code.names)?,
            variables: self.names(&code.variables)?,
            kinds: self.bytes(&code.kinds)?,
            arguments: code.arguments,
            positional_only: code.positional_only,
            keyword_only: code.keyword_only,
            stack_size: code.stack_size,
            flags: code.flags,
            first_line: code.first_line,
        };
        self.loader.alloc(frozen)
    }

    fn constant(&mut self, constant: &'t Const) -> Result<frozen::Const<'x>, Error> {
        Ok(match constant {
            Const::None => frozen::Const::None,
            Const::Ellipsis => frozen::Const::Ellipsis,
            Const::Bool(value) => frozen::Const::Bool(*value),
            Const::Int(value) => frozen::Const::Int(*value),
            Const::Big(big) => frozen::Const::Big(big.negative, self.loader.alloc_slice_copy(&big.digits)?),
            Const::Float(value) => frozen::Const::Float(*value),
            Const::Complex(real, imaginary) => frozen::Const::Complex(*real, *imaginary),
            Const::Name(name) => frozen::Const::Name(self.loader.intern_name(name)?),
            Const::Text(text) => frozen::Const::Text(self.text(text)?),
            Const::Surrogates(bytes) => frozen::Const::Surrogates(self.bytes(bytes)?),
            Const::Bytes(bytes) => frozen::Const::Bytes(self.bytes(bytes)?),
            Const::Tuple(inner) => frozen::Const::Tuple(self.group(inner)?),
            Const::FrozenSet(inner) => frozen::Const::FrozenSet(self.group(inner)?),
            Const::Slice(inner) => frozen::Const::Slice(self.group(inner)?),
            Const::Code(code) => match self.codes.get(&Rc::as_ptr(code)) {
                Some(frozen) => frozen::Const::Code(frozen),
                None => {
                    let frozen = self.code(code)?;
                    self.codes.insert(Rc::as_ptr(code), frozen);
                    frozen::Const::Code(frozen)
                }
            },
        })
    }

    fn group(&mut self, group: &'t Rc<[Const]>) -> Result<&'x [frozen::Const<'x>], Error> {
        if let Some(frozen) = self.groups.get(&group.as_ptr()) {
            return Ok(frozen);
        }
        // What they lead to comes first, so that the group lies behind it.
        let constants = group.iter().map(|constant| self.constant(constant)).collect::<Result<Vec<_>, _>>()?;
        let frozen = self.loader.alloc_slice_copy(&constants)?;
        self.groups.insert(group.as_ptr(), frozen);
        Ok(frozen)
    }

    fn names(&mut self, names: &'t [Rc<str>]) -> Result<&'x [Name<'x>], Error> {
        if let Some(frozen) = self.names.get(names) {
            return Ok(frozen);
        }
        let interned = |at: usize| self.loader.intern_name(&names[at]);
        let frozen = self.loader.alloc_slice_try_fill_with(names.len(), interned)?;
        self.names.insert(names, frozen);
        Ok(frozen)
    }

    fn text(&mut self, text: &'t str) -> Result<&'x str, Error> {
        if let Some(frozen) = self.texts.get(text) {
            return Ok(frozen);
        }
        let frozen = self.loader.alloc_str(text)?;
        self.texts.insert(text, frozen);
        Ok(frozen)
    }

    fn bytes(&mut self, bytes: &'t [u8]) -> Result<&'x [u8], Error> {
        if let Some(frozen) = self.bytes.get(bytes) {
            return Ok(frozen);
        }
        let frozen = self.loader.alloc_slice_copy(bytes)?;
        self.bytes.insert(bytes, frozen);
        Ok(frozen)
    }
}
