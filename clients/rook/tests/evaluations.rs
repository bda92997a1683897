//! Evaluations one after the other under the collector: nothing of them piles up.
//!
//! `cargo test --release -p permacode-rook --test evaluations -- --ignored --nocapture` runs a million, and prints the figures.

use permacode_rook::{Interpreter, Settings};
use std::fs;

/// A text that is evaluated declares a function, captures a variable, makes a class now and then, and keeps the last four functions.
const PROGRAM: &str = r#"
let kept = [nil, nil, nil, nil]
let count = 0
fn round(times) {
  for i in range(times) {
    count += 1
    let text = "fn(x) { let n = abs(" + str(count) + "); return fn() { n += x; return n } }"
    kept[count % 4] = eval(text)(1)
    if count % 100 == 0 { eval("class Made { get() { return \"text\" } } Made().get()") }
  }
  let sum = 0
  for f in kept { sum += f() }
  return sum
}
"#;

/// What evaluations take.
#[derive(Debug)]
#[allow(dead_code, reason = "printed")]
struct Taken {
    evaluations: usize,
    regions: usize,
    sites: usize,
    objects_kb: usize,
    process_kb: usize,
}

/// The resident bytes of this process, in kB.
fn process() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok());
    resident.unwrap_or(0) * 4
}

/// Evaluates in ten rounds, and returns what there is after each.
fn rounds(evaluations: usize) -> Vec<Taken> {
    let mut rook = Interpreter::new(Settings::default()).expect("an interpreter");
    rook.run("main", PROGRAM).expect("the program is loaded");
    let each = evaluations / 10;
    (1..=10)
        .map(|round| {
            let answer = rook.call("main", "round", &[each as i64]).expect("a sum");
            let last = round * each;
            assert_eq!(answer, (4 * last - 6 + 4).to_string()); // the last four numbers, and 1 for each
            let (stats, heap) = (rook.evaluated(), &rook.arenas().heap);
            let objects_kb = heap.resident().expect("the kernel says it") / 1024;
            Taken { evaluations: last, regions: stats.regions, sites: stats.sites, objects_kb, process_kb: process() }
        })
        .collect()
}

fn assert_flat(taken: &[Taken]) {
    let (first, later) = (&taken[2], &taken[3..]);
    for one in later {
        assert!(one.sites <= first.sites * 3 / 2, "site numbers pile up: {taken:#?}");
        assert!(one.regions <= first.regions.max(500) * 4, "regions pile up: {taken:#?}");
        assert!(one.objects_kb <= first.objects_kb * 11 / 10 + 256, "objects pile up: {taken:#?}");
        assert!(one.process_kb <= first.process_kb * 11 / 10 + 512, "the process grows: {taken:#?}");
    }
}

#[test]
fn thousands_of_evaluations_leave_nothing() {
    assert_flat(&rounds(60_000));
}

#[test]
#[ignore = "takes a minute: `cargo test --release -p permacode-rook --test evaluations -- --ignored --nocapture`"]
fn a_million_evaluations_leave_nothing() {
    let taken = rounds(1_000_000);
    for one in &taken {
        println!("{one:?}");
    }
    assert_flat(&taken);
}
