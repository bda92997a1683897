//! Records what interpreters ask of their allocator: `cargo run --release` in this folder writes a trace for each program to `../traces`.
//!
//! An interpreter's start, compilation and end are part of its trace. Recorded is one thread; of blocks that were there before, nothing.

mod engines;
mod recorder;
mod trace;

use flate2::Compression;
use flate2::write::GzEncoder;
use std::error::Error;
use std::io::Write;

#[global_allocator]
static ALLOCATOR: recorder::Recorder = recorder::Recorder;

fn main() -> Result<(), Box<dyn Error>> {
    // A process for each, so that no program's leavings are in another's trace.
    let Some(wanted) = std::env::args().nth(1) else {
        for (name, _) in engines::ALL {
            let status = std::process::Command::new(std::env::current_exe()?).arg(name).status()?;
            if !status.success() {
                return Err(format!("{name}: {status}").into());
            }
        }
        return Ok(());
    };
    let (name, run) = engines::ALL.into_iter().find(|(name, _)| *name == wanted).ok_or("no such program")?;
    let mut outcome = Ok(());
    let events = recorder::recorded(|| outcome = run());
    outcome?;
    let (bytes, header) = trace::written(events);
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../traces/{}.dat.gz"), name);
    let mut file = GzEncoder::new(std::fs::File::create(&path)?, Compression::best());
    file.write_all(&bytes)?;
    file.finish()?;
    println!(
        "{name}: {} records, {} ids, most {} blocks, {:.1} MB, left {} blocks, {:.1} MB",
        header.records,
        header.ids,
        header.most_blocks,
        header.most_bytes as f64 / 1e6,
        header.left_blocks,
        header.left_bytes as f64 / 1e6
    );
    Ok(())
}
