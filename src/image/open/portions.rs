//! Work on runs in portions, on one thread or on many, with the same answer.
//!
//! ```text
//!   runs      ├───────── Code ─────────┼ Const ┼──────── text ────────┤
//!   portions  ├─ 0 ─┼─ 1 ─┼─ 2 ─┼─ 3 ──┼── 4 ──┼─ 5 ─┼─ 6 ─┼── 7 ────┤    each thread takes the next one, until a lower one was refused
//! ```
//!
//! Portions depend on the file alone. The refusal of the lowest one is the answer, however many threads there are.
#![forbid(unsafe_code)]

use crate::image::format::{ImageError, Index, push};
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::panic::resume_unwind;
use std::thread;

/// Bytes of a portion, about.
const PORTION: usize = 256 << 10;

/// Elements of a run.
pub(super) struct Portion {
    /// The number of the run.
    pub(super) run: usize,
    pub(super) elements: Range<usize>,
}

/// The portions of all runs of the types for which `is_wanted` says so, ascending.
pub(super) fn of_runs(index: &Index, is_wanted: impl Fn(u32) -> bool) -> Result<Vec<Portion>, ImageError> {
    let mut portions = Vec::new();
    for (number, run) in index.runs.iter().enumerate().filter(|(_, run)| is_wanted(run.of)) {
        let size = run.bytes(&index.types).len() / run.len.max(1);
        let step = (PORTION / size.max(1)).max(1);
        for from in (0..run.len).step_by(step) {
            push(&mut portions, Portion { run: number, elements: from..run.len.min(from + step) })?;
        }
    }
    Ok(portions)
}

/// Does the work of each portion on this thread and on `threads - 1` others. Returns the refusal of the lowest.
pub(super) fn each<W>(
    portions: &[Portion],
    threads: usize,
    work: impl Fn(&mut W, &Portion) -> Result<(), ImageError> + Sync,
) -> Result<(), ImageError>
where
    W: Default,
{
    let (next, refused) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let take = || {
        let mut state = W::default();
        loop {
            let number = next.fetch_add(1, Relaxed);
            let portion = portions.get(number).filter(|_| number < refused.load(Relaxed))?;
            if let Err(error) = work(&mut state, portion) {
                refused.fetch_min(number, Relaxed);
                return Some((number, error));
            }
        }
    };
    let others = threads.clamp(1, portions.len().max(1)) - 1;
    let refusal = thread::scope(|scope| {
        // If the system has no more threads, fewer do the work.
        let spawned = (0..others).map_while(|_| thread::Builder::new().spawn_scoped(scope, take).ok());
        let spawned: Vec<_> = spawned.collect();
        let own = take();
        let joined = spawned.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.chain([own]).flatten().min_by_key(|&(number, _)| number)
    });
    refusal.map_or(Ok(()), |(_, error)| Err(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn portions(count: usize) -> Vec<Portion> {
        (0..count).map(|run| Portion { run, elements: 0..1 }).collect()
    }

    #[test]
    fn the_refusal_of_the_lowest_portion_is_the_answer_of_any_number_of_threads() {
        let refused = |threads| {
            each(&portions(1000), threads, |_: &mut (), portion| match portion.run {
                run if run % 300 == 299 => Err(ImageError::NoRoot(run.to_string())),
                _ => Ok(()),
            })
        };
        for threads in [0, 1, 2, 7, 64] {
            for _ in 0..20 {
                assert_eq!(refused(threads), Err(ImageError::NoRoot("299".into())));
            }
        }
    }

    #[test]
    fn each_portion_is_worked_on_once() {
        let seen: Vec<AtomicUsize> = (0..500).map(|_| AtomicUsize::new(0)).collect();
        for threads in [1, 3] {
            let work = |_: &mut (), portion: &Portion| {
                seen[portion.run].fetch_add(1, Relaxed);
                Ok(())
            };
            each(&portions(500), threads, work).unwrap();
        }
        assert!(seen.iter().all(|count| count.load(Relaxed) == 2));
        assert_eq!(each(&[], 4, |_: &mut (), _| Err(ImageError::NoImage)), Ok(()));
    }

    #[test]
    #[should_panic(expected = "of the work itself")]
    fn a_panic_on_another_thread_is_passed_on() {
        let _ = each(&portions(100), 2, |_: &mut (), _| -> Result<(), ImageError> { panic!("of the work itself") });
    }
}
