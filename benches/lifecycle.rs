//! An arena a case, as property tests and fuzzers make them: create, one block, seal, drop; a million times. The same for both arenas with
//! a block in each, made anew or on pages that are kept from case to case, and for a heap arena alone, which has nothing to seal. And a native
//! function in an arena of its own, which goes with it: beside `dynasmrt`'s buffer, which maps, protects and unmaps a page.
//!
//! `cargo bench --bench lifecycle`; `-- --cycles 10000` for fewer, `--processes 10` for a shorter look.
//!
//! Where the kernel puts a mapping decides what a cycle costs: dropping it searches the page tables of every gigabyte (2^30 bytes) in which
//! anything lies, from the mapping's one end to the other.
//!
//! ```text
//!                    2 GiB                 3 GiB                 4 GiB
//!   ├────────────────────┼─────────────────────┼─────────────────────┤
//!            [arena ···· │ ······ nothing ···· │ ··· )[libraries        searched: from the arena to 2 GiB, from 3 GiB to `)`
//! ```
//!
//! An address changes with each process and with no cycle of it. So each sample is a process of its own, and the table gives means: a
//! median would be one of the few values that there are.
//!
//! The floor is what the kernel takes for the least that any sealed arena needs: `mmap` without access, `mprotect` to write one page, a
//! store, `mprotect` read-only, `munmap`.

#[path = "harness/mod.rs"]
mod harness;
#[path = "harness/options.rs"]
mod options;

use core::alloc::Layout;
use dynasmrt::mmap::MutableBuffer;
use harness::{Clock, Samples, interleave, print_table};
use options::Options;
use permacode::pages::PooledPages;
use permacode::{CodeArena, DualArena, HeapArena};
use std::cell::LazyCell;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;

type Outcome<T> = Result<T, Box<dyn Error>>;

const SUBJECTS: [&str; 9] = [
    "mmap, mprotect, mprotect, munmap",
    "code arena, default reservation",
    "code arena, 1 MiB reservation",
    "heap arena, default reservation",
    "both arenas, default reservations",
    "native function, `dynasmrt`'s buffer",
    "native function, arena of 64 KiB",
    "both arenas, on `PooledPages`",
    "native function, arena of 64 KiB on `PooledPages`",
];
const CODE: usize = 1;
const BOTH: usize = 4;
const DYNASM: usize = 5;
const NATIVE: usize = 6;
const POOLED: usize = 7;
const POOLED_NATIVE: usize = 8;
/// Rounds in one process, of which the median counts.
const ROUNDS: usize = 5;
/// Cycles in a round.
const BATCH: usize = 200;

fn main() -> Outcome<()> {
    let Some(options) = Options::asked() else { return Ok(()) };
    let cycles = options.number("--cycles").unwrap_or(1_000_000);
    if options.number("--child").is_some() {
        for [samples] in in_turn()? {
            println!("{}", samples.quartiles()[1]);
        }
        return Ok(());
    }

    let processes = options.number("--processes").unwrap_or(60);
    let measured = (0..processes).map(|_| child()).collect::<Outcome<Vec<_>>>()?;
    let of = |subject: usize| measured.iter().map(|times| times[subject]).collect::<Samples>();
    let rows = SUBJECTS.iter().enumerate().map(|(subject, name)| {
        let (times, floor) = (of(subject), of(0));
        vec![name.to_string(), times.mean_cell(), times.mean_ratio_cell(&floor)]
    });
    let title = format!("create, one block, seal, drop; µs a cycle, mean of {processes} processes");
    print_table(&title, &["subject", "cycle", "of the floor"], &Vec::from_iter(rows));
    let rows = [NATIVE, POOLED_NATIVE]
        .map(|subject| vec![SUBJECTS[subject].to_string(), of(subject).mean_ratio_cell(&of(DYNASM))]);
    print_table("a native function that goes again", &["subject", "of `dynasmrt`'s buffer"], &rows);
    let (code, heap) = system_calls()?;
    println!("\nsystem calls of one cycle: code arena {code}, heap arena {heap}");

    let pool = pool();
    for subject in [CODE, BOTH, POOLED, POOLED_NATIVE] {
        let before = Process::now()?;
        (0..cycles).try_for_each(|_| run(subject, &pool))?;
        let after = Process::now()?;
        print_table(
            &format!("{cycles} cycles: {}", SUBJECTS[subject]),
            &["", "resident, KiB", "mappings"],
            &[before.row("before"), after.row("after")],
        );
    }
    Ok(())
}

/// Every subject in turn, in this process; µs a cycle. Those with a pool come last: what a pool keeps changes where the others lie.
fn in_turn() -> Outcome<Vec<[Samples; 1]>> {
    let pool = pool();
    let sample = |subject| -> Outcome<_> {
        let clock = Clock::start();
        (0..BATCH).try_for_each(|_| run(subject, &pool))?;
        Ok([clock.elapsed().as_nanos() as f64 / 1e3 / BATCH as f64])
    };
    let mut all: Vec<_> = interleave(ROUNDS, POOLED, sample)?;
    all.extend(interleave(ROUNDS, SUBJECTS.len() - POOLED, |number| sample(POOLED + number))?);
    Ok(all)
}

