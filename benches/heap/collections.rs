//! Collections that take their allocator as a parameter.

use crate::harness::random::Random;
use crate::harness::{Clock, interleave};
use crate::subjects::{FREEING, Heaps, Job};
use crate::{Outcome, Report};
use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec as VecIn;
use core::hash::{BuildHasherDefault, Hasher};
use hashbrown::HashMap;

/// Collections that live at once, where they are small.
const RING: usize = 256;

/// A multiplication: a hash table's own work should not hide its allocator's.
#[derive(Default)]
struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }
}

type Map<A> = HashMap<u64, u64, BuildHasherDefault<Multiply>, A>;

#[derive(Clone, Copy)]
enum Load {
    SmallVecs,
    GrowingVec,
    SmallMaps,
    GrowingMap,
}

const LOADS: [(Load, usize, &str); 4] = [
    (Load::SmallVecs, 100_000, "`Vec`s of 1 to 16 × 8 B, pushed"),
    (Load::GrowingVec, 1 << 20, "one `Vec`, 1 M × 8 B pushed"),
    (Load::SmallMaps, 40_000, "hashbrown maps of 1 to 16 entries"),
    (Load::GrowingMap, 200_000, "one hashbrown map, 200,000 inserted"),
];

/// Does it, and returns a sum over what was read back.
impl Job for (Load, usize) {
    type Outcome = u64;

    #[inline(never)]
    fn run<A: Allocator + Copy>(self, heap: A) -> u64 {
        let (load, count) = self;
        match load {
            Load::SmallVecs => small_vecs(heap, count),
            Load::GrowingVec => {
                let mut vec = VecIn::new_in(heap);
                (0..count as u64).for_each(|value| vec.push(value));
                vec.iter().sum()
            }
            Load::SmallMaps => small_maps(heap, count),
            Load::GrowingMap => {
                let mut map = Map::with_hasher_in(BuildHasherDefault::default(), heap);
                (0..count as u64).for_each(|value| {
                    map.insert(value, value);
                });
                map.values().sum()
            }
        }
    }
}

#[inline(never)]
fn small_vecs<A: Allocator + Copy>(heap: A, count: usize) -> u64 {
    let mut random = Random::new(3);
    let mut ring: Vec<VecIn<u64, A>> = (0..RING).map(|_| VecIn::new_in(heap)).collect();
    let mut sum = 0;
    for number in 0..count {
        let mut vec = VecIn::new_in(heap);
        (0..=random.next() % 16).for_each(|value| vec.push(value));
        let place = &mut ring[number % RING];
        sum += place.iter().sum::<u64>();
        *place = vec;
    }
    sum
}

#[inline(never)]
fn small_maps<A: Allocator + Copy>(heap: A, count: usize) -> u64 {
    let mut random = Random::new(3);
    let mut ring: Vec<Map<A>> = (0..RING).map(|_| Map::with_hasher_in(BuildHasherDefault::default(), heap)).collect();
    let mut sum = 0;
    for number in 0..count {
        let mut map = Map::with_hasher_in(BuildHasherDefault::default(), heap);
        (0..=random.next() % 16).for_each(|value| {
            map.insert(value, value);
        });
        let place = &mut ring[number % RING];
        sum += place.values().sum::<u64>();
        *place = map;
    }
    sum
}

pub(crate) fn print(heaps: &Heaps, rounds: usize) -> Outcome<()> {
    let mut report = Report::new(FREEING);
    for (load, count, name) in LOADS {
        let mut sum = None;
        let samples = interleave(rounds, FREEING.len(), |subject| {
            let subject = FREEING[subject];
            let clock = Clock::start();
            let got = heaps.inlined(subject, (load, count));
            let time = clock.elapsed().as_nanos() as f64 / count as f64;
            crate::right(subject, usize::from(*sum.get_or_insert(got) != got)).map(|()| [time])
        })?;
        report.add(name, samples);
    }
    report.print("Collections; ns a collection where they are many, else ns an element; ratio to mimalloc", false);
    Ok(())
}
