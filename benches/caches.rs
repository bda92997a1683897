//! Inline caches in the bytecode, in a hash map, in a side table: one interpreter loop, compiled for each.
//!
//! `cargo bench --bench caches` prints the tables of BENCHMARKS.md; `-- --rounds 5` is quicker, and rougher.
//!
//! Functions of 37 instructions, 12 of which have a cache: attributes of objects with shapes, and globals. Every cache hits: the first
//! pass, before the clock starts, fills them. Each sample ends with the sum of all results, so that a cache that answers wrongly cannot
//! win.
//!
//! The loops are so short that where the linker lays them makes a tenth of their time. So each home has four, which lie differently to the
//! pieces in which a processor fetches code, and a sample is of all four.

#[path = "harness/mod.rs"]
mod harness;
#[path = "caches/homes.rs"]
mod homes;
#[path = "harness/options.rs"]
mod options;
#[path = "caches/program.rs"]
mod program;

use harness::{Clock, Samples, interleave, print_table};
use homes::{Code, Home, Map, Own, PerFrame, Quick, Table, Within, verified};
use options::Options;
use permacode::CodeArena;
use program::{ACCESSES, ADD, ATTRIBUTE, CONSTANT, GLOBAL, INSTRUCTIONS, Order, SHIFT, World, calls, functions};
use std::error::Error;
use std::hash::RandomState;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

const SUBJECTS: [&str; 8] = [
    "verified: in the bytecode",
    "verified: `SideTable`",
    "checked: in the bytecode",
    "checked: `SideTable`",
    "checked: `HashMap` once a frame, std's hash",
    "checked: `HashMap` once a frame, a multiplication for a hash",
    "`HashMap`, std's hash",
    "`HashMap`, a multiplication for a hash",
];
/// The subject that one is compared with: caches in the bytecode, reached in the same way.
const LIKE: [usize; SUBJECTS.len()] = [0, 0, 2, 2, 2, 2, 2, 2];
/// How many functions there are, and in which order they are called: in the nearest cache, in the next, in memory.
const PROGRAMS: [(usize, Order); 4] =
    [(20, Order::InTurn), (20, Order::Random), (500, Order::Random), (20_000, Order::Random)];
const CALLS: usize = 40_000;
/// Loops for each home, alike but for where they lie.
const LOOPS: usize = 4;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Moves the code of the function that it is compiled into, by this quarter of the 64 bytes that a processor fetches: jumps over so much.
#[inline(always)]
fn moved<const QUARTER: usize>() {
    // SAFETY: a jump over bytes that are nobody's.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!("jmp 2f", ".skip {}", "2:", const 16 * QUARTER, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("b 2f", ".skip {}", "2:", const 16 * QUARTER, options(nomem, nostack, preserves_flags));
    }
}

/// One of the loops.
type Run<'c, H> = fn(&'c H, <H as Home<'c>>::Code, &World) -> Result<u64, permacode::Error>;

/// Runs one function: the same loop for every home, at one of four places.
#[inline(never)]
fn run<'c, H: Home<'c>, const QUARTER: usize>(
    home: &'c H,
    code: H::Code,
    world: &World,
) -> Result<u64, permacode::Error> {
    moved::<QUARTER>();
    let frame = home.enter(code)?;
    let (mut pc, mut result) = (0, 1u64);
    loop {
        let op = H::op(code, pc);
        match op.code() {
            ADD => result = result.wrapping_add(op.0),
            CONSTANT => result ^= u64::from(op.name()),
            SHIFT => result = result.rotate_left(7),
            ATTRIBUTE => {
                let object = &world.objects[op.register()];
                let cache = H::cache(frame, code, pc, op);
                let slot = cache.get(object.shape, world.now);
                let slot = slot.unwrap_or_else(|| world.find_attribute(cache, object.shape, op.name()));
                result = result.wrapping_add(object.slots[slot as usize]);
                pc += H::STEP - 1;
            }
            GLOBAL => {
                let cache = H::cache(frame, code, pc, op);
                let index = cache.get(0, world.now).unwrap_or_else(|| world.find_global(cache, op.name()));
                result ^= world.globals[index as usize];
                pc += H::STEP - 1;
            }
            _ => return Ok(result),
        }
        pc += 1;
    }
}

/// A program, and all that its code needs in every home.
struct Program<'a> {
    world: World,
    calls: Vec<usize>,
    codes: Vec<&'a Code<'a>>,
    verified_codes: Vec<&'a Code<'a>>,
    #[expect(clippy::vec_box, reason = "each by itself and reached by a pointer, as sealed code objects are")]
    own: Vec<Box<Own>>,
    slow: Map<RandomState>,
    quick: Map<Quick>,
    slow_once: PerFrame<RandomState>,
    quick_once: PerFrame<Quick>,
    table: Table<'a, true>,
    verified: Table<'a, false>,
}

impl<'a> Program<'a> {
    fn new(arena: &'a CodeArena, count: usize, order: Order) -> Outcome<Self> {
        let functions = functions(count);
        let loader = arena.load("program")?;
        let codes = functions.iter().map(|ops| Code::load(&loader, ops)).collect::<Result<Vec<_>, _>>()?;
        let verified = functions.iter().map(|ops| Code::load(&loader, &verified(ops)));
        let verified_codes = verified.collect::<Result<Vec<_>, _>>()?;
        loader.seal()?;
        Ok(Self {
            world: World::new(),
            calls: calls(count, CALLS, order),
            own: functions.iter().map(|ops| Own::load(ops)).collect(),
            slow: Map::new(&codes),
            quick: Map::new(&codes),
            slow_once: PerFrame::new(&codes),
            quick_once: PerFrame::new(&codes),
            table: Table::new(arena)?,
            verified: Table::new(arena)?,
            codes,
            verified_codes,
        })
    }

