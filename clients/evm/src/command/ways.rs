//! The ways from contracts to bytecode that is ready to run, each in fresh processes, in turns.
//!
//! A time is of the processor, the kernel's part included, from `main` on.

#[path = "../../../../benches/harness/mod.rs"]
#[allow(dead_code, reason = "a table of few columns")]
pub mod harness;

use super::Outcome;
use super::installed::{self, Installed, Proof};
use harness::{Clock, Samples, interleave};
use permacode::CodeArena;
use permacode::image::Digest;
use permacode_witness::Rollup;
use revm::state::Bytecode;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// The option by which this program is started to measure one way. It is followed by the number of the way, the image, and the file of codes.
pub const OPTION: &str = "--as-way";

/// Has the digest of the image.
const DIGEST: &str = "PERMACODE_EVM_DIGEST";

#[derive(Clone, Copy)]
enum Way {
    Analysed,
    Checked,
    Pinned,
    Trusted,
    Shared,
}

impl Way {
    const ALL: [Self; 5] = [Self::Analysed, Self::Checked, Self::Pinned, Self::Trusted, Self::Shared];

    fn name(self) -> &'static str {
        match self {
            Self::Analysed => "codes from a file, analysed by revm",
            Self::Checked => "image, checked, arena leaked",
            Self::Pinned => "image, digest compared, arena leaked",
            Self::Trusted => "image, trusted, arena leaked",
            Self::Shared => "image, trusted, arena owned, jump tables copied",
        }
    }
}

/// Kilobytes that this process alone has.
fn private() -> Outcome<f64> {
    let sums = Rollup::of("self")?;
    Ok((sums.kilobytes("Private_Clean")? + sums.kilobytes("Private_Dirty")?) as f64)
}

/// In a fresh process: makes all bytecode ready in one way. Prints microseconds, and kilobytes of code and of all memory that are private.
pub fn run(way: &OsStr, image: &Path, codes: &Path) -> Outcome<()> {
    let way = way.to_str().and_then(|way| Way::ALL.get(way.parse::<usize>().ok()?)).ok_or("no such way")?;
    let (before, clock) = (private()?, Clock::start());
    let mut ready: Vec<Bytecode> = Vec::new();
    let leaked = |proof| -> Outcome<&'static CodeArena> { Ok(installed::open(image, proof)?.leak()) };
    let mut owned = None;
    let arena: Option<&CodeArena> = match way {
        Way::Analysed => {
            installed::unpack(codes, |code| ready.push(Bytecode::new_legacy(code)))?;
            None
        }
        Way::Shared => {
            let arena: &Arc<CodeArena> = owned.insert(Arc::new(installed::open(image, Proof::Trusted)?));
            for contract in installed::contracts(arena)?.all() {
                ready.push(contract.shared_bytecode(arena)?);
            }
            Some(arena)
        }
        Way::Checked | Way::Pinned | Way::Trusted => {
            let arena = leaked(match way {
                Way::Checked => Proof::Checked,
                Way::Pinned => Proof::Pinned(digest(&std::env::var(DIGEST)?)?),
                _ => Proof::Trusted,
            })?;
            for contract in installed::contracts(arena)?.all() {
                ready.push(contract.bytecode()?);
            }
            Some(arena)
        }
    };
    let time = clock.elapsed().as_secs_f64() * 1e6;
    let memory = private()? - before;
    let code = arena.map_or(Ok(f64::NAN), |arena| arena.residency().map(|of| of.copied().0 as f64 / 1024.0))?;
    println!("{time} {code} {memory} {}", ready.len());
    Ok(())
}

fn digest(text: &str) -> Outcome<Digest> {
    let bytes: [u8; 32] = revm::primitives::hex::decode(text)?.try_into().map_err(|_| "a digest that is none")?;
    Ok(Digest::from_bytes(bytes))
}

/// Measures all ways, and returns a table that Markdown shows as one.
pub fn compare(rounds: usize, installed: &Installed) -> Outcome<String> {
    // This process has the image too, as others would.
    let arena = installed::open(&installed.image(), Proof::Trusted)?;
    installed::read_all(installed::contracts(&arena)?);
    let fresh = |way: usize| -> Outcome<[f64; 3]> {
        let mut command = Command::new("/proc/self/exe");
        command.arg(OPTION).arg(way.to_string()).arg(installed.image()).arg(installed.codes());
        let output = command.env(DIGEST, installed.digest.to_string()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [time, code, memory, count] if count == installed.contracts as f64 => Ok([time, code, memory]),
            _ => Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    };
    let samples = interleave(rounds, Way::ALL.len(), fresh)?;
    let mut text = format!(
        "\n{} contracts ready to run in a fresh process, medians of {rounds} with quartiles\n\n\
         | | µs of the processor | kB of code, private | kB private in all |\n| --- | --- | --- | --- |\n",
        installed.contracts
    );
    let whole = |samples: &Samples| format!("{:.0}", samples.quartiles()[1]);
    for (way, [time, code, memory]) in Way::ALL.iter().zip(&samples) {
        let code = if code.quartiles()[1].is_nan() { "all of it".to_owned() } else { whole(code) };
        text += &format!("| {} | {} | {code} | {} |\n", way.name(), time.cell(), whole(memory));
    }
    Ok(text)
}
