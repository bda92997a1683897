//! [`Way`]: how a process comes to the code of some modules.

use super::list::Entry;
use super::options::Name;
use permacode::CodeArena;
use permacode::image::{Image, ImageError};
use permacode_python::frozen::{Census, Code};
use permacode_python::{marshal, pyc, rustpython, tree};
use rustpython_compiler::core::bytecode::{BasicBag, CodeObject, ConstantData};
use rustpython_compiler::core::marshal::deserialize_code;
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The image, mapped and trusted.
    Image,
    /// The same, checked.
    CheckedImage,
    /// The image in sealed memory that another process holds, checked.
    SealedImage,
    /// All modules in one file, decoded here.
    OneFile,
    /// A file for each module, decoded here.
    Files,
    /// The sources, compiled here.
    Compile,
    /// A file for each module, decoded by CPython.
    CPython,
    /// The sources, compiled by CPython.
    CPythonCompile,
}

impl Way {
    pub const ALL: [Self; 8] = [
        Self::Image,
        Self::CheckedImage,
        Self::SealedImage,
        Self::OneFile,
        Self::Files,
        Self::Compile,
        Self::CPython,
        Self::CPythonCompile,
    ];

    /// The ways that a source has.
    pub fn of(source: Name) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |way| match source {
            Name::CPython => *way != Self::Compile,
            Name::RustPython => !way.is_cpythons(),
        })
    }

    /// Returns `true` for what a process of CPython does, by `load.py`.
    pub fn is_cpythons(self) -> bool {
        matches!(self, Self::CPython | Self::CPythonCompile)
    }

    /// Returns `true` for what takes longer than all else.
    pub fn compiles(self) -> bool {
        matches!(self, Self::Compile | Self::CPythonCompile)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image, trusted",
            Self::CheckedImage => "image, checked",
            Self::SealedImage => "image in sealed memory, checked",
            Self::OneFile => "marshal, one file, decoded in Rust",
            Self::Files => "`.pyc`, one by one, decoded in Rust",
            Self::Compile => "compiled from `.py`",
            Self::CPython => "`.pyc`, one by one, by CPython",
            Self::CPythonCompile => "compiled from `.py`, by CPython",
        }
    }

    /// The files that this way reads of some modules.
    pub fn files(self, folder: &Path, entries: &[Entry]) -> Vec<PathBuf> {
        match self {
            Self::Image | Self::CheckedImage => vec![folder.join("image")],
            Self::SealedImage => Vec::new(),
            Self::OneFile => vec![folder.join("all")],
            Self::Files | Self::CPython => {
                entries.iter().map(|entry| pyc::path(&folder.join("pyc"), &entry.name)).collect()
            }
            Self::Compile | Self::CPythonCompile => entries.iter().map(|entry| entry.source.clone()).collect(),
        }
    }
}

/// The place where a way finds its files.
pub struct Place<'p> {
    pub source: Name,
    pub folder: &'p Path,
    /// The sealed memory of the process that started this one.
    pub sealed: Option<&'p Path>,
}

/// A program whose code was opened: modules are loaded from it.
pub enum Opened {
    Image(Box<CodeArena>),
    OneFile(Name, File),
    Files(Name, PathBuf),
    Compile,
}

/// A module that was loaded. One of an image lies in its arena.
pub enum Module<'o> {
    Frozen(&'o Code<'o>),
    Tree(Rc<tree::Code>),
    Object(Box<CodeObject>),
}

type Outcome<T> = Result<T, Box<dyn Error>>;