/// The median of each subject in a new process, which lies elsewhere.
fn child() -> Outcome<Vec<f64>> {
    let output = Command::new(std::env::current_exe()?).args(["--bench", "--child", "1"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let times = text.lines().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    if times.len() == SUBJECTS.len() {
        Ok(times)
    } else {
        Err(format!("a child said {text:?}: {}", output.status).into())
    }
}

/// A pool that is made when it is first used.
type Pool = LazyCell<Result<Arc<PooledPages>, permacode::Error>>;

fn pool() -> Pool {
    LazyCell::new(|| PooledPages::new(3).map(Arc::new))
}

fn run(subject: usize, pool: &Pool) -> Outcome<()> {
    match subject {
        0 => floor(),
        CODE => use_code(&CodeArena::new()?),
        2 => use_code(&CodeArena::builder().reservation(1 << 20).build()?),
        3 => use_heap(&HeapArena::new()?),
        BOTH => use_both(&DualArena::new()?),
        DYNASM => use_buffer(),
        NATIVE => use_native(&CodeArena::builder().reservation(NATIVE_BYTES).build()?),
        POOLED => use_both(&DualArena::with_pages((**pool).clone()?)?),
        _ => use_native(&CodeArena::builder().reservation(NATIVE_BYTES).pages((**pool).clone()?).build()?),
    }
}

/// The address space for one function's arena.
const NATIVE_BYTES: usize = 64 << 10;

/// A function of some size: nothing runs it.
const FUNCTION: [u8; 200] = [0xC3; 200];

fn use_native(arena: &CodeArena) -> Outcome<()> {
    let loader = arena.load_native("function")?;
    let code = loader.alloc(&FUNCTION, 16)?;
    loader.seal()?;
    if black_box(code)[199] == 0xC3 { Ok(()) } else { Err("the function is not what was put in".into()) }
}

fn use_buffer() -> Outcome<()> {
    let mut buffer = MutableBuffer::new(FUNCTION.len())?;
    buffer.set_len(FUNCTION.len());
    buffer.copy_from_slice(&FUNCTION);
    let code = buffer.make_exec()?;
    if black_box(&code)[199] == 0xC3 { Ok(()) } else { Err("the function is not what was put in".into()) }
}

fn use_both(arenas: &DualArena) -> Outcome<()> {
    use_heap(&arenas.heap)?;
    use_code(&arenas.code)
}

fn use_code(arena: &CodeArena) -> Outcome<()> {
    let loader = arena.load("case")?;
    let block = loader.alloc(0x5EA1_u64)?;
    loader.seal()?;
    if black_box(*block) == 0x5EA1 { Ok(()) } else { Err("the block is not what was put in".into()) }
}

fn use_heap(heap: &HeapArena) -> Outcome<()> {
    let object = heap.alloc(Layout::new::<u64>())?.cast::<u64>();
    // SAFETY: a new object of this layout, which goes with its heap.
    let found = unsafe {
        object.write(0x5EA1);
        black_box(object).read()
    };
    if found == 0x5EA1 { Ok(()) } else { Err("the object is not what was put in".into()) }
}

/// What the arenas count, and for each the call that drops it.
fn system_calls() -> Outcome<(usize, usize)> {
    let both = DualArena::new()?;
    use_both(&both)?;
    Ok((both.code.stats().system_calls + 1, both.heap.stats().system_calls + 1))
}

fn floor() -> Outcome<()> {
    const LEN: usize = 1 << 30;
    const PAGE: usize = 4096;
    let done = |result: libc::c_int| if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) };
    // SAFETY: a mapping of its own, of which the first page is written to while it may be, and that nobody refers to when it goes.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let at = libc::mmap(core::ptr::null_mut(), LEN, libc::PROT_NONE, flags, -1, 0);
        if at == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().into());
        }
        done(libc::mprotect(at, PAGE, libc::PROT_READ | libc::PROT_WRITE))?;
        at.cast::<u64>().write_volatile(1);
        done(libc::mprotect(at, PAGE, libc::PROT_READ))?;
        done(libc::munmap(at, LEN))?;
    }
    Ok(())
}

/// What the kernel says of this process.
struct Process {
    resident_kib: usize,
    mappings: usize,
}

impl Process {
    fn row(&self, name: &str) -> Vec<String> {
        vec![name.into(), self.resident_kib.to_string(), self.mappings.to_string()]
    }

    fn now() -> Outcome<Self> {
        let resident_kib = permacode_witness::status("VmRSS") >> 10;
        Ok(Self { resident_kib, mappings: fs::read_to_string("/proc/self/maps")?.lines().count() })
    }
}
