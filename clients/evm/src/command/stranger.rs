//! A process that knows the path of an image and nothing else, and calls every contract of it.

use super::installed::{self, Installed, Proof};
use super::{Outcome, population::Named};
use permacode::residency::{PageState, Residency};
use permacode_evm::{Contracts, samples, world::World};
use revm::primitives::hardfork::SpecId;
use revm::primitives::{B256, Bytes, keccak256};
use revm::state::Bytecode;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The option by which this program is started as one.
pub const OPTION: &str = "--as-stranger";

/// Bytes that count as a page, on every machine.
const PAGE: usize = 4096;

/// Opens the image, runs every call, prints the hash of all that came of it, and waits for its input to end.
pub fn run(image: &Path) -> Outcome<()> {
    let arena = installed::open(image, Proof::Checked)?.leak();
    let contracts: &Contracts<'static> = installed::contracts(arena)?;
    let mut all = Vec::new();
    for contract in contracts.all() {
        let bytecode = contract.bytecode()?;
        let table = bytecode.legacy_jump_table().ok_or("bytecode of another kind")?;
        let is_there = std::ptr::eq(bytecode.bytes_ref().as_ptr(), contract.code().as_ptr())
            && std::ptr::eq(table.as_slice(), contract.jumps())
            && arena.contains(contract.code())
            && arena.contains(contract.jumps());
        if !is_there {
            return Err(format!("{}: the bytecode lies elsewhere", contract.name()).into());
        }
        all.push((contract.name(), contract.hash(), bytecode));
    }
    installed::read_all(contracts); // also what no call touches
    println!("{}", outcome_of(all)?);
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// The calls of a run: those of the samples, and one of each other contract with two words of zeros.
fn calls<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<(&'n str, Vec<u8>)> {
    let samples = samples::all();
    let is_sample = |name: &str| samples.iter().any(|(sample, _)| *sample == name);
    let mut others: Vec<&str> = names.into_iter().filter(|name| !is_sample(name)).collect();
    others.sort_unstable();
    samples::calls().into_iter().chain(others.into_iter().map(|name| (name, vec![0; 64]))).collect()
}

/// The hash of what came of every call, and of the state after them.
fn outcome_of(contracts: Vec<(&str, B256, Bytecode)>) -> Outcome<B256> {
    let calls = calls(contracts.iter().map(|(name, ..)| *name));
    let mut world = World::new(SpecId::OSAKA, contracts);
    let mut text = String::new();
    for (name, input) in calls {
        text += &format!("{:?}\n", world.call(name, &input)?);
    }
    text += &format!("{:?}", world.accounts());
    Ok(keccak256(text))
}

/// The same by revm's own analysis.
fn analysed(contracts: &[Named]) -> Outcome<B256> {
    let analysed = contracts.iter().map(|(name, code)| {
        let bytecode = Bytecode::new_legacy(Bytes::copy_from_slice(code));
        (&**name, bytecode.hash_slow(), bytecode)
    });
    outcome_of(analysed.collect())
}

/// The shares of so many processes in one image.
pub struct Shared {
    /// Pages of the image.
    pages: usize,
    /// For each process: pages that are resident, and that no other process has.
    processes: Vec<(usize, usize)>,
    /// Processes of which every result was right.
    right: usize,
    calls: usize,
}

impl Shared {
    pub fn is_right(&self) -> bool {
        self.right == self.processes.len() && self.processes.iter().all(|(_, private)| *private == 0)
    }

    pub fn text(&self, installed: &Installed) -> String {
        let most = self.processes.iter().map(|(_, private)| *private).max().unwrap_or(0);
        let least = self.processes.iter().map(|(resident, _)| *resident).min().unwrap_or(0);
        let count = self.processes.len();
        format!(
            "private pages of code: {most} of {}\n\n\
             {count} processes with one image, all at once: {} had the results of revm's analysis, after {} calls\n\
             pages of the image in the memory of each process: {least} or more\n\
             contracts: {}, bytes of code: {}, bytes of the image: {}\n",
            self.pages,
            if self.right == count { "all".to_owned() } else { format!("{} of {count}", self.right) },
            self.calls,
            installed.contracts,
            installed.code,
            installed.bytes,
        )
    }
}

/// A process that is ended when this goes.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Starts processes, compares what they say, and looks at their pages while all of them live.
pub fn compare(processes: usize, installed: &Installed, contracts: &[Named]) -> Outcome<Shared> {
    let expected = analysed(contracts)?.to_string();
    let image = installed.image();
    let mut running = Vec::new();
    for _ in 0..processes {
        let mut command = Command::new("/proc/self/exe");
        running.push(Process(command.arg(OPTION).arg(&image).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?));
    }
    let mut right = 0;
    for Process(child) in &mut running {
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        match line.trim() {
            "" => return Err("a process did not come to its end".into()),
            said => right += usize::from(said == expected),
        }
    }
    // This process has all pages too, so that one alone shares them.
    let arena = installed::open(&image, Proof::Trusted)?;
    installed::read_all(installed::contracts(&arena)?);
    let page = |bytes: usize| bytes / PAGE;
    let sealed = arena.residency()?.sealed().to_vec();
    let mut looked = Vec::new();
    for Process(child) in &running {
        let (mut resident, mut private) = (0, 0);
        for range in &sealed {
            let residency = Residency::of_process(child.id(), range.clone())?;
            resident += page(residency.resident());
            private += page(residency.bytes(PageState::PrivateCopy) + residency.bytes(PageState::MappedHereOnly));
        }
        looked.push((resident, private));
    }
    for Process(child) in &mut running {
        child.stdin.as_mut().ok_or("no input")?.write_all(b"\n")?;
    }
    let calls = calls(contracts.iter().map(|(name, _)| &**name)).len();
    Ok(Shared { pages: sealed.iter().map(|range| page(range.len())).sum(), processes: looked, right, calls })
}
