//! The other source: RustPython's compiler, over its own library or any folder of `.py`. It needs nothing installed.
//!
//! ```text
//!   .py ── compile ──▶ CodeObject, as RustPython runs it ── tree ──▶ tree::Code
//! ```
//!
//! A [`CodeObject`] has fields that its others determine. The positions stand in the line table. The three lists of variables are one list with kinds.
//! [`tree`] refuses an object in which that is not so. So nothing is lost.

use crate::rustpython_error::{Field, RustPythonError};
use crate::tree::{Big, Code, Const};
use rustpython_compiler::core::bytecode::{CodeObject, ConstantData};
use rustpython_compiler::core::marshal::linetable_to_locations;
use rustpython_compiler::{CompileOpts, Mode};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The folder of RustPython's library, as its package brought it.
pub fn library() -> &'static Path {
    Path::new(rustpython_pylib::LIB_PATH)
}

/// Returns the modules below a folder by name, with their files.
///
/// # Errors
///
/// A folder cannot be read.
pub fn modules(folder: &Path) -> Result<BTreeMap<String, PathBuf>, RustPythonError> {
    fn collect(at: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(at)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if path.is_dir() {
                if !matches!(name, "__pycache__" | "dist-packages" | "site-packages") {
                    collect(&path, &format!("{prefix}{name}."), found)?;
                }
            } else if let Some(name) = name.strip_suffix(".py") {
                let name = format!("{prefix}{name}");
                found.insert(name.strip_suffix(".__init__").map(str::to_owned).unwrap_or(name), path);
            }
        }
        Ok(())
    }
    let mut found = BTreeMap::new();
    collect(folder, "", &mut found).map_err(|error| RustPythonError::System(folder.to_owned(), error))?;
    Ok(found)
}

/// Compiles a file.
///
/// # Errors
///
/// It cannot be read, or is no Python.
pub fn compile(path: &Path) -> Result<CodeObject, RustPythonError> {
    let source = std::fs::read(path).map_err(|error| RustPythonError::System(path.to_owned(), error))?;
    let source = String::from_utf8(source).map_err(|_| RustPythonError::Text(path.to_owned()))?;
    let name = path.to_string_lossy();
    rustpython_compiler::compile(&source, Mode::Exec, &name, CompileOpts::default())
        .map_err(|error| RustPythonError::Syntax(path.to_owned(), error.to_string()))
}

/// Converts a code object. Equal texts and bytes of it are shared.
///
/// # Errors
///
/// It has more than its fields determine.
pub fn tree(code: &CodeObject) -> Result<Rc<Code>, RustPythonError> {
    Converter::default().code(code).map(Rc::new)
}

#[derive(Default)]
struct Converter {
    texts: HashMap<String, Rc<str>>,
    bytes: HashMap<Vec<u8>, Rc<[u8]>>,
}

impl Converter {
    fn code(&mut self, code: &CodeObject) -> Result<Code, RustPythonError> {
        let variables = variables(code)?;
        let first_line = code.first_line_number.map_or(0, |line| line.get());
        let refused = |field| RustPythonError::Field { code: code.qualname.clone(), field };
        let first_line = i32::try_from(first_line).map_err(|_| refused(Field::FirstLine))?;
        let units = code.instructions.original_bytes();
        if linetable_to_locations(&code.linetable, first_line, code.instructions.len()) != code.locations {
            return Err(refused(Field::Positions));
        }
        Ok(Code {
            name: self.text(&code.obj_name),
            qualified_name: self.text(&code.qualname),
            file: self.text(&code.source_path),
            units: self.bytes(&units),
            line_table: self.bytes(&code.linetable),
            exception_table: self.bytes(&code.exceptiontable),
            constants: self.constants(&code.constants)?,
            names: code.names.iter().map(|name| self.text(name)).collect(),
            variables: variables.iter().map(|name| self.text(name)).collect(),
            kinds: self.bytes(&code.localspluskinds),
            arguments: code.arg_count,
            positional_only: code.posonlyarg_count,
            keyword_only: code.kwonlyarg_count,
            stack_size: code.max_stackdepth,
            flags: code.flags.bits(),
            first_line: first_line.unsigned_abs(),
        })
    }

    fn constant(&mut self, constant: &ConstantData) -> Result<Const, RustPythonError> {
        Ok(match constant {
            ConstantData::None => Const::None,
            ConstantData::Ellipsis => Const::Ellipsis,
            ConstantData::Boolean { value } => Const::Bool(*value),
            ConstantData::Integer { value } => {
                // The highest bit of its shortest form with a sign.
                let negative = value.to_signed_bytes_le().last().is_some_and(|byte| byte & 0x80 != 0);
                crate::marshal::shortest(Big { negative, digits: value.to_u32_digits().1 })
            }
            ConstantData::Float { value } => Const::Float(*value),
            ConstantData::Complex { value } => Const::Complex(value.re, value.im),
            ConstantData::Str { value } => match std::str::from_utf8(value.as_bytes()) {
                Ok(text) => Const::Text(self.text(text)),
                Err(_) => Const::Surrogates(self.bytes(value.as_bytes())),
            },
            ConstantData::Bytes { value } => Const::Bytes(self.bytes(value)),
            ConstantData::Tuple { elements } => Const::Tuple(self.constants(elements)?),
            ConstantData::Frozenset { elements } => Const::FrozenSet(self.constants(elements)?),
            ConstantData::Slice { elements } => Const::Slice(self.constants(&elements[..])?),
            ConstantData::Code { code } => Const::Code(Rc::new(self.code(code)?)),
        })
    }

    fn constants(&mut self, constants: &[ConstantData]) -> Result<Rc<[Const]>, RustPythonError> {
        constants.iter().map(|constant| self.constant(constant)).collect()
    }

    fn text(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let new: Rc<str> = text.into();
        self.texts.insert(text.to_owned(), new.clone());
        new
    }

    fn bytes(&mut self, bytes: &[u8]) -> Rc<[u8]> {
        if let Some(known) = self.bytes.get(bytes) {
            return known.clone();
        }
        let new: Rc<[u8]> = bytes.into();
        self.bytes.insert(bytes.to_owned(), new.clone());
        new
    }
}

/// One list of the three: locals, then cells that are no locals, then free variables. The kinds must tell the three again.
fn variables(code: &CodeObject) -> Result<Vec<&str>, RustPythonError> {
    use crate::frozen::Code as Frozen;
    let is_local = |name: &&String| code.varnames.contains(*name);
    let cells = code.cellvars.iter().filter(|name| !is_local(name));
    let all: Vec<&str> = code.varnames.iter().chain(cells).chain(&code.freevars).map(String::as_str).collect();
    let told = |bit: u8, list: &[String]| {
        let of = all.iter().zip(&code.localspluskinds).filter(|(_, kind)| **kind & bit != 0);
        of.map(|(name, _)| *name).eq(list.iter().map(String::as_str))
    };
    let lists = [(Frozen::LOCAL, &code.varnames), (Frozen::CELL, &code.cellvars), (Frozen::FREE, &code.freevars)];
    if all.len() == code.localspluskinds.len() && lists.iter().all(|(bit, list)| told(*bit, list)) {
        Ok(all)
    } else {
        Err(RustPythonError::Field { code: code.qualname.clone(), field: Field::Variables })
    }
}
