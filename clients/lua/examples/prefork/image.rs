//! The image of a run: written once, and opened by whoever knows its path.

use permacode::CodeArena;
use permacode::image::{Image, ImageError, ImageWriter};
use permacode_lua::{Chunk, Library, Program};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = "programs";

/// An image in a folder of its own, which is gone when this is dropped.
pub struct Installed {
    folder: PathBuf,
    path: PathBuf,
    bytes: usize,
}

impl Installed {
    /// Writes the image, by an arena that is gone afterwards.
    pub fn write(chunks: &[Chunk]) -> Result<Self, Box<dyn Error>> {
        let folder = std::env::temp_dir().join(format!("prefork-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let mut installed = Self { path: folder.join("programs.image"), folder, bytes: 0 };
        let arena = CodeArena::new()?;
        let loader = arena.load(ROOT)?;
        let library = Library::place(&loader, chunks)?;
        loader.seal()?;
        let report = ImageWriter::new(&arena).version("Lua 5.5").root(ROOT, library)?.write(&installed.path)?;
        installed.bytes = report.bytes;
        Ok(installed)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Opens an image that a run of this program has written. Each value is checked, or the writer is trusted.
///
/// It is an error if the image is not shared as a whole, since that is what is measured.
pub fn open(path: &Path, checked: bool) -> Result<CodeArena, Box<dyn Error>> {
    // SAFETY: a file that this program wrote, once, in a folder of its own on a disk of this machine.
    let image = unsafe { Image::map(path) }?;
    let image = match checked {
        true => image.check::<Library<'_>>()?,
        // SAFETY: as above.
        false => unsafe { image.trust() },
    };
    let arena = image.open()?;
    match arena.why_not_shared() {
        None => Ok(arena),
        Some(reason) => Err(format!("{}: the image is not shared: {reason}", path.display()).into()),
    }
}

/// All programs of an arena that was opened so, sorted by name.
pub fn programs(arena: &CodeArena) -> Result<Vec<Program<'_>>, ImageError> {
    let library: &Library<'_> = arena.root(ROOT)?;
    // SAFETY: chunks that this program compiled: see `open`.
    Ok(unsafe { library.programs() }.collect())
}

/// Reads all chunks, so that this process has each page of them, and one that another process reads is shared.
pub fn read_all(programs: &[Program<'_>]) {
    let bytes = programs.iter().flat_map(|program| program.bytes());
    std::hint::black_box(bytes.map(|byte| u64::from(*byte)).sum::<u64>());
}
