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

use std::process::ExitCode;

/// All of it: what is measured here is what Linux tells, of an image that is for 64 bits.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "."]
mod here {
    mod block_log;
    mod crew;
    mod image;
    mod lua_heap;
    mod measure;
    mod options;
    mod prefork;
    mod report;
    mod stranger;
    mod subject;
    mod verbatim;
    mod ways;
    mod worker;

    use std::process::ExitCode;

    pub fn run() -> ExitCode {
        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        // Started by another one of this program.
        match arguments.split_first() {
            Some((first, [path])) if first == stranger::OPTION => return ExitCode::from(stranger::run(path.as_ref())),
            Some((first, others)) if first == ways::OPTION => return ExitCode::from(ways::run_one(others)),
            _ => {}
        }
        match options::parse(arguments) {
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
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn main() -> ExitCode {
    here::run()
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn main() -> ExitCode {
    eprintln!(
        "prefork: what a worker copied is read from /proc/<pid>/smaps and pagemap, and images are for 64 bits: this is for 64-bit Linux"
    );
    ExitCode::from(2)
}
