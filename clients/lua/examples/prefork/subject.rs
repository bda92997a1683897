//! A program to be run, and what it should print.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where the expected output comes from.
#[derive(Clone, Debug)]
pub enum Expected {
    /// From the file beside the program.
    File(Vec<u8>),
    /// From a run in a process of its own, before the workers are forked.
    Reference(Vec<u8>),
    /// There is no such file, and no such run succeeded.
    Unknown,
}

impl Expected {
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::File(bytes) | Self::Reference(bytes) => Some(bytes),
            Self::Unknown => None,
        }
    }

    pub fn origin(&self) -> &'static str {
        match self {
            Self::File(_) => "its .expected file",
            Self::Reference(_) => "a reference run",
            Self::Unknown => "nothing: the reference run failed",
        }
    }
}

/// A program as its author wrote it.
pub struct Subject {
    pub path: PathBuf,
    /// What reports and Lua's messages call it.
    pub name: String,
    pub source: Vec<u8>,
    pub expected: Expected,
}

/// Reads the files, those of folders among them, or the corpus when there are none. On failure, says everything that is wrong.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Subject>, Vec<String>> {
    if paths.is_empty() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        return all(inside(&folder)?.into_iter().map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (path, name)
        }));
    }
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(inside(path)?),
            false => files.push(path.clone()),
        }
    }
    all(files.into_iter().map(|path| {
        let name = path.display().to_string();
        (path, name)
    }))
}

/// The programs of a folder, by name.
fn inside(folder: &Path) -> Result<Vec<PathBuf>, Vec<String>> {
    let listing = |error| vec![format!("{}: {error}", folder.display())];
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(listing)? {
        let path = entry.map_err(listing)?.path();
        files.extend(Some(path).filter(|path| path.extension().is_some_and(|extension| extension == "lua")));
    }
    if files.is_empty() {
        return Err(vec![format!("{}: no programs here", folder.display())]);
    }
    files.sort();
    Ok(files)
}

fn all(files: impl IntoIterator<Item = (PathBuf, String)>) -> Result<Vec<Subject>, Vec<String>> {
    let (mut subjects, mut wrong) = (Vec::new(), Vec::new());
    for (path, name) in files {
        match one(&path, name) {
            Ok(subject) => subjects.push(subject),
            Err(why) => wrong.push(why),
        }
    }
    if wrong.is_empty() { Ok(subjects) } else { Err(wrong) }
}

fn one(path: &Path, name: String) -> Result<Subject, String> {
    let source = source(path)?;
    let beside = path.with_extension("expected");
    let expected = match fs::read(&beside) {
        Ok(bytes) => Expected::File(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Expected::Unknown,
        Err(error) => return Err(format!("{}: {error}", beside.display())),
    };
    Ok(Subject { path: path.to_owned(), name, source, expected })
}

/// The text of a program, as the compiler takes it.
pub fn source(path: &Path) -> Result<Vec<u8>, String> {
    let mut source = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    source.drain(..shebang(&source));
    Ok(source)
}

/// How many bytes the `lua` program would skip: a byte order mark, and a first line that begins with `#`, up to its end.
fn shebang(source: &[u8]) -> usize {
    let mark = if source.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    match source[mark..].first() {
        Some(b'#') => source.iter().position(|byte| *byte == b'\n').unwrap_or(source.len()),
        _ => mark,
    }
}
