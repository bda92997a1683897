//! What it costs to write, open, check and move an image of 78 MB, and to read it in a fresh process.
//!
//! `cargo bench --bench images`; `-- --modules 200` for a smaller one. The code is made up, in the sizes of the library of Python 3.11:
//! some 44 functions a module, of 450 bytes in the middle, with names that many of them share.
//!
//! Times are of the processor, but for those in a fresh process. Beside the image: the same bytes copied, and the same functions decoded, which is
//! what a program does that reads its code from a cache file.

#[path = "harness/options.rs"]
mod options;

use options::Options;
use permacode::image::{Image, ImageWriter};
use permacode::{CodeArena, Error, Link, Loader, Mappable, Name, Permanent, Sites};
use std::process::Command;
use std::time::Instant;

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Const<'a> {
    Nil,
    Int(i64),
    Str(&'a str),
    Code(&'a Code<'a>),
}

#[derive(Permanent, Mappable)]
struct Code<'a> {
    name: Name<'a>,
    ops: &'a [u8],
    consts: &'a [Const<'a>],
    names: &'a [Name<'a>],
    lines: &'a [(u32, u32)],
    sites: Sites,
    parent: Link<'a, Code<'a>>,
}

#[derive(Permanent, Mappable)]
struct Program<'a> {
    modules: &'a [&'a Code<'a>],
}

/// A small generator of numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }
}

fn code<'x>(loader: &Loader<'x>, random: &mut Random, inner: &[&'x Code<'x>]) -> Result<&'x Code<'x>, Error> {
    let count = 4 + random.below(12) as usize;
    let names = (0..count).map(|_| loader.intern_name(&format!("name_{}", random.below(140_000))));
    let names: Vec<Name<'x>> = names.collect::<Result<_, _>>()?;
    let strings = (0..2 + random.below(6)).map(|i| loader.alloc_str(&"text of a constant"[..6 + (i as usize % 12)]));
    let strings: Vec<&'x str> = strings.collect::<Result<_, _>>()?;
    let consts = inner.iter().map(|&code| Const::Code(code)).chain(strings.into_iter().map(Const::Str));
    let consts: Vec<Const<'x>> = consts.chain([Const::Nil, Const::Int(random.below(1000) as i64)]).collect();
    let long = if random.below(50) == 0 { 4000 } else { 320 };
    let ops: Vec<u8> = (0..60 + random.below(long)).map(|i| i as u8).collect();
    let lines: Vec<(u32, u32)> = (0..ops.len() / 16).map(|i| (i as u32 * 16, i as u32)).collect();
    let made = loader.alloc(Code {
        name: names[0],
        ops: loader.alloc_slice_copy(&ops)?,
        consts: loader.alloc_slice_fill_iter(consts)?,
        names: loader.alloc_slice_copy(&names)?,
        lines: loader.alloc_slice_copy(&lines)?,
        sites: loader.sites(ops.len() / 8)?,
        parent: Link::unset(),
    })?;
    inner.iter().try_for_each(|code| loader.link(&code.parent, made))?;
    Ok(made)
}

fn program(arena: &CodeArena, modules: usize) -> Result<&Program<'_>, Error> {
    let mut random = Random(7);
    let mut all = Vec::new();
    for number in 0..modules {
        let loader = arena.load(&format!("module_{number}"))?;
        let functions = (0..20 + random.below(48)).map(|_| code(&loader, &mut random, &[]));
        let functions: Vec<&Code<'_>> = functions.collect::<Result<_, _>>()?;
        all.push(code(&loader, &mut random, &functions)?);
    }
    let loader = arena.load("program")?;
    let program = loader.alloc(Program { modules: loader.alloc_slice_copy(&all)? })?;
    loader.finish();
    arena.seal()?;
    Ok(program)
}

/// Milliseconds of the processor that something takes: the least of some tries.
fn processor<T>(tries: usize, mut run: impl FnMut() -> T) -> f64 {
    let now = || {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a place for what the call writes.
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
        time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
    };
    let once = |_| {
        let start = now();
        std::hint::black_box(run());
        now() - start
    };
    (0..tries).map(once).fold(f64::INFINITY, f64::min)
}

