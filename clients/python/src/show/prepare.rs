//! [`Prepared`]: the files of one source, made once: the image, and the same code in the other forms.
//!
//! ```text
//!   FOLDER/ ─┬─ image             a root for each module
//!            ├─ pyc/NAME.pyc      16 bytes of header, and the code object by marshal: CPython's own, or RustPython's
//!            ├─ all               all of them in one file, without headers
//!            └─ modules.list, ordinary.list
//! ```

use super::list::{self, Entry};
use super::options::{Name, Options};
use permacode::image::{ImageWriter, WriteReport};
use permacode::{CodeArena, stats::CodeStats};
use permacode_python::frozen::{Census, Code};
use permacode_python::python::Python;
use permacode_python::{ORDINARY, RustPythonError, freeze, pyc, rustpython};
use rustpython_compiler::core::marshal::serialize_code;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A source, compiled and written in each form.
pub struct Prepared {
    pub source: Name,
    pub python: Option<Python>,
    pub folder: PathBuf,
    pub entries: Vec<Entry>,
    /// Those of an ordinary program.
    pub ordinary: Vec<Entry>,
    /// A line for each file that the compiler refused.
    pub left_out: Vec<String>,
    pub census: Census,
    /// The arena of the image, before it was written.
    pub stats: CodeStats,
    pub report: WriteReport,
    /// Bytes of the `.pyc` files.
    pub files: u64,
    pub times: Times,
}

/// The time that each step took, by the clock.
#[derive(Default)]
pub struct Times {
    /// Compiling, and writing the `.pyc` files.
    pub compile: Duration,
    /// Reading them, into the arena.
    pub freeze: Duration,
    pub seal: Duration,
    /// Writing the image.
    pub write: Duration,
}

impl Prepared {
    pub fn list(&self) -> PathBuf {
        self.folder.join("modules.list")
    }

    pub fn ordinary_list(&self) -> PathBuf {
        self.folder.join("ordinary.list")
    }

    /// Compiles a source, and writes everything to a folder that is empty.
    pub fn new(
        source: Name,
        python: Option<Python>,
        folder: PathBuf,
        options: &Options,
    ) -> Result<Self, Box<dyn Error>> {
        let pyc = folder.join("pyc");
        std::fs::create_dir(&pyc)?;
        let from = match (&python, &options.folder) {
            (Some(python), _) if source == Name::CPython => python.library.clone(),
            (_, Some(from)) => from.clone(),
            _ => rustpython::library().to_owned(),
        };
        let mut sources = rustpython::modules(&from)?;
        if options.ordinary {
            let is_ordinary = |name: &String| ORDINARY.contains(&name.as_str());
            // A folder of somebody's own may have none of them.
            match sources.keys().any(is_ordinary) {
                true => sources.retain(|name, _| is_ordinary(name)),
                false => sources = sources.into_iter().take(ORDINARY.len()).collect(),
            }
        }
        let (mut left_out, mut times) = (Vec::new(), Times::default());
        let arena = CodeArena::new()?;
        let mut modules: Vec<(String, &Code<'_>)> = Vec::new();
        if let (Some(python), Name::CPython) = (&python, source) {
            let start = Instant::now();
            let wanted: Vec<String> = if options.ordinary { sources.keys().cloned().collect() } else { Vec::new() };
            left_out = python.compile(from.as_os_str(), pyc.as_os_str(), &wanted)?;
            times.compile = start.elapsed();
            let start = Instant::now();
            for name in pyc::modules(&pyc)? {
                let tree = pyc::read(&pyc, &name)?;
                modules.push(freeze_into(&arena, name, &tree)?);
            }
            times.freeze = start.elapsed();
        } else {
            compile(&arena, &sources, &pyc, &mut modules, &mut left_out, &mut times)?;
        }
        if modules.is_empty() {
            return Err(format!("there is no module below {}", from.display()).into());
        }
        let start = Instant::now();
        arena.seal()?;
        times.seal = start.elapsed();

        let mut census = Census::default();
        modules.iter().for_each(|(_, code)| census.add(code));
        let start = Instant::now();
        let mut writer = ImageWriter::new(&arena).version(match source {
            Name::CPython => "the library of CPython 3.11",
            Name::RustPython => "the library of RustPython 0.6",
        });
        for (name, code) in &modules {
            writer = writer.root(name, *code)?;
        }
        let report = writer.write(folder.join("image"))?;
        times.write = start.elapsed();

        let names = modules.iter().map(|(name, _)| name.as_str());
        let (entries, files) = one_file(names, &sources, &folder)?;
        let ordinary: Vec<Entry> =
            ORDINARY.iter().filter_map(|name| entries.iter().find(|entry| entry.name == *name).cloned()).collect();
        let ordinary =
            if ordinary.is_empty() { entries.iter().take(ORDINARY.len()).cloned().collect() } else { ordinary };
        let stats = arena.stats();
        let prepared =
            Self { source, python, folder, entries, ordinary, left_out, census, stats, report, files, times };
        list::write(&prepared.list(), &prepared.entries)?;
        list::write(&prepared.ordinary_list(), &prepared.ordinary)?;
        Ok(prepared)
    }
}

type Frozen<'a> = (String, &'a Code<'a>);

fn freeze_into<'a>(
    arena: &'a CodeArena,
    name: String,
    tree: &permacode_python::tree::Code,
) -> Result<Frozen<'a>, permacode::Error> {
    let module = arena.load(&name)?;
    let code = freeze::freeze(&module, tree)?;
    module.finish();
    Ok((name, code))
}

/// Compiles by RustPython, a module at a time.
fn compile<'a>(
    arena: &'a CodeArena,
    sources: &BTreeMap<String, PathBuf>,
    pyc: &Path,
    modules: &mut Vec<Frozen<'a>>,
    left_out: &mut Vec<String>,
    times: &mut Times,
) -> Result<(), Box<dyn Error>> {
    for (name, path) in sources {
        let start = Instant::now();
        let object = match rustpython::compile(path) {
            Ok(object) => object,
            Err(error @ (RustPythonError::Syntax(..) | RustPythonError::Text(_))) => {
                left_out.push(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let mut bytes = vec![0; pyc::HEADER];
        serialize_code(&mut bytes, &object);
        std::fs::write(pyc::path(pyc, name), bytes)?;
        times.compile += start.elapsed();
        let start = Instant::now();
        modules.push(freeze_into(arena, name.clone(), &*rustpython::tree(&object)?)?);
        times.freeze += start.elapsed();
    }
    Ok(())
}

/// Writes all `.pyc` files to one, and returns their places there, and the bytes of them all.
fn one_file<'n>(
    names: impl Iterator<Item = &'n str>,
    sources: &BTreeMap<String, PathBuf>,
    folder: &Path,
) -> Result<(Vec<Entry>, u64), Box<dyn Error>> {
    let mut all = BufWriter::new(File::create(folder.join("all"))?);
    let (mut entries, mut offset, mut files) = (Vec::new(), 0, 0);
    for name in names {
        let bytes = std::fs::read(pyc::path(&folder.join("pyc"), name))?;
        let code = bytes.get(pyc::HEADER..).ok_or("a file without a header")?;
        all.write_all(code)?;
        let source = sources.get(name).cloned().unwrap_or_default();
        entries.push(Entry { name: name.to_owned(), offset, length: code.len(), source });
        offset += code.len() as u64;
        files += bytes.len() as u64;
    }
    all.flush()?;
    Ok((entries, files))
}
