//! The kit's collector beside marking by hand and beside gc-arena, and a pacer beside fixed thresholds.
//!
//! | | |
//! | --- | --- |
//! | `cargo bench -p permacode-collect-bench` | three programs, each with a pacer and with two fixed thresholds |
//! | `benches/collect.sh` | instructions for each object that is allocated, marked, swept |
//!
//! `collect --bench --subject SUBJECT --phase PHASE --depth DEPTH` runs one phase of one subject, for `collect.sh` to count.

#[path = "../harness"]
mod harness {
    mod clock;
    pub(crate) use clock::Clock;
}

mod by_hand;
mod by_kit;
mod gc_arena_tree;
mod programs;

use std::hint::black_box;

/// A phase: all build one tree. `Mark` collects with the tree as its root, `Sweep` without a root.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Build,
    Mark,
    Sweep,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return; // `cargo test` runs benches too
    }
    let value =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let Some(subject) = value("--subject") else { return programs::all() };
    let phase = match value("--phase").map(String::as_str) {
        Some("mark") => Phase::Mark,
        Some("sweep") => Phase::Sweep,
        _ => Phase::Build,
    };
    let depth = value("--depth").and_then(|depth| depth.parse().ok()).unwrap_or(15);
    let objects = match subject.as_str() {
        "hand" => by_hand::run(phase, depth),
        "kit" => by_kit::run(phase, depth),
        "gc-arena" => gc_arena_tree::run(phase, depth),
        other => panic!("no subject {other}: hand, kit, gc-arena"),
    };
    println!("{} objects", black_box(objects));
}
