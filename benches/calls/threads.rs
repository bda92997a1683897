//! Two threads that share functions, against one.

use crate::Outcome;
use crate::functions::{FUNCTIONS, Functions, SHARED, SHARED_CALLS, Shared};
use crate::harness::{Samples, print_table};
use crate::pair::Pair;
use std::time::{Duration, Instant};

/// When to stop waiting for idle cores.
const PATIENCE: Duration = Duration::from_secs(60);
/// A table of fewer samples than this says nothing.
const ENOUGH: usize = 15;

pub(crate) fn print(functions: &Functions<'_>, rounds: usize) -> Outcome<()> {
    let Some(pair) = Pair::find() else {
        println!("\nTWO THREADS NOT MEASURED: this process may use one processor only.");
        return Ok(());
    };
    let calibration = (0..51).map(|_| pair.calibrate()).collect::<Result<Samples, _>>()?;
    let [low, median, high] = calibration.quartiles();
    println!("\nbefore: two independent loops on two cores run at {median:.2} ({low:.2}–{high:.2}) of one");
    if median < 1.9 {
        println!("THE CORES ARE NOT IDLE: only samples that found them idle before and after count.");
    }
    let shared = Shared::new(functions);
    for count in [1, FUNCTIONS] {
        Measured::take(&pair, &shared, rounds, count)?.print(count);
    }
    Ok(())
}

/// A call's share of the time of one thread and of two, and the throughput of two in that of one: by the wall, by processor time.
type Row = [Samples; 4];

/// What was measured while the cores were idle, and at any time.
struct Measured {
    idle: Vec<Row>,
    any: Vec<Row>,
    /// Samples of each holder that had idle cores.
    counts: Vec<usize>,
    /// Turns that all holders have had.
    rounds: usize,
}

impl Measured {
    /// Takes samples until `rounds` of each holder had two idle cores, just before and just after.
    fn take(pair: &Pair, shared: &Shared<'_>, rounds: usize, count: usize) -> Outcome<Self> {
        let (start, none) = (Instant::now(), vec![Row::default(); SHARED.len()]);
        let mut measured = Self { idle: none.clone(), any: none, counts: vec![0; SHARED.len()], rounds: 0 };
        while measured.fewest() < rounds && start.elapsed() < PATIENCE {
            for turn in 0..SHARED.len() {
                let kind = (measured.rounds + turn) % SHARED.len();
                let work = || shared.call(kind, count);
                let before = pair.idle()?;
                if !before && measured.rounds >= rounds {
                    continue;
                }
                let (one, two) = (pair.on(1, &work)?, pair.on(2, &work)?);
                let idle = before && pair.idle()?;
                let sample = [
                    one.wall / SHARED_CALLS as f64,
                    two.wall / SHARED_CALLS as f64,
                    2.0 * one.wall / two.wall,
                    2.0 * one.processor / two.processor,
                ];
                let add = |row: &mut Row| row.iter_mut().zip(sample).for_each(|(samples, it)| samples.extend([it]));
                add(&mut measured.any[kind]);
                if idle {
                    add(&mut measured.idle[kind]);
                    measured.counts[kind] += 1;
                }
            }
            measured.rounds += 1;
        }
        Ok(measured)
    }

    fn fewest(&self) -> usize {
        self.counts.iter().copied().min().unwrap_or(0)
    }

    fn print(&self, count: usize) {
        let functions = if count == 1 { "one function" } else { &format!("{count} functions") };
        if self.fewest() >= ENOUGH {
            let title = format!(
                "two threads, {functions}; ns a call, by the wall; {} to {} samples, both cores idle before and after each",
                self.fewest(),
                self.counts.iter().max().unwrap_or(&0)
            );
            print_rows(&title, &self.idle);
        } else {
            println!(
                "\nTHE CORES WERE NOT IDLE, save for {} samples: what follows shows other programs",
                self.fewest()
            );
            println!("too, and of the two last columns only the processor time means something.");
            print_rows(&format!("two threads, {functions}; ns a call, by the wall; cores NOT IDLE"), &self.any);
        }
    }
}

fn print_rows(title: &str, rows: &[Row]) {
    let row = |(name, [one, two, wall, processor]): (&&str, &Row)| {
        vec![name.to_string(), one.cell(), two.cell(), times(wall), times(processor)]
    };
    let rows: Vec<_> = SHARED.iter().zip(rows).map(row).collect();
    print_table(title, &["holder", "one thread", "each of two", "throughput", "by processor time"], &rows);
}

fn times(samples: &Samples) -> String {
    let [low, median, high] = samples.quartiles();
    format!("**{median:.2}** ({low:.2}–{high:.2})")
}
