//! The contracts of a run: those that are assembled, a folder's, and made-up ones in the sizes of Ethereum's.

use super::Outcome;
use super::options::Options;
use super::ways::harness::random::Random;
use permacode_evm::samples::{self, LARGEST};
use revm::bytecode::opcode::{JUMPDEST, PUSH1};
use revm::primitives::hex;
use std::fs;
use std::path::Path;

/// A contract: its name, and its code.
pub type Named = (String, Vec<u8>);

pub fn all(options: &Options) -> Outcome<Vec<Named>> {
    let mut all: Vec<Named> = samples::all().into_iter().map(|(name, code)| (name.to_owned(), code)).collect();
    let mut random = Random::new(11);
    all.extend((0..options.contracts).map(|number| (format!("made-up-{number}"), made_up(&mut random))));
    if let Some(folder) = &options.folder {
        all.extend(read(folder)?);
    }
    Ok(all)
}

/// Half of them have at most 431 bytes, nine of ten at most 9.6 kB, and none more than is allowed. They have a jump destination every 16
/// instructions or so, and pushes of all sizes.
fn made_up(random: &mut Random) -> Vec<u8> {
    let (from, to) = match random.below(10) {
        0..5 => (32, 431),
        5..9 => (431, 9_600),
        _ => (9_600, LARGEST),
    };
    let len = from + random.below(to - from);
    let mut code = Vec::with_capacity(len + 33);
    while code.len() < len {
        match random.below(16) {
            0 => code.push(JUMPDEST),
            1..6 => {
                let size = 1 + [0, 0, 0, 1, 3, 19, 31][random.below(7)];
                code.push(PUSH1 + size as u8 - 1);
                code.extend((0..size).map(|_| random.next() as u8));
            }
            _ => code.push(random.below(0x20) as u8),
        }
    }
    code.truncate(len);
    code
}

/// The contracts of a folder, by the names of their files.
fn read(folder: &Path) -> Outcome<Vec<Named>> {
    let failed = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let mut contracts = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "hex") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let code = hex::decode(text.trim()).map_err(|error| failed(&path, &error))?;
        contracts.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), code));
    }
    if contracts.is_empty() {
        return Err(failed(folder, &"no file is called *.hex").into());
    }
    Ok(contracts)
}
