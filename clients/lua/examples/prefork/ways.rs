//! The ways from a directory of programs to a first call: each in fresh processes and in forked workers, in turns.
//!
//! A time is of the processor, the kernel's part included. That of a fresh process begins with its `main`. That of a worker has the parent's
//! fork in it.

#[path = "../../../../benches/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "workers ask for the time of a process, not of a thread")]
mod harness;

use super::image;
use super::lua_heap::LuaHeap;
use super::prefork::place_all;
use super::subject::{self, Subject};
use harness::{Samples, interleave};
use permacode::CodeArena;
use permacode_lua::{Chunk, Function, State, compile};
use permacode_witness::{Child, Rollup};
use std::borrow::Cow;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write, pipe};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The option by which this program is started to measure one way.
pub const OPTION: &str = "--as-way";

type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A state, and no program: what is the same in all ways.
    None,
    /// Lua's own: each program is compiled in the state that runs it.
    Source,
    /// Compiled, placed in a code arena, sealed, and loaded in place.
    Arena,
    /// An image, checked, and loaded in place.
    Checked,
    /// The same, and the writer is trusted.
    Trusted,
}

impl Way {
    const ALL: [Self; 5] = [Self::None, Self::Source, Self::Arena, Self::Checked, Self::Trusted];

    fn name(self) -> &'static str {
        match self {
            Self::None => "a state without programs",
            Self::Source => "compiled from source, in Lua's heap",
            Self::Arena => "compiled from source, in a code arena",
            Self::Checked => "image, checked",
            Self::Trusted => "image, trusted",
        }
    }
}

/// The processor time of this process so far.
fn processor() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a place for what the call writes. It cannot fail with a clock that Linux always has.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Kilobytes that this process alone has.
fn private() -> Outcome<f64> {
    let sums = Rollup::of("self")?;
    Ok((sums.kilobytes("Private_Clean")? + sums.kilobytes("Private_Dirty")?) as f64)
}

/// Kilobytes of sealed code that this process alone has.
fn private_code(arena: &CodeArena) -> Outcome<f64> {
    Ok(arena.residency()?.copied().0 as f64 / 1024.0)
}

/// Measures of a way: microseconds to the first call, and until all programs were loaded. Then private kilobytes, of code and of all memory.
struct Taken([f64; 4]);

impl Taken {
    fn line(&self) -> String {
        self.0.map(|number| number.to_string()).join(" ")
    }

    /// Reads such a line; gives back what follows it, too.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let numbers = std::str::from_utf8(&bytes[..end]).ok()?.split_whitespace().map(str::parse);
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>().ok()?;
        Some((Self(numbers.try_into().ok()?), &bytes[end + 1..]))
    }
}

/// In a fresh process: `arguments` are the number of a way, the path of the image, and for each program its path and its name. Prints what it
/// took, and what the first program printed.
pub fn run_one(arguments: &[OsString]) -> u8 {
    match fresh(arguments) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("prefork: {error}");
            1
        }
    }
}

