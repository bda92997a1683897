//! From source to verdict.

use super::block_log::{BlockLog, Blocks};
use super::crew::Crew;
use super::image::{self, Installed};
use super::lua_heap::LuaHeap;
use super::measure::Pages;
use super::options::Options;
use super::report::{self, Control, Heaps, InPlace, Row, Stranger, Summary};
use super::subject::{self, Expected, Subject};
use super::verbatim::verbatim;
use super::ways;
use permacode::CodeArena;
use permacode_lua::{Chunk, Function, Program, State, compile};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// A page of code was copied, an output differed, or something was left in a heap arena.
pub const FINDING: u8 = 1;
/// What was asked for cannot be done, or a program did not do it.
pub const BAD_INPUT: u8 = 2;

/// What is to be held against the run.
#[derive(Default)]
pub struct Verdict {
    pub finding: bool,
    pub bad_input: bool,
}

impl Verdict {
    fn status(&self) -> ExitCode {
        match self {
            Self { finding: true, .. } => ExitCode::from(FINDING),
            Self { bad_input: true, .. } => ExitCode::from(BAD_INPUT),
            _ => ExitCode::SUCCESS,
        }
    }
}

pub fn run(options: &Options) -> ExitCode {
    let complain = |wrong: &[String]| wrong.iter().for_each(|why| eprintln!("prefork: {why}"));
    let prepared = subject::read(&options.files).and_then(|mut subjects| {
        if options.image {
            subjects.sort_by(|one, two| one.name.cmp(&two.name)); // as they lie in an image
        }
        Ok((compile_all(&subjects)?, subjects))
    });
    let said = |error: Box<dyn Error>| vec![error.to_string()];
    let outcome = prepared.and_then(|(chunks, mut subjects)| {
        let installed = options.image.then(|| Installed::write(&chunks)).transpose().map_err(said)?;
        let (verdict, report) = measure(options, &mut subjects, &chunks, installed.as_ref()).map_err(said)?;
        // Whoever closes the pipe early has seen enough.
        let say = |text: String| drop(std::io::stdout().write_all(text.as_bytes()));
        say(report);
        // Of programs that all end, and whose output is known.
        if let Some(installed) = installed.filter(|_| !verdict.finding && !verdict.bad_input) {
            say(format!("bytes of the image: {}\n", installed.bytes()));
            say(ways::compare(options.rounds, installed.path(), &subjects, &chunks).map_err(said)?);
        }
        Ok(verdict)
    });
    match outcome {
        Ok(verdict) => verdict.status(),
        Err(wrong) => {
            complain(&wrong);
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Before the arena is touched; on failure, says everything that is wrong.
fn compile_all(subjects: &[Subject]) -> Result<Vec<Chunk>, Vec<String>> {
    let (mut chunks, mut wrong) = (Vec::new(), Vec::new());
    for subject in subjects {
        match compile(&subject.source, &subject.name) {
            Ok(chunk) => chunks.push(chunk),
            // Lua abbreviates long names.
            Err(error) if error.message().starts_with(&subject.name) => wrong.push(error.to_string()),
            Err(error) => wrong.push(format!("{}: {error}", subject.name)),
        }
    }
    if wrong.is_empty() { Ok(chunks) } else { Err(wrong) }
}

fn measure(
    options: &Options,
    subjects: &mut [Subject],
    chunks: &[Chunk],
    installed: Option<&Installed>,
) -> Result<(Verdict, String), Box<dyn Error>> {
    let arena = match installed {
        Some(installed) => image::open(installed.path(), true)?,
        None => CodeArena::new()?,
    };
    let programs = match installed {
        Some(_) => image::programs(&arena)?,
        None => place_all(&arena, chunks)?,
    };
    image::read_all(&programs);
    let (in_place_heap, copied_heap) = (LuaHeap::new(options.heap_arena)?, LuaHeap::new(options.heap_arena)?);
    let in_place_log = BlockLog::over(in_place_heap.allocator());
    let copied_log = BlockLog::over(copied_heap.allocator());
    let in_place_state = State::with_allocator(in_place_log.allocator())?;
    let copied_state = State::with_allocator(copied_log.allocator())?;
    let (in_place, rest) = in_place_log.load(&in_place_state, &programs, State::load)?;
    let (copied, copies) = copied_log.load(&copied_state, &programs, |state, program| state.load_copied(program))?;

    let mut verdict = Verdict::default();
    for (subject, function) in subjects.iter_mut().zip(&copied) {
        if let Expected::Unknown = subject.expected {
            subject.expected = reference(subject, function, options.timeout, &mut verdict)?;
        }
    }
    let code = match installed {
        Some(_) => Pages::of(arena.residency()?.sealed().iter().cloned()),
        None => Pages::of(programs.iter().flat_map(|program| {
            let (name, bytes) = (program.name().as_bytes().as_ptr_range(), program.bytes().as_ptr_range());
            [name.start.addr()..name.end.addr(), bytes.start.addr()..bytes.end.addr()]
        })),
    };
    let (rest_pages, copies_pages) = (Pages::of(rest.ranges.iter().cloned()), Pages::of(copies.ranges.iter().cloned()));
    let complete =
        |blocks: &Blocks| if blocks.complete { Ok(()) } else { Err("no memory for the log of Lua's blocks") };
    complete(&rest)?;
    complete(&copies)?;
    let same = verbatim(&copies, chunks.iter().map(Chunk::bytes))?;
    let same_pages = Pages::of(same.ranges.iter().cloned());

    let stats = arena.stats();
    if code.count() != stats.pages {
        return Err(format!("looked at {} pages of code, but the arena holds {}", code.count(), stats.pages).into());
    }
    if stats.unsealed != 0 {
        return Err(format!("{} pages of code are not sealed", stats.unsealed).into());
    }

    let mut touched = vec![false; code.count()];
    let in_place_use = in_place_heap.before_fork(options.fence)?;
    let crew = Crew::fork(options.workers, &in_place)?;
    let sealed = round(crew, options.timeout, "in place", subjects, &mut verdict, |pid| {
        let pages = code.which_copied(pid)?;
        touched.iter_mut().zip(&pages).for_each(|(touched, copied)| *touched |= copied);
        let rest = rest_pages.copied(pid)?;
        let heap = in_place_use.as_ref().map(|used| used.seen_in(pid)).transpose()?;
        // Last, because it notices a worker that is gone.
        let dirty = code.private_dirty(pid)?;
        Ok(InPlace { dirty, pages: pages.iter().filter(|copied| **copied).count(), rest, heap })
    })?;
    let strangers = match installed {
        Some(installed) => strangers(options, installed, subjects, &mut verdict, (&code, &mut touched))?,
        None => Vec::new(),
    };
    let copied_use = copied_heap.before_fork(options.fence)?;
    let crew = Crew::fork(options.workers, &copied)?;
    let control = round(crew, options.timeout, "control", subjects, &mut verdict, |pid| {
        let heap = copied_use.as_ref().map(|used| used.seen_in(pid)).transpose()?;
        let seen = Control { all: copies_pages.copied(pid)?, same: same_pages.copied(pid)?, heap };
        code.private_dirty(pid).map(|_| seen)
    })?;

    drop((in_place, copied));
    drop((in_place_state, copied_state));
    let ((left_bytes, left_objects), (more_bytes, more_objects)) = (in_place_heap.live(), copied_heap.live());
    let heaps = in_place_use.as_ref().zip(copied_use.as_ref()).map(|(in_place, control)| Heaps {
        in_place,
        control,
        fence: options.fence,
        left: (left_bytes + more_bytes, left_objects + more_objects),
    });

    let measured: Vec<_> = sealed.iter().filter_map(|row| row.measured.as_ref()).collect();
    let dirty = measured.iter().any(|seen| seen.dirty != 0);
    let summary = Summary {
        subjects,
        chunks,
        stats,
        rest: (&rest, &rest_pages),
        copies: (&copies, &copies_pages),
        same: (&same, &same_pages),
        code: &code,
        code_copied: (!measured.is_empty()).then(|| touched.iter().filter(|touched| **touched).count()),
        heaps,
        strangers: &strangers,
    };
    verdict.bad_input |= measured.is_empty();
    verdict.bad_input |= strangers.iter().any(|row| row.measured.is_none());
    verdict.finding |= dirty || touched.contains(&true);
    verdict.finding |= summary.heaps.as_ref().is_some_and(|heaps| heaps.left != (0, 0));
    Ok((verdict, report::text(&sealed, &control, &summary, options.verbose)))
}

/// Runs the programs in processes that open the image by themselves, and says how many of its pages each of them has for itself.
fn strangers(
    options: &Options,
    installed: &Installed,
    subjects: &[Subject],
    verdict: &mut Verdict,
    (code, touched): (&Pages, &mut [bool]),
) -> std::io::Result<Vec<Row<Stranger>>> {
    let crew = Crew::of_strangers(options.workers, subjects.len(), installed.path())?;
    round(crew, options.timeout, "not related", subjects, verdict, |pid| {
        let pages = code.which_copied(pid)?;
        touched.iter_mut().zip(&pages).for_each(|(touched, copied)| *touched |= copied);
        let private = pages.iter().filter(|copied| **copied).count();
        // Last, because it notices a process that is gone.
        let resident = code.resident(pid)?;
        code.private_dirty(pid).map(|_| Stranger { private, resident })
    })
}

/// One module for each program, sealed all at once.
pub fn place_all<'a>(arena: &'a CodeArena, chunks: &[Chunk]) -> Result<Vec<Program<'a>>, permacode::Error> {
    let mut programs = Vec::new();
    for chunk in chunks {
        let loader = arena.load(chunk.name())?;
        programs.push(chunk.place(&loader)?);
        loader.finish();
    }
    arena.seal()?;
    Ok(programs)
}

/// What a program prints in a process of its own, its code in the heap.
fn reference(
    subject: &Subject,
    function: &Function<'_, '_>,
    patience: Duration,
    verdict: &mut Verdict,
) -> std::io::Result<Expected> {
    let mut crew = Crew::fork(1, core::slice::from_ref(function))?;
    crew.listen(patience)?;
    crew.dismiss();
    let worker = &mut crew.workers[0];
    let why = match (worker.answers[0].take(), worker.fate.take()) {
        (Some(Ok(output)), None) => return Ok(Expected::Reference(output)),
        (Some(Err(why)), _) => why,
        (_, fate) => fate.unwrap_or_default(),
    };
    eprintln!("prefork: {}: the reference run {}", subject.name, indented(&why));
    verdict.bad_input = true;
    Ok(Expected::Unknown)
}

/// Compares what workers answer, and measures those that are still there.
fn round<M>(
    mut crew: Crew,
    patience: Duration,
    title: &str,
    subjects: &[Subject],
    verdict: &mut Verdict,
    mut look: impl FnMut(i32) -> std::io::Result<M>,
) -> std::io::Result<Vec<Row<M>>> {
    crew.listen(patience)?;
    let mut complaints = report::Complaints::default();
    let mut measured = Vec::new();
    for worker in &mut crew.workers {
        measured.push(match worker.complete() {
            true => look(worker.pid).inspect_err(|error| worker.fate = Some(error.to_string())).ok(),
            false => None,
        });
    }
    crew.dismiss();
    let mut rows = Vec::new();
    for (worker, measured) in crew.workers.iter().zip(measured) {
        let mut right = 0;
        for (program, (subject, answer)) in subjects.iter().zip(&worker.answers).enumerate() {
            match (answer, subject.expected.bytes()) {
                (Some(Ok(output)), Some(expected)) if output == expected => right += 1,
                (Some(Ok(output)), Some(expected)) => {
                    verdict.finding = true;
                    complaints.add(program, worker.number, report::difference(output, expected));
                }
                (Some(Err(why)), _) => {
                    verdict.bad_input = true;
                    complaints.add(program, worker.number, indented(why));
                }
                (Some(Ok(_)) | None, _) => {}
            }
        }
        if let Some(fate) = &worker.fate {
            verdict.bad_input = true;
            complaints.add(worker.running, worker.number, fate.clone());
        }
        rows.push(Row {
            number: worker.number,
            pid: worker.pid,
            right,
            programs: subjects.len(),
            fate: worker.fate.clone(),
            measured,
        });
    }
    eprint!("{}", complaints.text(title, subjects));
    Ok(rows)
}

/// The first line as it is, the others under it.
fn indented(text: &str) -> String {
    text.replace('\n', "\n  ")
}
