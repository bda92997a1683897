//! The command `rook FILE`: runs a program, and with `--workers N` in forked workers.

mod options;

use options::{Options, USAGE};
use permacode_rook::{Interpreter, Settings};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::rc::Rc;
use std::{fs, io};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(mistake) => {
            eprintln!("rook: {mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let file = &options.file;
    let source = fs::read_to_string(file).map_err(|error| format!("rook: {}: {error}", file.display()))?;
    let folder = file.parent().map(ToOwned::to_owned).unwrap_or_default();
    let defaults = Settings::default();
    let settings = Settings {
        heap_limit: options.limit,
        fuel: options.fuel.unwrap_or(defaults.fuel),
        sources: Rc::new(move |name| fs::read_to_string(folder.join(format!("{name}.rk"))).ok()),
        ..defaults
    };
    let mut rook = Interpreter::new(settings)?;
    rook.print_to(|text| io::stdout().write_all(text.as_bytes()).is_ok());
    rook.run("main", &source)?;
    if options.workers == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    work(&mut rook, options.workers)
}

#[cfg(not(target_os = "linux"))]
fn work(_: &mut Interpreter, _: usize) -> Result<ExitCode, Box<dyn Error>> {
    Err("rook: --workers needs Linux, which tells what a worker copied".into())
}

#[cfg(target_os = "linux")]
fn work(rook: &mut Interpreter, count: usize) -> Result<ExitCode, Box<dyn Error>> {
    let mut code = ExitCode::SUCCESS;
    for (number, report) in rook.work(count, "main", "worker")?.iter().enumerate() {
        if !say(number, report) {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Prints a worker's answer and what it copied. Returns `true` if it answered, and copied nothing of code.
#[cfg(target_os = "linux")]
fn say(number: usize, report: &permacode_rook::Report) -> bool {
    let permacode_rook::Report { answer, code_copied, code, heap_copied } = report;
    let text = answer.as_ref().unwrap_or_else(|failure| failure);
    println!("worker {number}: {text}");
    println!("  copied {code_copied} of {code} bytes of code, {heap_copied} bytes of objects");
    answer.is_ok() && *code_copied == 0 && *code > 0
}