fn fresh(arguments: &[OsString]) -> Outcome<()> {
    let (before, begin) = (private()?, processor());
    let number = arguments.first().and_then(|number| number.to_str()?.parse::<usize>().ok());
    let way = number.and_then(|number| Way::ALL.get(number).copied()).ok_or("no such way")?;
    let image = Path::new(arguments.get(1).ok_or("no image")?);
    if arguments.len() < 4 {
        return Err("no programs".into());
    }
    let sources: Vec<(&Path, Cow<'_, str>)> =
        arguments[2..].chunks_exact(2).map(|pair| (Path::new(&pair[0]), pair[1].to_string_lossy())).collect();
    let arena = match way {
        Way::None | Way::Source => None,
        Way::Arena => Some(CodeArena::new()?),
        Way::Checked | Way::Trusted => Some(image::open(image, way == Way::Checked)?),
    };
    let heap = LuaHeap::new(true)?;
    let state = State::with_allocator(heap.allocator())?;
    let mut functions = Vec::new();
    let mut first = None;
    let mut loaded = |function| {
        first.get_or_insert_with(processor);
        functions.push(function);
    };
    match (way, &arena) {
        (Way::Arena, Some(arena)) => {
            // The first is not kept waiting by the others, which are sealed at once.
            for sources in [&sources[..1], &sources[1..]] {
                let chunk = |(path, name): &(&Path, Cow<'_, str>)| Ok(compile(&subject::source(path)?, name)?);
                let chunks = sources.iter().map(chunk).collect::<Outcome<Vec<Chunk>>>()?;
                place_all(arena, &chunks)?.into_iter().try_for_each(|program| state.load(program).map(&mut loaded))?;
            }
        }
        (_, Some(arena)) => {
            image::programs(arena)?.into_iter().try_for_each(|program| state.load(program).map(&mut loaded))?;
        }
        (Way::None, None) => {}
        (_, None) => {
            for (path, name) in &sources {
                loaded(state.load_source(&subject::source(path)?, name)?);
            }
        }
    }
    let all = processor();
    let first = first.unwrap_or(all);
    let code = arena.as_ref().map_or(Ok(f64::NAN), private_code)?;
    let taken = Taken([microseconds(first - begin), microseconds(all - begin), code, private()? - before]);
    let output = functions.first().map_or(Ok(Vec::new()), Function::run)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", taken.line())?;
    out.write_all(&output)?;
    Ok(())
}

/// Measures all ways to these programs, of which the first one is called, and returns a table that Markdown shows as one.
pub fn compare(rounds: usize, image: &Path, subjects: &[Subject], chunks: &[Chunk]) -> Outcome<String> {
    let programs = subjects.iter().flat_map(|subject| [subject.path.as_os_str(), OsStr::new(&subject.name)]);
    let programs: Vec<&OsStr> = programs.collect();
    let expected = subjects.first().and_then(|subject| subject.expected.bytes()).ok_or("no output is known")?;
    let fresh = |way: usize| {
        let mut command = Command::new("/proc/self/exe");
        let output = command.arg(OPTION).arg(way.to_string()).arg(image).args(&programs).output()?;
        let text = || String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        let (Taken(numbers), printed) = Taken::read(&output.stdout).ok_or_else(text)?;
        let expected = if Way::ALL[way] == Way::None { &[] } else { expected };
        if printed == expected { Ok(numbers) } else { Err("the first program printed something else".into()) }
    };

    // Workers of what is loaded in this process. It also has each page of the image, so that the fresh processes share them.
    let (sealed, opened) = (CodeArena::new()?, image::open(image, false)?);
    let heaps = [LuaHeap::new(true)?, LuaHeap::new(true)?, LuaHeap::new(true)?];
    let [copied, in_arena, in_image] = [0, 1, 2].map(|number| State::with_allocator(heaps[number].allocator()));
    let (copied, in_arena, in_image) = (copied?, in_arena?, in_image?);
    let (sealed_programs, image_programs) = (place_all(&sealed, chunks)?, image::programs(&opened)?);
    image::read_all(&image_programs);
    let copies: Vec<_> =
        sealed_programs.iter().map(|program| copied.load_copied(*program)).collect::<Result<_, _>>()?;
    let sealed_code: Vec<_> =
        sealed_programs.iter().map(|program| in_arena.load(*program)).collect::<Result<_, _>>()?;
    let image_code: Vec<_> = image_programs.iter().map(|program| in_image.load(*program)).collect::<Result<_, _>>()?;
    let workers = [(&copies, None), (&sealed_code, Some(&sealed)), (&image_code, Some(&opened))];

    let samples =
        interleave(rounds, Way::ALL.len() + workers.len(), |subject| match subject.checked_sub(Way::ALL.len()) {
            None => fresh(subject),
            Some(worker) => {
                let (functions, arena) = workers[worker];
                forked(functions, arena, expected)
            }
        })?;
    let names = Way::ALL.iter().map(|way| format!("fresh process: {}", way.name()));
    let workers = ["in Lua's heap", "in a code arena", "image"].map(|name| format!("forked worker: {name}"));
    let mut text = format!(
        "\n{} programs: the ways to a first call, medians of {rounds} with quartiles\n\n\
         | | µs of the processor to the first call | until all are loaded | kB of code, private | kB private in all |\n\
         | --- | --- | --- | --- | --- |\n",
        subjects.len()
    );
    let whole = |samples: &Samples| format!("{:.0}", samples.quartiles()[1]);
    for (name, [first, all, code, memory]) in names.chain(workers).zip(&samples) {
        let code = if code.quartiles()[1].is_nan() { "–".to_owned() } else { whole(code) };
        text += &format!("| {name} | {} | {} | {code} | {} |\n", first.cell(), all.cell(), whole(memory));
    }
    Ok(text)
}

/// Measures a worker that is forked when all is loaded.
fn forked(functions: &[Function<'_, '_>], arena: Option<&CodeArena>, expected: &[u8]) -> Outcome<[f64; 4]> {
    let (mut report, mut answer) = pipe()?;
    let begin = processor();
    let child = Child::fork(|| {
        let first = processor(); // of this process alone, since the fork
        let mut measured = || {
            let code = arena.map_or(Ok(f64::NAN), private_code)?;
            let memory = private()?;
            let first = microseconds(first);
            let output = functions.first().ok_or("no programs")?.run()?;
            writeln!(answer, "{}", Taken([first, first, code, memory]).line())?;
            answer.write_all(&output)?;
            Ok::<_, Box<dyn Error>>(())
        };
        i32::from(measured().is_err())
    })?;
    let fork = microseconds(processor() - begin);
    drop(answer);
    let mut bytes = Vec::new();
    report.read_to_end(&mut bytes)?;
    child.wait()?;
    let (Taken([first, all, code, memory]), printed) = Taken::read(&bytes).ok_or("a worker that said nothing")?;
    if printed != expected {
        return Err("the first program printed something else in a worker".into());
    }
    Ok([fork + first, fork + all, code, memory])
}
