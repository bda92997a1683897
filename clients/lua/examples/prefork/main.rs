//! Forks workers that run Lua programs from one copy of sealed code, and measures from outside what they copied.
//!
//! ```text
//!   parent: compile ─ place in the code arena ─ seal ─ load in one state, on a heap arena ─ fork ┬ worker 1: runs everything, reports, waits
//!                                                                                                ├ worker 2 …
//!           reads /proc/<pid>/smaps and pagemap of each while all live ◀─────────────────────────┘
//!   the same again with the chunks loaded the ordinary way, copied to Lua's heap (an arena of its own): the control
//!   closes both states: nothing is left in the heap arenas
//! ```
//!
//! `cargo run --release --example prefork -- --help` says how to use it.

#[cfg(target_os = "linux")]
mod block_log;
#[cfg(target_os = "linux")]
mod crew;
#[cfg(target_os = "linux")]
mod lua_heap;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod prefork;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod subject;
#[cfg(target_os = "linux")]
mod verbatim;
#[cfg(target_os = "linux")]
mod worker;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(options::Command::Help) => {
            print!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Ok(options::Command::Run(options)) => prefork::run(&options),
        Err(why) => {
            eprintln!("prefork: {why}\nprefork: try --help");
            ExitCode::from(prefork::BAD_INPUT)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("prefork: what a worker copied is read from /proc/<pid>/smaps and pagemap, which only Linux has");
    ExitCode::from(2)
}
