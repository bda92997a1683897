//! The program: prepares each source, measures it, and prints the tables.
//!
//! ```text
//!   prepare   compiles, and writes the image and the other forms      list: the modules in them
//!   worker    a fresh process, which loads them in one way            way: how
//!   rounds    workers one after the other      fleet: at the same time      picture: their pages
//!   memory, page_cache      the kernel's word
//! ```

mod fleet;
#[allow(dead_code, reason = "benches use the rest of it")]
#[path = "../../../../benches/harness/mod.rs"]
mod harness;
mod list;
mod memory;
mod options;
mod page_cache;
mod picture;
mod prepare;
mod rounds;
mod way;
mod worker;

use options::{HELP, Name, Options};
use permacode::image::Image;
use permacode_python::python::Python;
use prepare::Prepared;
use std::error::Error;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use worker::Task;

/// Does what the environment or the command line asks for.
pub fn run() -> Result<(), Box<dyn Error>> {
    if let Some(task) = Task::of_this_process() {
        return task.run();
    }
    let Some(options) = Options::parse(std::env::args().skip(1)).map_err(|why| format!("{why}: try --help"))? else {
        print!("{HELP}");
        return Ok(());
    };
    // The compiler's recursion wants a stack.
    let thread = std::thread::Builder::new().stack_size(256 << 20);
    let thread = thread.spawn(move || show(&options).map_err(|error| error.to_string()))?;
    Ok(thread.join().map_err(|_| "a thread panicked")??)
}

fn show(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.source != Some(Name::RustPython) {
        match Python::find() {
            Ok(python) => source(Name::CPython, Some(python), options)?,
            Err(why) if options.source.is_none() => println!("NOT SHOWN: CPython's own code objects: {why}"),
            Err(why) => return Err(why.into()),
        }
    }
    if options.source != Some(Name::CPython) {
        source(Name::RustPython, None, options)?;
    }
    Ok(())
}

/// A folder that goes with the run, unless it is to be kept.
struct Folder {
    path: PathBuf,
    stays: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.stays {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn source(name: Name, python: Option<Python>, options: &Options) -> Result<(), Box<dyn Error>> {
    let word = if name == Name::CPython { "cpython" } else { "rustpython" };
    let (above, own) = match &options.keep {
        Some(keep) => (keep.clone(), word.to_owned()),
        None => (std::env::temp_dir(), format!("permacode-python-{}-{word}", std::process::id())),
    };
    std::fs::create_dir_all(&above)?;
    // A new one, so that nobody else has put anything there.
    let path = above.join(own);
    let wrong = |error| format!("{}: {error}: choose a folder that is not there yet", path.display());
    std::fs::create_dir(&path).map_err(wrong)?;
    let folder = Folder { path, stays: options.keep.is_some() };
    match &python {
        Some(python) => println!("# CPython {}, {}", python.version, python.library.display()),
        None => println!("\n# RustPython's compiler 0.6"),
    }
    let prepared = Prepared::new(name, python, folder.path.clone(), options)?;
    made(&prepared);
    let sealed = Image::load(prepared.folder.join("image"))?;
    let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), sealed.file().as_raw_fd()));
    rounds::show(&prepared, options.rounds, &path)?;
    fleet::show(&prepared, options.processes, &path)?;
    reclaim(&prepared, &sealed)?;
    if let Some(file) = &options.svg {
        let (picture, sentence) = picture::draw(&prepared, options.processes, sealed.window())?;
        std::fs::write(file, picture)?;
        println!("\n{sentence}: see {}", file.display());
    }
    Ok(())
}

/// Prints the sizes of all that was made, and the time that it took.
fn made(prepared: &Prepared) {
    let Prepared { entries, left_out, census, stats, report, files, times, .. } = prepared;
    println!(
        "\n{} modules, {} code objects, {} constants, {} uses of names; {} files left out",
        entries.len(),
        census.codes,
        census.constants,
        census.names,
        left_out.len()
    );
    left_out.iter().for_each(|line| println!("  left out: {}", line.replace('\t', ": ")));
    let rows = [
        (
            "the image".to_owned(),
            report.bytes as f64,
            format!("{} blocks, {} references", report.blocks, report.references),
        ),
        ("its arena, before it was written".to_owned(), stats.used as f64, String::new()),
        ("the `.pyc` files".to_owned(), *files as f64, format!("{} files", entries.len())),
    ];
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(what, bytes, more)| {
            let of = bytes / *files as f64;
            vec![what, format!("{bytes:.0}"), format!("{of:.2}"), more]
        })
        .collect();
    harness::print_table("What was made", &["", "bytes", "of the `.pyc` files", ""], &rows);
    println!(
        "\nseconds: compile and write `.pyc` {:.2}, read and freeze {:.2}, seal {:.3}, write the image {:.2}",
        times.compile.as_secs_f64(),
        times.freeze.as_secs_f64(),
        times.seal.as_secs_f64(),
        times.write.as_secs_f64()
    );
}

/// Shows how much the system can take back when no process has the image.
fn reclaim(prepared: &Prepared, sealed: &Image) -> Result<(), Box<dyn Error>> {
    let file = std::fs::File::open(prepared.folder.join("image"))?;
    let rows = [("the image in its file", &file), ("the image in sealed memory", sealed.file())];
    let row = |(what, file): (&str, &std::fs::File)| -> std::io::Result<Vec<String>> {
        let before = page_cache::resident(file)?;
        let after = page_cache::evict(file)?;
        Ok(vec![what.to_owned(), before.of.to_string(), before.pages.to_string(), after.pages.to_string()])
    };
    let rows = rows.into_iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let head = ["no process has it mapped", "pages", "in memory", "in memory after `POSIX_FADV_DONTNEED`"];
    harness::print_table("Memory that the system can take back", &head, &rows);
    Ok(())
}
