//! Instructions for a pair of allocation and free, counted by valgrind: the difference of two runs of different length, so that starting
//! the program does not count. Refills do; the loop around the pair is subtracted.

use crate::Outcome;
use crate::harness::print_table;
use crate::options::Options;
use crate::subjects::{FREEING, Heaps, Job};
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;
use std::process::Command;

const FEW: usize = 20_000;
const MANY: usize = 120_000;
const OTHERS: usize = 100;

/// What is counted.
#[derive(Clone, Copy)]
enum Pair {
    /// A size that the compiler knows.
    Constant,
    /// A size that it does not know, neither when allocating nor when freeing.
    RunTime,
}

const PAIRS: [(Pair, &str); 2] = [(Pair::Constant, "64 B, constant"), (Pair::RunTime, "run-time size")];

struct Loop {
    pair: Pair,
    times: usize,
    /// Without it, the loop alone.
    allocates: bool,
}

#[inline(always)]
fn of_size(size: usize) -> Layout {
    // SAFETY: a power of two, and the sizes here are small.
    unsafe { Layout::from_size_align_unchecked(size, 16) }
}

/// What the compiler is not to know. Reading and writing it is part of the loop alone.
struct Hidden {
    size: Cell<usize>,
    object: Cell<NonNull<u8>>,
}

impl Hidden {
    #[inline(always)]
    fn layout(&self, pair: Pair) -> Layout {
        match pair {
            Pair::Constant => of_size(64),
            // SAFETY: a place of this struct.
            Pair::RunTime => of_size(unsafe { self.size.as_ptr().read_volatile() }),
        }
    }

    #[inline(always)]
    fn through(&self, object: NonNull<u8>) -> NonNull<u8> {
        // SAFETY: a place of this struct.
        unsafe {
            self.object.as_ptr().write_volatile(object);
            self.object.as_ptr().read_volatile()
        }
    }
}

impl Job for Loop {
    type Outcome = Result<(), AllocError>;

    fn run<A: Allocator + Copy>(self, heap: A) -> Self::Outcome {
        // Some others of the size live throughout: the last object of a page is a special case for some allocators.
        for _ in 0..OTHERS {
            heap.allocate(of_size(64))?;
        }
        let hidden = Hidden { size: Cell::new(64), object: Cell::new(NonNull::dangling()) };
        match (self.pair, self.allocates) {
            (Pair::Constant, true) => repeat(self.times, || pair(heap, &hidden, Pair::Constant)),
            (Pair::Constant, false) => repeat(self.times, || nothing(&hidden, Pair::Constant)),
            (Pair::RunTime, true) => repeat(self.times, || pair(heap, &hidden, Pair::RunTime)),
            (Pair::RunTime, false) => repeat(self.times, || nothing(&hidden, Pair::RunTime)),
        }
    }
}

#[inline(never)]
fn repeat(times: usize, mut once: impl FnMut() -> Result<(), AllocError>) -> Result<(), AllocError> {
    // Counted where the compiler does not see it, so that it unrolls no loop.
    let left = Cell::new(times);
    // SAFETY: a place of this function.
    let next = || unsafe {
        let now = left.as_ptr().read_volatile();
        left.as_ptr().write_volatile(now.wrapping_sub(1));
        now
    };
    while next() != 0 {
        once()?;
    }
    Ok(())
}

#[inline(always)]
fn pair<A: Allocator + Copy>(heap: A, hidden: &Hidden, pair: Pair) -> Result<(), AllocError> {
    let object = hidden.through(heap.allocate(hidden.layout(pair))?.cast());
    // SAFETY: just allocated, with a layout of the same size.
    unsafe { heap.deallocate(object, hidden.layout(pair)) };
    Ok(())
}

#[inline(always)]
fn nothing(hidden: &Hidden, pair: Pair) -> Result<(), AllocError> {
    let _ = (hidden.layout(pair), hidden.through(NonNull::dangling()), hidden.layout(pair));
    Ok(())
}

/// In a child: the loop that is counted.
pub(crate) fn child(options: &Options, kind: usize) -> Outcome<()> {
    let times = options.number("--times").unwrap_or(FEW);
    let (subject, kind) = (kind / 4, kind % 4);
    let heaps = Heaps::new()?;
    Ok(heaps.inlined(FREEING[subject], Loop { pair: PAIRS[kind / 2].0, times, allocates: kind % 2 == 1 })?)
}

/// `None` if the subject does not run under valgrind.
fn count(kind: usize, times: usize) -> Outcome<Option<f64>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--bench", "--count", &kind.to_string(), "--times", &times.to_string()])
        .output()?;
    if !output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let number = said.split("Collected :").nth(1).and_then(|rest| rest.split_whitespace().next());
    Ok(Some(number.ok_or_else(|| format!("valgrind counted nothing: {said}"))?.parse()?))
}

pub(crate) fn print() -> Outcome<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("\nN15: no valgrind here, so no instructions are counted.");
        return Ok(());
    }
    let once = |kind| -> Outcome<Option<f64>> {
        let (many, few) = (count(kind, MANY)?, count(kind, FEW)?);
        Ok(many.zip(few).map(|(many, few)| (many - few) / (MANY - FEW) as f64))
    };
    let mut rows = Vec::new();
    for (pair, (_, name)) in PAIRS.iter().enumerate() {
        let alone = once(2 * pair)?;
        let mut row = vec![name.to_string()];
        for subject in 0..FREEING.len() {
            let all = once(4 * subject + 2 * pair + 1)?;
            row.push(all.zip(alone).map_or("–".into(), |(all, alone)| format!("{:.1}", all - alone)));
        }
        rows.push(row);
    }
    let head: Vec<&str> = ["pair"].into_iter().chain(FREEING.iter().map(|subject| subject.name())).collect();
    print_table("N15: instructions for allocating and freeing an object", &head, &rows);
    Ok(())
}
