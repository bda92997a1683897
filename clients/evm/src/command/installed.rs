//! The files of a run: an image of its contracts, and a file of their codes, for those who analyse them.

use super::Outcome;
use super::population::Named;
use permacode::CodeArena;
use permacode::image::{Digest, Image, ImageWriter};
use permacode_evm::Contracts;
use revm::primitives::Bytes;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

const ROOT: &str = "contracts";

/// A folder with both, which is gone when this is dropped.
pub struct Installed {
    folder: PathBuf,
    pub contracts: usize,
    /// Bytes of all codes.
    pub code: usize,
    /// Bytes of the image.
    pub bytes: usize,
    pub digest: Digest,
}

impl Installed {
    pub fn write(contracts: &[Named]) -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!("permacode-evm-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let mut installed = Self {
            folder,
            contracts: contracts.len(),
            code: contracts.iter().map(|(_, code)| code.len()).sum(),
            bytes: 0,
            digest: Digest::from_bytes([0; 32]),
        };
        let codes: Vec<(&str, &[u8])> = contracts.iter().map(|(name, code)| (&**name, &**code)).collect();
        let arena = CodeArena::new()?;
        let loader = arena.load(ROOT)?;
        let root = Contracts::place(&loader, &codes)?;
        loader.seal()?;
        let report = ImageWriter::new(&arena).version("revm 43").root(ROOT, root)?.write(installed.image())?;
        (installed.bytes, installed.digest) = (report.bytes, report.digest);
        fs::write(installed.codes(), packed(&codes)?)?;
        Ok(installed)
    }

    pub fn image(&self) -> PathBuf {
        self.folder.join("contracts.image")
    }

    pub fn codes(&self) -> PathBuf {
        self.folder.join("contracts.codes")
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The reason why an image is taken to be as it was written.
pub enum Proof {
    /// All values are checked, contracts analysed and hashed again.
    Checked,
    /// The digest is compared with this one.
    Pinned(Digest),
    /// Nobody: the file is this program's.
    Trusted,
}

/// Opens an image of this program. It is an error if it is not shared as a whole.
pub fn open(path: &Path, proof: Proof) -> Outcome<CodeArena> {
    // SAFETY: a file that this program wrote, once, in a folder of its own on a disk of this machine.
    let image = unsafe { Image::map(path) }?;
    let image = match proof {
        Proof::Checked => image.check::<Contracts<'_>>()?,
        // SAFETY: the digest is that of what the writer wrote.
        Proof::Pinned(digest) => unsafe { image.pin(digest)?.trust() },
        // SAFETY: as above.
        Proof::Trusted => unsafe { image.trust() },
    };
    let arena = image.open()?;
    match arena.why_not_shared() {
        None => Ok(arena),
        Some(reason) => Err(format!("{}: the image is not shared: {reason}", path.display()).into()),
    }
}

pub fn contracts(arena: &CodeArena) -> Outcome<&Contracts<'_>> {
    Ok(arena.root(ROOT)?)
}

/// Codes one after the other, each behind the length of its name, the name, and its own length.
fn packed(codes: &[(&str, &[u8])]) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    for (name, code) in codes {
        for part in [name.as_bytes(), code] {
            bytes.extend(u32::try_from(part.len())?.to_le_bytes());
            bytes.extend(part);
        }
    }
    Ok(bytes)
}

/// Reads such a file, one part after the other, and calls `each` with every code: memory of its own, as from a database.
pub fn unpack(path: &Path, mut each: impl FnMut(Bytes)) -> Outcome<()> {
    let mut file = BufReader::new(File::open(path)?);
    while let Some(_name) = part(&mut file)? {
        each(part(&mut file)?.ok_or("a file of codes that ends too early")?.into());
    }
    Ok(())
}

/// The next part of the file, or `None` at its end.
fn part(file: &mut impl BufRead) -> Outcome<Option<Vec<u8>>> {
    if file.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut len = [0; 4];
    file.read_exact(&mut len)?;
    let mut bytes = vec![0; u32::from_le_bytes(len) as usize];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

/// Reads all code and all jump tables, so that this process has each page of them.
pub fn read_all(contracts: &Contracts<'_>) {
    let bytes = contracts.all().iter().flat_map(|contract| contract.code().iter().chain(contract.jumps()));
    std::hint::black_box(bytes.map(|byte| u64::from(*byte)).sum::<u64>());
}
