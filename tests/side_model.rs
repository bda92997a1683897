//! Any sequence of operations on a side table keeps the model's promises, on every page source.
//!
//! The model is the library's own (`permacode::testing`), shared with `fuzz/fuzz_targets/side_ops.rs`.

mod support;

use arbitrary::{Arbitrary, Unstructured};
use permacode::testing::{Reserve, SideCase, SideOp};
use proptest::collection::vec;
use proptest::prelude::*;

fn case(reserve: Reserve) -> impl Strategy<Value = SideCase> {
    // Any operation (four bytes choose it), mostly on few sites of few functions: what it finds there was used before.
    let few = prop_oneof![4 => 0..5u8, 1 => any::<u8>()];
    let op = (vec(any::<u8>(), 4), vec(few, 6))
        .prop_map(|(which, what)| SideOp::arbitrary(&mut Unstructured::new(&[which, what].concat())).unwrap());
    (any::<u16>(), vec(op, 0..200)).prop_map(move |(capacity, ops)| SideCase { reserve, capacity, ops })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S15, S16, S17
    #[test]
    fn any_sequence_holds_on_the_systems_pages(case in case(Reserve::System)) {
        case.check();
    }

    // soundness S4
    #[test]
    fn any_sequence_holds_on_pages_never_better_aligned_than_asked(case in case(Reserve::Unaligned)) {
        case.check();
    }

    #[test]
    fn any_sequence_holds_on_ordinary_memory(case in case(Reserve::Ordinary)) {
        case.check();
    }
}

#[cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
mod forked {
    use super::*;
    use permacode::{CodeArena, InlineCache, SideTable, Version};
    use support::{Random, in_child};

    /// Fills caches at random, and forks in the middle: from there on each process has a table, and a model, of its own.
    fn steps(table: &SideTable<'_, InlineCache<u32>>, arena: &CodeArena, random: &mut Random, forks: usize) {
        let mut sites = Vec::new();
        let mut model = vec![None; 100_000];
        let mut now = Version::FIRST;
        let mut step = |random: &mut Random| {
            match random.below(50) {
                0 => now = now.next(),
                1..5 => sites.push(arena.load("m").unwrap().sites(random.below(90)).unwrap()),
                _ => {}
            }
            let Some(&sites) = random.below(sites.len() + 1).checked_sub(1).and_then(|at| sites.get(at)) else {
                return;
            };
            for (cache, number) in table.of(sites).unwrap().iter().zip(sites.range()) {
                let (key, value) = (random.below(3), random.next() as u32);
                assert_eq!(cache.get(key, now), model[number].filter(|(k, v, _)| (*k, *v) == (key, now)).map(|m| m.2));
                if random.below(2) == 0 {
                    cache.set(key, now, value);
                    model[number] = Some((key, now, value));
                }
            }
        };
        for fork in 0..forks {
            (0..100).for_each(|_| step(random));
            in_child(|| {
                let mut own = Random::new(fork as u64 + 77);
                (0..100).for_each(|_| step(&mut own));
            });
        }
        (0..100).for_each(|_| step(random));
    }

    #[test]
    fn parent_and_children_each_go_on_with_a_table_of_their_own() {
        for seed in 1..6 {
            let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
            let table = SideTable::new(&arena).unwrap();
            steps(&table, &arena, &mut Random::new(seed), 8);
        }
    }
}
