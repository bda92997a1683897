//! Objects of one size: many made and freed again in some order, and a heap with a million of which a random half is replaced.

use crate::harness::random::Random;
use crate::harness::{Clock, interleave};
use crate::subjects::{FREEING, Heaps, Job, Subject};
use crate::{Outcome, Report};
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::ptr::NonNull;
use std::cell::RefCell;

/// Objects made in a sample.
const OBJECTS: usize = 400_000;
const MILLION: usize = 1_000_000;

/// In which order objects are freed.
#[derive(Clone, Copy, Debug)]
enum Order {
    NewestFirst,
    OldestFirst,
    Random,
}

const ORDERS: [(Order, &str); 3] =
    [(Order::NewestFirst, "LIFO"), (Order::OldestFirst, "FIFO"), (Order::Random, "random")];

#[inline(always)]
const fn layout<const SIZE: usize>() -> Layout {
    match Layout::from_size_align(SIZE, 8) {
        Ok(layout) => layout,
        Err(_) => panic!("a size that no object has"),
    }
}

#[inline(always)]
fn make<A: Allocator, const SIZE: usize>(heap: A, tag: u64) -> Result<NonNull<u64>, AllocError> {
    let object = heap.allocate(const { layout::<SIZE>() })?.cast::<u64>();
    // SAFETY: a new object of at least 8 bytes, aligned to 8.
    unsafe { object.write(tag) };
    Ok(object)
}

/// Returns 1 if the object does not have its tag.
///
/// # Safety
///
/// `make` made it here, and nobody freed it since.
#[inline(always)]
unsafe fn end<A: Allocator, const SIZE: usize>(heap: A, object: NonNull<u64>, tag: u64) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        let wrong = usize::from(object.read() != tag);
        heap.deallocate(object.cast(), const { layout::<SIZE>() });
        wrong
    }
}

/// Makes `objects.len()` objects and frees them as `order` says, again and again until `order` is used up.
struct Cycle<'t, const SIZE: usize> {
    objects: &'t mut [NonNull<u64>],
    order: &'t [u32],
}

impl<const SIZE: usize> Job for Cycle<'_, SIZE> {
    type Outcome = Result<usize, AllocError>;

    #[inline(never)]
    fn run<A: Allocator + Copy>(self, heap: A) -> Self::Outcome {
        let mut wrong = 0;
        for order in self.order.chunks_exact(self.objects.len()) {
            for (tag, object) in (0..).zip(self.objects.iter_mut()) {
                *object = make::<A, SIZE>(heap, tag)?;
            }
            for &index in order {
                // SAFETY: made above; an order names each once.
                wrong += unsafe { end::<A, SIZE>(heap, self.objects[index as usize], u64::from(index)) };
            }
        }
        Ok(wrong)
    }
}

/// Frees the objects of some indices. They must be live.
struct Free<'t>(&'t [NonNull<u64>], &'t [u32]);

impl Job for Free<'_> {
    type Outcome = usize;

    fn run<A: Allocator + Copy>(self, heap: A) -> usize {
        // SAFETY: live, and named once.
        self.1.iter().map(|&index| unsafe { end::<A, 64>(heap, self.0[index as usize], u64::from(index)) }).sum()
    }
}

/// Makes the objects of some indices.
struct Fill<'t>(&'t mut [NonNull<u64>], &'t [u32]);

impl Job for Fill<'_> {
    type Outcome = Result<(), AllocError>;

    #[inline(never)]
    fn run<A: Allocator + Copy>(self, heap: A) -> Self::Outcome {
        for &index in self.1 {
            self.0[index as usize] = make::<A, 64>(heap, u64::from(index))?;
        }
        Ok(())
    }
}

