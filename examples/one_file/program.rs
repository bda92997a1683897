//! The program: its library, the way into a file, and the look at its processes.

use crate::pages::Pages;
use permacode::image::{Image, ImageError, ImageWriter};
use permacode::{CodeArena, Error, Loader, Mappable, Permanent};
use std::error::Error as StdError;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Functions of the library.
const FUNCTIONS: usize = 20_000;

#[derive(Permanent, Mappable)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u8],
    next: Option<&'a Code<'a>>,
}

/// The library, from its sources: functions, each of which knows the one before it.
fn lower<'x>(loader: &Loader<'x>) -> Result<&'x Code<'x>, Error> {
    let mut last = None;
    for number in 0..FUNCTIONS {
        let ops = loader.alloc_slice_fill_iter((0..100 + number % 50).map(|at| (number + at) as u8))?;
        last = Some(loader.alloc(Code { name: loader.intern(&format!("function_{number}"))?, ops, next: last })?);
    }
    Ok(last.unwrap_or(loader.alloc(Code { name: "", ops: &[], next: None })?))
}

/// Reads all functions from the last to the first.
fn run(last: &Code<'_>) -> usize {
    std::iter::successors(Some(last), |code| code.next)
        .map(|code| code.ops.iter().map(|&op| usize::from(op)).sum::<usize>() + code.name.len())
        .sum()
}

/// Runs the library of the image that this program carries; if it carries none, that of the sources.
pub fn start() -> Result<(usize, Option<CodeArena>), Box<dyn StdError>> {
    // SAFETY: installers replace a program; they do not write to it.
    match unsafe { Image::of_current_exe() } {
        Ok(image) => {
            let arena = image.check::<Code<'_>>()?.open()?;
            if let Some(reason) = arena.why_not_shared() {
                eprintln!("the image is not shared: {reason}");
            }
            Ok((run(arena.root("last")?), Some(arena)))
        }
        Err(ImageError::NoImage) => {
            let arena = CodeArena::new()?;
            let loader = arena.load("library")?;
            let result = run(lower(&loader)?);
            loader.seal()?;
            Ok((result, None))
        }
        Err(why) => Err(why.into()),
    }
}

/// Writes this program, with the library behind it.
pub fn write_into(file: &Path) -> Result<u64, Box<dyn StdError>> {
    let arena = CodeArena::new()?;
    let loader = arena.load("library")?;
    let last = lower(&loader)?;
    loader.seal()?;
    let image = Image::open_sealed(ImageWriter::new(&arena).version("one file 1").root("last", last)?.seal()?)?;
    Ok(image.embed("/proc/self/exe", file)?)
}

/// Runs, says the result, and stays until it is told to end.
fn work() -> Result<(), Box<dyn StdError>> {
    let (result, _arena) = start()?;
    println!("{result}");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Starts the program a few times, and looks at the pages of all while they live.
fn show(program: &Path) -> Result<Vec<Pages>, Box<dyn StdError>> {
    let (expected, _) = start()?;
    let begin = |_| Command::new(program).arg("--work").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut workers = (0..4).map(begin).collect::<Result<Vec<Child>, _>>()?;
    let mut pages = Vec::new();
    for worker in &mut workers {
        let mut line = String::new();
        let mut said = std::io::BufReader::new(worker.stdout.take().ok_or("no output")?);
        std::io::BufRead::read_line(&mut said, &mut line)?;
        assert_eq!(line.trim(), expected.to_string(), "the image's functions are those of the sources");
    }
    for worker in &workers {
        pages.push(Pages::of(worker.id(), &program.to_string_lossy())?);
    }
    for mut worker in workers {
        drop(worker.stdin.take());
        worker.wait()?;
    }
    Ok(pages)
}

pub fn main() -> Result<(), Box<dyn StdError>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--work"] => work(),
        ["--into", file] => {
            println!("the image begins at byte {} of {file}", write_into(Path::new(file))?);
            Ok(())
        }
        [] => {
            let program = std::env::temp_dir().join(format!("one-file-{}", std::process::id()));
            let offset = write_into(&program)?;
            let bytes = std::fs::metadata(&program)?.len();
            let mut out = std::io::stdout().lock();
            writeln!(
                out,
                "a program of {offset} bytes with an image, together {bytes} bytes. Four processes of it,\nin kB of the image, which each maps twice: to check it, and to run it.\n"
            )?;
            writeln!(out, "process   resident   its part   of it shared   private   copied")?;
            for (number, pages) in show(&program)?.iter().enumerate() {
                let Pages { resident, part, shared, private, anonymous } = pages;
                writeln!(out, "{number:<9} {resident:>8}   {part:>8}   {shared:>12}   {private:>7}   {anonymous:>6}")?;
            }
            Ok(std::fs::remove_file(program)?)
        }
        _ => Err("usage: one_file [--into FILE]".into()),
    }
}
