//! Three programs, each under a pacer and under fixed thresholds: how often it collects, how long, and how much memory it takes.
//!
//! Times are the thread's processor time, so other programs disturb them little.

use crate::harness::Clock;
use permacode::kit::{Collect, Pacer};
use permacode::{Error, Gc, HeapArena};
use std::cell::Cell;
use std::time::Duration;

#[derive(Collect)]
struct Node<'h> {
    number: u64,
    next: Cell<Option<Gc<'h, Node<'h>>>>,
    other: Cell<Option<Gc<'h, Node<'h>>>>,
}

type Link<'h> = Option<Gc<'h, Node<'h>>>;

/// A machine whose roots are a few lists.
struct Machine<'h> {
    heap: &'h HeapArena,
    roots: Vec<Link<'h>>,
    pacer: &'h Pacer,
    /// Without it, the threshold is the pacer's floor for ever.
    grows: bool,
    report: Report,
}

#[derive(Default)]
struct Report {
    collections: u32,
    total: Duration,
    longest: Duration,
    peak: usize,
}

impl<'h> Machine<'h> {
    fn node(&mut self, next: Link<'h>, other: Link<'h>) -> Result<Gc<'h, Node<'h>>, Error> {
        Gc::new(self.heap, Node { number: 7, next: Cell::new(next), other: Cell::new(other) })
    }

    /// Adds a node to a list; what the list had stays.
    fn push(&mut self, list: usize) -> Result<(), Error> {
        self.safepoint()?;
        let node = self.node(self.roots[list], self.roots[0])?;
        self.roots[list] = Some(node);
        Ok(())
    }

    /// Makes nodes that nobody keeps.
    fn waste(&mut self, nodes: usize) -> Result<(), Error> {
        for _ in 0..nodes {
            self.safepoint()?;
            self.node(None, None)?;
        }
        Ok(())
    }

    fn safepoint(&mut self) -> Result<(), Error> {
        if !self.pacer.is_due(self.heap) {
            return Ok(());
        }
        self.report.peak = self.report.peak.max(self.heap.taken());
        let clock = Clock::start();
        // SAFETY: what is used afterwards are the lists, and the closure only traces.
        unsafe { self.heap.collect(|marker| marker.trace(&self.roots[..])) }?;
        let took = clock.elapsed();
        if self.grows {
            self.pacer.collected(self.heap);
        }
        self.report.collections += 1;
        self.report.total += took;
        self.report.longest = self.report.longest.max(took);
        Ok(())
    }
}

type Program = fn(&mut Machine<'_>) -> Result<(), Error>;

/// Much comes and goes beside little that stays: a server between requests.
fn temporaries(machine: &mut Machine<'_>) -> Result<(), Error> {
    (0..20_000).try_for_each(|_| machine.push(1))?;
    machine.waste(20_000_000)
}

/// A table that grows to two million nodes, with as much that goes.
fn grows(machine: &mut Machine<'_>) -> Result<(), Error> {
    for _ in 0..2_000_000 {
        machine.push(1)?;
        machine.waste(1)?;
    }
    Ok(())
}

/// A structure of 500,000 nodes is built and let go, twenty times: a compiler, file by file.
fn sawtooth(machine: &mut Machine<'_>) -> Result<(), Error> {
    for _ in 0..20 {
        machine.roots[1] = None;
        for _ in 0..500_000 {
            machine.push(1)?;
        }
    }
    Ok(())
}

pub(crate) fn all() {
    println!("| program | threshold | collections | collecting | of the whole | longest pause | most taken |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let programs: [(&str, Program); 3] = [("temporaries", temporaries), ("grows", grows), ("sawtooth", sawtooth)];
    for (name, program) in programs {
        let thresholds: [(&str, bool, usize); 3] =
            [("a pacer", true, 1 << 20), ("4 MiB, fixed", false, 4 << 20), ("64 MiB, fixed", false, 64 << 20)];
        for (how, grows, floor) in thresholds {
            // A fixed threshold below what lives collects at each safepoint: hours.
            if !grows && floor == 4 << 20 && name != "temporaries" {
                println!("| {name} | {how} | one for each object, once that much lives | | | | |");
                continue;
            }
            let (heap, pacer) = (HeapArena::new().expect("a heap"), Pacer::new().floor(floor));
            let clock = Clock::start();
            let mut machine =
                Machine { heap: &heap, roots: vec![None; 2], pacer: &pacer, grows, report: Report::default() };
            program(&mut machine).expect("the program runs");
            let (whole, report) = (clock.elapsed(), machine.report);
            println!(
                "| {name} | {how} | {} | {:.0} ms | {:.0} % | {:.1} ms | {:.1} MiB |",
                report.collections,
                report.total.as_secs_f64() * 1e3,
                report.total.as_secs_f64() / whole.as_secs_f64() * 1e2,
                report.longest.as_secs_f64() * 1e3,
                report.peak.max(heap.taken()) as f64 / f64::from(1 << 20)
            );
        }
    }
}