/// The order of one sample: a permutation for each time round.
fn orders(order: Order, live: usize) -> Vec<u32> {
    let mut random = Random::new(7);
    let mut all = Vec::with_capacity(OBJECTS);
    for _ in 0..OBJECTS / live {
        let mut one: Vec<u32> = (0..live as u32).collect();
        match order {
            Order::NewestFirst => one.reverse(),
            Order::OldestFirst => {}
            Order::Random => random.shuffle(&mut one),
        }
        all.append(&mut one);
    }
    all
}

pub(crate) fn print(heaps: &Heaps, rounds: usize) -> Outcome<()> {
    for live in [1_000, 100_000] {
        let mut report = Report::new(FREEING);
        for (order, name) in ORDERS {
            cycle::<16>(heaps, rounds, live, order, name, &mut report)?;
            cycle::<64>(heaps, rounds, live, order, name, &mut report)?;
            cycle::<256>(heaps, rounds, live, order, name, &mut report)?;
        }
        report.print(&format!("N14: objects of one size, {live} live; ns a pair, ratio to mimalloc"), true);
    }
    let mut report = Report::new(FREEING);
    refill(heaps, rounds.min(9), &mut report)?;
    report.print(
        "N14: a million of 64 B, a random half freed: making that half again; ns an object, ratio to mimalloc",
        false,
    );
    Ok(())
}

/// Objects of 64 bytes: 100,000 live, or a thousand, in one of the three orders.
pub(crate) fn alone(heaps: &Heaps, subject: Subject, rounds: usize, load: usize) -> Outcome<()> {
    let live = if load < ORDERS.len() { 100_000 } else { 1_000 };
    let order = orders(ORDERS[load % ORDERS.len()].0, live);
    let mut objects = vec![NonNull::dangling(); live];
    for _ in 0..rounds {
        crate::right(subject, heaps.inlined(subject, Cycle::<64> { objects: &mut objects, order: &order })?)?;
    }
    Ok(())
}

fn cycle<const SIZE: usize>(
    heaps: &Heaps,
    rounds: usize,
    live: usize,
    order: Order,
    name: &str,
    report: &mut Report,
) -> Outcome<()> {
    let orders = orders(order, live);
    let mut objects = vec![NonNull::dangling(); live];
    let samples = interleave(rounds, FREEING.len(), |subject| {
        let subject = FREEING[subject];
        heaps.inlined(subject, Cycle::<SIZE> { objects: &mut objects, order: &orders[..live] })?;
        let clock = Clock::start();
        let wrong = heaps.inlined(subject, Cycle::<SIZE> { objects: &mut objects, order: &orders })?;
        let time = clock.elapsed().as_nanos() as f64 / orders.len() as f64;
        crate::right(subject, wrong).map(|()| [time])
    })?;
    report.add(&format!("{name}, {SIZE} B"), samples);
    Ok(())
}

fn refill(heaps: &Heaps, rounds: usize, report: &mut Report) -> Outcome<()> {
    let every: Vec<u32> = (0..MILLION as u32).collect();
    let tables: Vec<_> =
        FREEING.iter().map(|_| RefCell::new((vec![NonNull::dangling(); MILLION], Random::new(11)))).collect();
    for (table, &subject) in tables.iter().zip(FREEING) {
        heaps.inlined(subject, Fill(&mut table.borrow_mut().0, &every))?;
    }
    let samples = interleave(rounds, FREEING.len(), |number| {
        let subject: Subject = FREEING[number];
        let (table, random) = &mut *tables[number].borrow_mut();
        let mut order = every.clone();
        random.shuffle(&mut order);
        let (half, _) = order.split_at(MILLION / 2);
        let wrong = heaps.inlined(subject, Free(table, half));
        let clock = Clock::start();
        heaps.inlined(subject, Fill(table, half))?;
        let time = clock.elapsed().as_nanos() as f64 / half.len() as f64;
        crate::right(subject, wrong).map(|()| [time])
    })?;
    report.add("refill", samples);
    for (table, &subject) in tables.iter().zip(FREEING) {
        crate::right(subject, heaps.inlined(subject, Free(&table.borrow().0, &every)))?;
    }
    Ok(())
}
