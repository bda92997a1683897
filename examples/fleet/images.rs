//! The two images: how they are written, once, and how each container opens them.
//!
//! The digests that `run` is given are those that `build` said. They came by another way than the files, so a file that is not the one that
//! was built is refused, whoever put it there.

use crate::code::{self, Code};
use crate::pages::Pages;
use permacode::CodeArena;
use permacode::image::{Digest, Image, ImageWriter};
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;

pub const LIBRARY: &str = "library.image";
pub const PROGRAM: &str = "program.image";

/// What `main` is called with.
const ARGUMENT: i64 = 3;

/// Loads the library and a version of the program, writes an image of each, and says of each its name and digest, and what a call gives.
pub fn build(folder: &Path, version: &str) -> Result<(), Box<dyn Error>> {
    let arena = CodeArena::new()?;
    let loader = arena.load("library")?;
    let functions = loader.alloc(code::library(&loader)?)?;
    loader.seal()?;
    let report =
        ImageWriter::new(&arena).version("library").root("functions", functions)?.write(folder.join(LIBRARY))?;
    println!("{LIBRARY} {}", report.digest);

    // The program is a layer on the library, so that an update of it is small.
    let arena = Image::load(folder.join(LIBRARY))?.check::<&[&Code<'_>]>()?.open()?;
    let loader = arena.load("program")?;
    let library: &&[&Code<'_>] = arena.root("functions")?;
    let main = code::program(&loader, library, version.parse()?)?;
    loader.seal()?;
    let report = ImageWriter::new(&arena).layer()?.version(version).root("main", main)?.write(folder.join(PROGRAM))?;
    println!("{PROGRAM} {}", report.digest);
    println!("{}", answer(version, main)?);
    Ok(())
}

/// Maps both images of a folder, if they are those of these digests.
pub fn open(folder: &Path, library: &str, program: &str) -> Result<(Image, CodeArena), Box<dyn Error>> {
    let map = |name: &str, digest: &str| -> Result<Image, Box<dyn Error>> {
        let digest: Digest = digest.parse()?;
        // SAFETY: the files of a layer are written once, before any container has it.
        let image = unsafe { Image::map(folder.join(name)) }.map_err(|why| format!("{name}: {why}"))?;
        Ok(image.pin(digest).map_err(|why| format!("{name}: {why}"))?)
    };
    let image = map(PROGRAM, program)?.on(&map(LIBRARY, library)?)?;
    // SAFETY: both are, byte for byte, what `build` wrote from values of these types.
    let image = unsafe { image.trust() };
    let arena = image.open()?;
    Ok((image, arena))
}

/// Opens both images, calls `main`, and answers each line of the input.
pub fn run(folder: &Path, library: &str, program: &str) -> Result<(), Box<dyn Error>> {
    let (image, arena) = open(folder, library, program)?;
    if let Some(reason) = arena.why_not_shared() {
        return Err(format!("the images are not shared: {reason}").into());
    }
    let main: &Code<'_> = arena.root("main")?;
    println!("{}", answer(image.version(), main)?);
    for line in std::io::stdin().lock().lines() {
        let answer = match line?.trim() {
            "call" => answer(image.version(), main)?,
            "pages" => [LIBRARY, PROGRAM]
                .map(|name| pages(&folder.join(name)))
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .join(" "),
            other => format!("what is {other:?}? I know call and pages"),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// What a call of `main` gives.
fn answer(version: &str, main: &Code<'_>) -> Result<String, Box<dyn Error>> {
    let result = code::call(main, ARGUMENT).ok_or("code that is not well made")?;
    Ok(format!("version {version}: main({ARGUMENT}) = {result}"))
}

/// What this process has of a file in memory, in kB: the file, what is resident of it, its part of that, private, copied. What is mapped twice is
/// resident twice; its part is not.
fn pages(file: &Path) -> std::io::Result<String> {
    let Pages { resident, part, private, anonymous, .. } = Pages::of(std::process::id(), &file.to_string_lossy())?;
    let size = std::fs::metadata(file)?.len().div_ceil(1024);
    Ok(format!("{size} {resident} {part} {private} {anonymous}"))
}
