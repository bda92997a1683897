//! What each allocator makes resident, in a process of its own.
//!
//! Counted are anonymous pages (`Anonymous` less `LazyFree` in `smaps_rollup`) above those there were before the allocator's first call:
//! its metadata counts, code that the program read in does not.

use crate::harness::{Clock, print_table};
use crate::options::Options;
use crate::replay::{Replay, table};
use crate::resident::resident;
use crate::subjects::{FREEING, Heaps, Job, Subject};
use crate::trace::{NAMES, Trace};
use crate::{Outcome, right};
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::ptr::NonNull;
use std::process::Command;

const MILLION: usize = 1_000_000;
const MIB: f64 = (1 << 20) as f64;
/// The load that is not a trace.
const OBJECTS: usize = NAMES.len();

struct Fill<'t>(&'t mut [NonNull<u64>]);

const OBJECT: Layout = Layout::new::<[u64; 8]>();

impl Job for Fill<'_> {
    type Outcome = Result<usize, AllocError>;

    fn run<A: Allocator + Copy>(self, heap: A) -> Self::Outcome {
        for (tag, object) in (0..).zip(self.0) {
            *object = heap.allocate(OBJECT)?.cast();
            // SAFETY: a new object of 64 bytes.
            unsafe { object.write(tag) };
        }
        Ok(0)
    }
}

struct Free<'t>(&'t [NonNull<u64>]);

impl Job for Free<'_> {
    type Outcome = Result<usize, AllocError>;

    fn run<A: Allocator + Copy>(self, heap: A) -> Self::Outcome {
        let mut wrong = 0;
        for (tag, object) in (0..).zip(self.0) {
            // SAFETY: `Fill` made it.
            unsafe {
                wrong += usize::from(object.read() != tag);
                heap.deallocate(object.cast(), OBJECT);
            }
        }
        Ok(wrong)
    }
}

/// In a child: resident at the peak, resident when everything is freed and trimmed, and nanoseconds for all of it.
pub(crate) fn child(options: &Options, subject: usize) -> Outcome<()> {
    let (subject, load) = (FREEING[subject], options.number("--load").unwrap_or(OBJECTS));
    let [peak, left, time] = match NAMES.get(load) {
        Some(name) => {
            let trace = Trace::read(name)?;
            let mut table = table(trace.slots);
            let (rise, fall) = trace.calls.ops().split_at(trace.peak.0);
            measure(subject, &mut table, |heaps, table, part| {
                heaps.called(subject, Replay { ops: if part == 0 { rise } else { fall }, table })
            })?
        }
        None => {
            measure(subject, &mut vec![NonNull::dangling(); MILLION], |heaps, objects: &mut Vec<_>, part| match part {
                0 => heaps.inlined(subject, Fill(objects)),
                _ => heaps.inlined(subject, Free(objects)),
            })?
        }
    };
    println!("{peak} {left} {time}");
    Ok(())
}

fn measure<T>(
    subject: Subject,
    state: &mut T,
    mut part: impl FnMut(&Heaps, &mut T, usize) -> Result<usize, AllocError>,
) -> Outcome<[f64; 3]> {
    // What reading the trace left behind would be used again by the one subject that is also this program's allocator.
    // SAFETY: no preconditions.
    unsafe { libc::malloc_trim(0) };
    let before = resident()?;
    let heaps = Heaps::new()?;
    let clock = Clock::start();
    let mut wrong = part(&heaps, state, 0)?;
    let time = clock.elapsed();
    let peak = resident()? - before;
    let clock = Clock::start();
    wrong += part(&heaps, state, 1)?;
    let time = time + clock.elapsed();
    heaps.trim(subject)?;
    let left = resident()? - before;
    right(subject, wrong)?;
    Ok([peak, left, time.as_nanos() as f64])
}

fn ask(subject: usize, load: usize) -> Outcome<[f64; 3]> {
    let arguments = ["--bench", "--child", &subject.to_string(), "--load", &load.to_string()];
    let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
    let numbers: Vec<f64> =
        String::from_utf8(output.stdout)?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    <[f64; 3]>::try_from(numbers).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("a child failed with {}: {said}", output.status).into()
    })
}

pub(crate) fn print(rounds: usize) -> Outcome<()> {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let head: Vec<&str> =
        ["load", "live MiB"].into_iter().chain(FREEING.iter().map(|subject| subject.name())).collect();
    let (mut peaks, mut lefts, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for load in (0..=OBJECTS).rev() {
        let (name, live) = match NAMES.get(load) {
            Some(name) => (*name, Trace::read(name)?.peak.1),
            None => ("1 M × 64 B", 64 * MILLION),
        };
        let mut samples = vec![[const { Vec::new() }; 3]; FREEING.len()];
        for _ in 0..rounds {
            for (subject, samples) in samples.iter_mut().enumerate() {
                for (samples, sample) in samples.iter_mut().zip(ask(subject, load)?) {
                    samples.push(sample);
                }
            }
        }
        let medians: Vec<[f64; 3]> = samples.into_iter().map(|three| three.map(median)).collect();
        let row = |cell: &dyn Fn(&[f64; 3]) -> String| {
            let cells = medians.iter().map(cell);
            [name.to_string(), format!("{:.1}", live as f64 / MIB)].into_iter().chain(cells).collect::<Vec<_>>()
        };
        peaks.push(row(&|three| format!("{:.3}", three[0] / live as f64)));
        lefts.push(row(&|three| format!("{:.2}", three[1] / MIB)));
        times.push(row(&|three| format!("{:.0} ms ({:.2})", three[2] / 1e6, three[2] / medians[0][2])));
    }
    print_table("N16: resident over live bytes, when the most are live", &head, &peaks);
    print_table("N16: MiB resident after everything was freed and trimmed", &head, &lefts);
    print_table("A fresh process: processor time of the load, page faults included (ratio to mimalloc)", &head, &times);
    Ok(())
}