impl Opened {
    pub fn open(way: Way, place: &Place<'_>) -> Outcome<Self> {
        Ok(match way {
            Way::Image => Self::Image(trusted(&place.folder.join("image"))?.open()?.into()),
            Way::CheckedImage => {
                let image = trusted(&place.folder.join("image"))?;
                Self::Image(image.check::<Code<'_>>()?.open()?.into())
            }
            Way::SealedImage => {
                let file = File::open(place.sealed.ok_or("there is no sealed memory")?)?;
                Self::Image(Image::open_sealed(file)?.check::<Code<'_>>()?.open()?.into())
            }
            Way::OneFile => Self::OneFile(place.source, File::open(place.folder.join("all"))?),
            Way::Files => Self::Files(place.source, place.folder.join("pyc")),
            Way::Compile => Self::Compile,
            Way::CPython | Way::CPythonCompile => return Err("that is another program".into()),
        })
    }

    pub fn load(&self, entry: &Entry) -> Outcome<Module<'_>> {
        match self {
            Self::Image(arena) => Ok(Module::Frozen(arena.root(&entry.name)?)),
            Self::OneFile(source, file) => {
                let mut bytes = vec![0; entry.length];
                file.read_exact_at(&mut bytes, entry.offset)?;
                decode(*source, &bytes)
            }
            Self::Files(Name::CPython, folder) => Ok(Module::Tree(pyc::read(folder, &entry.name)?)),
            Self::Files(Name::RustPython, folder) => {
                let bytes = std::fs::read(pyc::path(folder, &entry.name))?;
                decode(Name::RustPython, bytes.get(pyc::HEADER..).ok_or("no header")?)
            }
            Self::Compile => Ok(Module::Object(rustpython::compile(&entry.source)?.into())),
        }
    }
}

/// This program's own image, mapped.
fn trusted(path: &Path) -> Result<Image, ImageError> {
    // SAFETY: this program wrote the file, of these types, and nobody writes to it while it runs.
    unsafe { Image::map(path).map(|image| image.trust()) }
}

/// In the compiler's own form, by its own decoder: for CPython's code that is this package's.
fn decode(source: Name, mut bytes: &[u8]) -> Outcome<Module<'static>> {
    Ok(match source {
        Name::CPython => Module::Tree(marshal::read(bytes)?),
        Name::RustPython => Module::Object(deserialize_code(&mut bytes, BasicBag)?.into()),
    })
}

impl Module<'_> {
    /// The first instruction.
    pub fn first(&self) -> Option<u8> {
        match self {
            Self::Frozen(code) => code.units.first().copied(),
            Self::Tree(code) => code.units.first().copied(),
            Self::Object(code) => code.instructions.first().map(|unit| u8::from(unit.op)),
        }
    }

    /// Reads all of it.
    pub fn read(&self) {
        match self {
            Self::Frozen(code) => {
                let mut census = Census::default();
                census.add(code);
                black_box(census);
            }
            Self::Tree(code) => {
                black_box(read_tree(code));
            }
            Self::Object(code) => {
                black_box(read_object(code));
            }
        }
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

fn read_tree(code: &tree::Code) -> u64 {
    let of = |constant: &tree::Const| match constant {
        tree::Const::Code(code) => read_tree(code),
        tree::Const::Name(text) | tree::Const::Text(text) => sum(text.as_bytes()),
        tree::Const::Bytes(bytes) | tree::Const::Surrogates(bytes) => sum(bytes),
        _ => 1,
    };
    let names = code.names.iter().chain(&code.variables).map(|name| sum(name.as_bytes())).sum::<u64>();
    [&code.units, &code.line_table, &code.exception_table].iter().map(|bytes| sum(bytes)).sum::<u64>()
        + names
        + code.constants.iter().map(of).sum::<u64>()
}

fn read_object(code: &CodeObject) -> u64 {
    let of = |constant: &ConstantData| match constant {
        ConstantData::Code { code } => read_object(code),
        ConstantData::Str { value } => sum(value.as_bytes()),
        ConstantData::Bytes { value } => sum(value),
        _ => 1,
    };
    let names = [&code.names, &code.varnames, &code.cellvars, &code.freevars];
    code.instructions.iter().map(|unit| u64::from(u8::from(unit.op))).sum::<u64>()
        + code.locations.iter().map(|(start, _)| start.line.get() as u64).sum::<u64>()
        + sum(&code.linetable)
        + sum(&code.exceptiontable)
        + names.iter().flat_map(|names| names.iter()).map(|name| sum(name.as_bytes())).sum::<u64>()
        + code.constants.iter().map(of).sum::<u64>()
}
