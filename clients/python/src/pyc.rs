//! A folder of `.pyc` files: one for each module, named by it. CPython 3.11 wrote them, by `dump.py`.
//!
//! ```text
//!   magic number · flags · time · size  (16 bytes)  │  a code object by marshal
//! ```

use crate::marshal;
use crate::marshal_error::MarshalError;
use crate::tree::Code;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes before the code object.
pub const HEADER: usize = 16;
/// The first bytes of a file that CPython 3.11 wrote.
pub const MAGIC: [u8; 4] = [0xa7, 0x0d, 0x0d, 0x0a];

/// The reason why a `.pyc` file was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum PycError {
    /// The system did not let it be read.
    System(PathBuf, io::Error),
    /// It was not written by CPython 3.11: its first bytes are these.
    Magic(PathBuf, [u8; 4]),
    /// The bytes behind the header are no code object.
    Marshal(PathBuf, MarshalError),
}

impl fmt::Display for PycError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Magic(path, found) => write!(
                f,
                "{}: expected the magic number {MAGIC:02x?} of CPython 3.11 and found {found:02x?}: compile it with that version",
                path.display()
            ),
            Self::Marshal(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for PycError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(_, error) => Some(error),
            Self::Marshal(_, error) => Some(error),
            Self::Magic(..) => None,
        }
    }
}

/// Returns the names of the modules that a folder has, sorted.
///
/// # Errors
///
/// The folder cannot be read.
pub fn modules(folder: &Path) -> Result<Vec<String>, PycError> {
    let entries = std::fs::read_dir(folder).map_err(|error| PycError::System(folder.to_owned(), error))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| PycError::System(folder.to_owned(), error))?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(".pyc")).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Returns the file of a module.
pub fn path(folder: &Path, module: &str) -> PathBuf {
    folder.join(format!("{module}.pyc"))
}

/// Reads the bytes of a module's code object.
///
/// # Errors
///
/// The file cannot be read, or is not one of CPython 3.11.
pub fn read_marshal(folder: &Path, module: &str) -> Result<Vec<u8>, PycError> {
    let path = path(folder, module);
    let mut bytes = std::fs::read(&path).map_err(|error| PycError::System(path.clone(), error))?;
    match bytes.first_chunk() {
        Some(&MAGIC) if bytes.len() >= HEADER => Ok(bytes.split_off(HEADER)),
        Some(&found) if found != MAGIC => Err(PycError::Magic(path, found)),
        _ => Err(PycError::Marshal(
            path,
            MarshalError::Ends { at: bytes.len(), wanted: HEADER - bytes.len().min(HEADER) },
        )),
    }
}

/// Reads the code object of a module.
///
/// # Errors
///
/// As for [`read_marshal`], and what follows the header is no code object.
pub fn read(folder: &Path, module: &str) -> Result<Rc<Code>, PycError> {
    let bytes = read_marshal(folder, module)?;
    marshal::read(&bytes).map_err(|error| PycError::Marshal(path(folder, module), error))
}