/// The fresh process: opens the image, and calls the first function.
fn fresh(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    // SAFETY: this program's own file, written just now, and as the writer wrote it.
    let code = unsafe { Image::map(path)?.trust() }.open()?;
    let program: &Program<'_> = code.root("program")?;
    let first = program.modules[0].ops[0];
    let micros = start.elapsed().as_secs_f64() * 1e6;
    assert!(first == 0 && code.why_not_shared().is_none());
    println!("{micros}");
    Ok(())
}

/// A copy of all that a program has, into vectors and strings: what a decoder makes.
fn decode(program: &Program<'_>) -> usize {
    struct Function {
        name: String,
        ops: Vec<u8>,
        consts: Vec<Option<String>>,
        names: Vec<String>,
        lines: Vec<(u32, u32)>,
        inner: Vec<Function>,
    }
    fn decode(code: &Code<'_>) -> Function {
        Function {
            name: code.name.to_string(),
            ops: code.ops.to_vec(),
            consts: code
                .consts
                .iter()
                .map(|each| if let Const::Str(text) = each { Some((*text).to_owned()) } else { None })
                .collect(),
            names: code.names.iter().map(|name| name.to_string()).collect(),
            lines: code.lines.to_vec(),
            inner: code
                .consts
                .iter()
                .filter_map(|each| if let Const::Code(code) = each { Some(decode(code)) } else { None })
                .collect(),
        }
    }
    fn count(function: &Function) -> usize {
        function.name.len()
            + function.ops.len()
            + function.consts.len()
            + function.names.len()
            + function.lines.len()
            + function.inner.iter().map(count).sum::<usize>()
    }
    program.modules.iter().map(|code| count(&decode(code))).sum()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Ok(path) = std::env::var("PERMACODE_FRESH") {
        return fresh(&path);
    }
    let Some(options) = Options::asked() else { return Ok(()) };
    let modules = options.number("--modules").unwrap_or(1773);
    let arena = CodeArena::new()?;
    let program = program(&arena, modules)?;
    let folder = std::env::temp_dir().join(format!("permacode-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("image");
    let writer = || ImageWriter::new(&arena).version("bench").root("program", program);

    let mut buffer = Vec::new();
    let write = processor(3, || {
        buffer.clear();
        writer().and_then(|writer| writer.write_to(&mut buffer))
    });
    let report = writer()?.write(&path)?;
    println!("{report:#?}");
    // SAFETY: this program's own file.
    let image = unsafe { Image::map(&path)? };
    let check = processor(3, || image.clone().check::<Program<'_>>().map(drop));
    let digest = processor(3, || image.verify());
    let load = processor(3, || Image::load(&path).map(drop));
    // SAFETY: as the writer wrote it.
    let image = unsafe { image.trust() };
    let first = image.open()?;
    let moved = processor(3, || image.open().map(drop));
    let root = processor(20, || (0..1000).filter(|_| first.root::<Program<'_>>("program").is_ok()).count());
    drop(first);
    let open = processor(50, || {
        // SAFETY: as above.
        unsafe { Image::map(&path).map(|image| image.trust()) }.and_then(|image| image.open()).map(drop)
    });
    let copy = processor(3, || buffer.clone());
    let decoded = processor(3, || decode(program));
    let fresh = (0..20).map(|_| {
        let output = Command::new(std::env::current_exe().unwrap_or_default()).env("PERMACODE_FRESH", &path).output();
        let text = String::from_utf8(output.map(|output| output.stdout).unwrap_or_default()).unwrap_or_default();
        text.trim().parse::<f64>().unwrap_or(f64::INFINITY)
    });
    let fresh = fresh.fold(f64::INFINITY, f64::min);
    std::fs::remove_dir_all(&folder)?;
    for (what, milliseconds) in [
        ("write", write),
        ("open to the first byte, in a fresh process", fresh / 1000.0),
        ("open, warm", open),
        ("root", root / 1000.0),
        ("check", check),
        ("digest", digest),
        ("open, moved", moved),
        ("load into sealed memory", load),
        ("copy of the bytes", copy),
        ("decode into vectors and strings", decoded),
    ] {
        println!("{what:45} {milliseconds:12.4} ms");
    }
    Ok(())
}
