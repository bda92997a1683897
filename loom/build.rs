//! Copies of some of the library's files: one as it is, without its unit tests, and weaker ones, each with one change. The models must pass on the
//! first, and refuse each of the others.
//!
//! A change that does not find its place exactly once ends the build, so a copy cannot come to be the original unnoticed.

use std::path::Path;
use std::{env, fs};

/// The name of a weaker copy, and the changes to be made: what is replaced, and by what.
type Weaker = (&'static str, &'static [(&'static str, &'static str)]);

const GATE: [Weaker; 13] = [
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

const SITE_BOARDS: [Weaker; 8] = [
    ("a_range_goes_back_relaxed", &[("fetch_or(1 << range.place, Release)", "fetch_or(1 << range.place, Relaxed)")]),
    ("a_range_is_taken_relaxed", &[("fetch_and(!(1 << place), Acquire)", "fetch_and(!(1 << place), Relaxed)")]),
    ("a_bit_is_believed_that_was_seen", &[("Acquire) & (1 << place) != 0 {", "Acquire) < usize::MAX {")]),
    (
        "a_place_is_looked_at_and_then_taken",
        &[(
            "self.used.fetch_add(1, Relaxed)",
            "{ let used = self.used.load(Relaxed); self.used.store(used + 1, Relaxed); used }",
        )],
    ),
    ("a_board_is_added_relaxed", &[("(below, board, Release, Relaxed)", "(below, board, Relaxed, Relaxed)")]),
    (
        "a_board_is_found_relaxed",
        &[("successors(board(newest.load(Acquire))", "successors(board(newest.load(Relaxed))")],
    ),
    (
        "a_board_takes_the_place_of_another",
        &[(
            "newest.compare_exchange(below, board, Release, Relaxed)",
            "{ newest.store(board, Release); Ok::<*mut Board, *mut Board>(below) }",
        )],
    ),
    ("a_board_that_came_before_is_forgotten", &[("unsafe { (*board).below = now };", "")]),
];

const EDGES: [Weaker; 4] = [
    ("an_edge_is_pushed_relaxed", &[("place.as_ptr(), Release, Relaxed)", "place.as_ptr(), Relaxed, Relaxed)")]),
    (
        "an_edge_is_found_relaxed",
        &[("successors(edge(self.newest.load(Acquire))", "successors(edge(self.newest.load(Relaxed))")],
    ),
    (
        "an_edge_takes_the_place_of_another",
        &[(
            "self.newest.compare_exchange_weak(newest, place.as_ptr(), Release, Relaxed)",
            "{ self.newest.store(place.as_ptr(), Release); Ok::<*mut Edge, *mut Edge>(newest) }",
        )],
    ),
    ("an_edge_that_came_before_is_forgotten", &[("unsafe { (*place.as_ptr()).older = now };", "")]),
];

const SHARE: [Weaker; 3] = [
    ("a_share_goes_relaxed", &[("shares.fetch_sub(1, Release)", "shares.fetch_sub(1, Relaxed)")]),
    ("the_last_share_does_not_look_back", &[("self.shares.load(Acquire);", "self.shares.load(Relaxed);")]),
    (
        "the_count_is_read_and_then_lowered",
        &[(
            "let shares = self.shares.fetch_sub(1, Release);",
            "let shares = self.shares.load(Relaxed); self.shares.fetch_sub(1, Release);",
        )],
    ),
];

const POST: [Weaker; 7] = [
    (
        "a_site_is_shown_relaxed",
        &[("self.site.store(site.as_ptr(), Release);", "self.site.store(site.as_ptr(), Relaxed);")],
    ),
    ("a_post_opens_relaxed", &[("self.word.fetch_or(OPEN, Release);", "self.word.fetch_or(OPEN, Relaxed);")]),
    ("a_looker_comes_relaxed", &[("self.word.fetch_add(LOOKER, Acquire)", "self.word.fetch_add(LOOKER, Relaxed)")]),
    ("a_looker_goes_relaxed", &[("self.word.fetch_sub(LOOKER, Release);", "self.word.fetch_sub(LOOKER, Relaxed);")]),
    ("the_owner_does_not_look_back", &[("fetch_and(!(OPEN | TAKEN), AcqRel)", "fetch_and(!(OPEN | TAKEN), Relaxed)")]),
    (
        "a_looker_looks_before_it_is_counted",
        &[(
            "let open = self.word.fetch_add(LOOKER, Acquire) & OPEN != 0;",
            "let open = self.word.load(Acquire) & OPEN != 0; self.word.fetch_add(LOOKER, Acquire);",
        )],
    ),
    (
        "the_lookers_are_read_and_then_the_post_is_closed",
        &[(
            "self.word.fetch_and(!(OPEN | TAKEN), AcqRel) < LOOKER",
            "{ let word = self.word.load(Acquire); self.word.fetch_and(!(OPEN | TAKEN), AcqRel); word < LOOKER }",
        )],
    ),
];

fn main() {
    // A feature of the library, which its files that are included here ask for.
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"residency\", \"image\"))");
    copies("handles/shared/gate", &GATE);
    copies("handles/shared/site_boards", &SITE_BOARDS);
    copies("code/arena/edges", &EDGES);
    copies("code/arena/share", &SHARE);
    copies("code/store/post", &POST);
}

/// Writes the copies of a file, which is named by its place in `src`, to a folder of their own.
fn copies(of: &str, weaker: &[Weaker]) {
    let from = format!("../src/{of}.rs");
    println!("cargo::rerun-if-changed={from}");
    let whole = fs::read_to_string(&from).unwrap_or_else(|error| panic!("{from}: {error}"));
    // An included file has no head, and its unit tests are the library's.
    let tested = whole.split_once("#[cfg(test)]\nmod tests {").map_or(&*whole, |(code, _)| code);
    let code: String = tested.lines().filter(|line| !line.starts_with("//!")).flat_map(|line| [line, "\n"]).collect();
    let out = env::var("OUT_DIR").unwrap_or_else(|error| panic!("OUT_DIR: {error}"));
    let folder = Path::new(&out).join(Path::new(of).file_name().unwrap_or_default());
    let write = |name: &str, code: &str| {
        let path = folder.join(format!("{name}.rs"));
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, code))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    };
    write("strong", &code);
    for (name, changes) in weaker {
        write(name, &changes.iter().fold(code.clone(), |code, (from, to)| change(of, &code, from, to)));
    }
}

fn change(of: &str, code: &str, from: &str, to: &str) -> String {
    assert_eq!(code.matches(from).count(), 1, "{of} has not exactly one `{from}`");
    code.replace(from, to)
}
