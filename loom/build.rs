//! Weaker copies of the library's gate, which the models must refuse: each with one change.
//!
//! A change that does not find its place exactly once ends the build, so a copy cannot come to be the original unnoticed.

use std::path::Path;
use std::{env, fs};

const GATE: &str = "../src/handles/shared/gate.rs";

/// The name of each weaker copy, the changes to be made: what is replaced, and by what.
const WEAKER: [(&str, &[(&str, &str)]); 13] = [
    (
        "inside_is_read_by_a_load",
        &[("if self.inside.fetch_add(0, AcqRel) == 0 {", "if self.inside.load(Acquire) == 0 {")],
    ),
    (
        "inside_is_read_before_the_list_is_taken",
        &[
            (
                "let first = self.replaced",
                "let nobody = self.inside.fetch_add(0, AcqRel) == 0; let first = self.replaced",
            ),
            ("if self.inside.fetch_add(0, AcqRel) == 0 {", "if nobody {"),
        ],
    ),
    ("nobody_looks_again", &[("self.inside.fetch_add(0, Release) != 0", "true")]),
    ("a_reader_comes_in_relaxed", &[("inside.fetch_add(1, Acquire)", "inside.fetch_add(1, Relaxed)")]),
    ("a_reader_loads_relaxed", &[("self.node.load(Acquire)).value }.clone", "self.node.load(Relaxed)).value }.clone")]),
    ("a_reader_goes_out_without_release", &[("inside.fetch_sub(1, AcqRel)", "inside.fetch_sub(1, Acquire)")]),
    ("a_reader_goes_out_without_acquire", &[("inside.fetch_sub(1, AcqRel)", "inside.fetch_sub(1, Release)")]),
    ("a_node_comes_without_release", &[("into_raw(node), AcqRel)", "into_raw(node), Acquire)")]),
    ("a_node_goes_without_acquire", &[("into_raw(node), AcqRel)", "into_raw(node), Release)")]),
    ("a_node_is_listed_relaxed", &[("(next, first, Release, Relaxed)", "(next, first, Relaxed, Relaxed)")]),
    ("the_list_is_taken_relaxed", &[("swap(ptr::null_mut(), Acquire)", "swap(ptr::null_mut(), Relaxed)")]),
    ("zero_is_added_without_release", &[("inside.fetch_add(0, AcqRel) == 0", "inside.fetch_add(0, Acquire) == 0")]),
    ("zero_is_added_without_acquire", &[("inside.fetch_add(0, AcqRel) == 0", "inside.fetch_add(0, Release) == 0")]),
];

fn main() {
    // A feature of the library, which its files that are included here ask for.
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"residency\"))");
    println!("cargo::rerun-if-changed={GATE}");
    let gate = fs::read_to_string(GATE).unwrap_or_else(|error| panic!("{GATE}: {error}"));
    let code: String = gate.lines().filter(|line| !line.starts_with("//!")).flat_map(|line| [line, "\n"]).collect();
    let out = env::var("OUT_DIR").unwrap_or_else(|error| panic!("OUT_DIR: {error}"));
    for (name, changes) in WEAKER {
        let weaker = changes.iter().fold(code.clone(), |code, (from, to)| change(&code, from, to));
        let path = Path::new(&out).join(format!("{name}.rs"));
        fs::write(&path, weaker).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn change(code: &str, from: &str, to: &str) -> String {
    assert_eq!(code.matches(from).count(), 1, "{GATE} has not exactly one `{from}`");
    code.replace(from, to)
}