    /// All calls, by each of the four loops.
    #[inline(never)]
    fn all<'c, H: Home<'c>>(&'c self, home: &'c H, code: impl Fn(usize) -> H::Code) -> Outcome<u64> {
        let runs: [Run<'c, H>; LOOPS] = [run::<H, 0>, run::<H, 1>, run::<H, 2>, run::<H, 3>];
        let mut sum = 0u64;
        for run in runs {
            for &call in &self.calls {
                sum = sum.wrapping_add(run(home, code(call), &self.world)?);
            }
        }
        Ok(sum)
    }

    fn subject(&self, subject: usize) -> Outcome<u64> {
        match subject {
            0 => self.all(&Within::<false>, |call| &*self.own[call]),
            1 => self.all(&self.verified, |call| self.verified_codes[call]),
            2 => self.all(&Within::<true>, |call| &*self.own[call]),
            3 => self.all(&self.table, |call| self.codes[call]),
            4 => self.all(&self.slow_once, |call| self.codes[call]),
            5 => self.all(&self.quick_once, |call| self.codes[call]),
            6 => self.all(&self.slow, |call| self.codes[call]),
            _ => self.all(&self.quick, |call| self.codes[call]),
        }
    }

    /// Nanoseconds a call.
    fn sample(&self, subject: usize, expected: u64) -> Outcome<[f64; 1]> {
        let start = Clock::start();
        let sum = black_box(self.subject(black_box(subject))?);
        let time = start.elapsed();
        if sum != expected {
            return Err(format!("{}: a cache answered wrongly", SUBJECTS[subject]).into());
        }
        Ok([time.as_nanos() as f64 / (LOOPS * CALLS) as f64])
    }
}

fn main() -> Outcome<()> {
    let Some(options) = Options::asked() else { return Ok(()) };
    if let Some(kind) = options.number("--kind") {
        return counted(kind, options.number("--times").unwrap_or(1));
    }
    if options.number("--kinds").is_some() {
        SUBJECTS.iter().enumerate().for_each(|(kind, name)| println!("{kind} {name}"));
        return Ok(());
    }
    let rounds = options.number("--rounds").unwrap_or(31);
    println!("{INSTRUCTIONS} instructions a call, {ACCESSES} of them through a cache; {rounds} rounds");
    for (functions, order) in PROGRAMS {
        let arena = CodeArena::new()?;
        let program = Program::new(&arena, functions, order)?;
        let expected = program.subject(0)?;
        for subject in 1..SUBJECTS.len() {
            program.sample(subject, expected)?;
        }
        let measured = interleave(rounds, SUBJECTS.len(), |subject| program.sample(subject, expected))?;
        let order = match order {
            Order::InTurn => "one after another",
            Order::Random => "in random order",
        };
        print(&format!("{functions} functions, {order}; ns a call"), &SUBJECTS, &LIKE, &measured);
    }
    threads(rounds)
}

/// Each subject beside the one that `like` says.
fn print(title: &str, subjects: &[&str], like: &[usize], measured: &[[Samples; 1]]) {
    let row = |((subject, [call]), &like): ((&&str, &[Samples; 1]), &usize)| {
        vec![subject.to_string(), call.cell(), call.ratio_cell(&measured[like][0])]
    };
    let rows: Vec<_> = subjects.iter().zip(measured).zip(like).map(row).collect();
    print_table(title, &["caches", "call", "of the first of its kind"], &rows);
}

/// One program in many passes, for callgrind: each of 100 calls.
fn counted(kind: usize, times: usize) -> Outcome<()> {
    let arena = CodeArena::new()?;
    let mut program = Program::new(&arena, 100 / LOOPS, Order::InTurn)?;
    program.calls = (0..100 / LOOPS).collect();
    let first = program.subject(kind)?;
    for _ in 0..times {
        if program.subject(kind)? != first {
            return Err("a cache answered wrongly".into());
        }
    }
    Ok(())
}

/// The same sealed code, run by one thread and by two, each with a table of its own.
fn threads(rounds: usize) -> Outcome<()> {
    let names = ["one thread", "two threads, a table each"];
    let arena = CodeArena::new()?;
    let program = Program::new(&arena, 500, Order::Random)?;
    let expected = program.subject(0)?;
    let (codes, order) = (&program.codes[..], &program.calls[..]);
    let work = |barrier: &Barrier| -> Result<f64, String> {
        let (table, world) = (Table::<true>::new(&arena).map_err(|error| error.to_string())?, World::new());
        let call = |call: usize| run::<_, 0>(&table, codes[call], &world);
        let pass = || order.iter().try_fold(0u64, |sum, &number| Ok(sum.wrapping_add(call(number)?)));
        let wrong = |error: permacode::Error| error.to_string();
        if pass().map_err(wrong)?.wrapping_mul(LOOPS as u64) != expected {
            return Err("a cache answered wrongly".into());
        }
        barrier.wait();
        let start = Clock::start();
        for _ in 0..5 {
            black_box(pass().map_err(wrong)?);
        }
        Ok(start.elapsed().as_nanos() as f64 / (5 * CALLS) as f64)
    };
    let measured = interleave(rounds, names.len(), |subject| {
        let count = subject + 1;
        let barrier = Barrier::new(count);
        let times: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..count).map(|_| scope.spawn(|| work(&barrier))).collect();
            threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked".to_string())?).collect()
        });
        let times = times.into_iter().collect::<Result<Vec<f64>, String>>()?;
        Ok::<_, String>([times.iter().sum::<f64>() / count as f64])
    })?;
    print("500 functions, sealed, run by threads; ns of processor time a call", &names, &[0, 0], &measured);
    Ok(())
}
