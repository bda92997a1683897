//! Who can still change sealed code: every attack, at every level of hardening, by the process that loaded the code and by a forked one.
//!
//! ```text
//!   cell: a child process of its own ── makes or inherits the code ── attacks it ── looks at it ──▶ a board that the test reads
//! ```
//!
//! What happens is observed and not assumed; the table that it makes is the one in SECURITY.md (N10).
#![cfg(all(target_os = "linux", target_pointer_width = "64", not(miri), not(permacode_ordinary_pages)))]

mod attack;
mod board;
mod cell;
mod outside;

use attack::ATTACKS;
use cell::{Target, observe};
use permacode::code::Protection;

const LEVELS: [Protection; 3] = [Protection::ReadOnly, Protection::SealedFile, Protection::Fixed];

/// The rows of the table in SECURITY.md: the attack, and a cell for each level.
fn documented() -> Vec<Vec<String>> {
    let text = include_str!("../../SECURITY.md");
    let table = text.lines().skip_while(|line| !line.starts_with("| attack |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Looks for what was found among the ways that a cell of the table in SECURITY.md lists: kernels differ.
fn admits(documented: &str, found: &str) -> bool {
    documented.split(", or ").any(|one| one == found)
}

#[test]
fn a_cell_admits_what_it_says_and_nothing_else() {
    let either = "**changed**, or stopped: `EIO`";
    assert!(admits(either, "**changed**") && admits(either, "stopped: `EIO`") && admits("no effect", "no effect"));
    for other in ["", "**gone**", "stopped: `EPERM`", "stopped", "**changed**; in a child no effect", either] {
        assert!(!admits(either, other), "{other}");
    }
}

#[test]
fn what_each_level_stops_is_what_security_md_says() {
    let targets: Vec<Option<Target>> = LEVELS
        .iter()
        .map(|&level| {
            let target = Target::at(level);
            if let Err(refusal) = &target {
                eprintln!("NOT SHOWN: {level:?}, which does not hold here: {refusal}");
            }
            target.ok()
        })
        .collect();
    assert!(targets[0].is_some(), "protection is everywhere");

    let documented = documented();
    let (mut table, mut differing) = (String::new(), Vec::new());
    for (index, attack) in ATTACKS.iter().enumerate() {
        let row = documented.get(index).map_or(&[][..], Vec::as_slice);
        if row.first().is_none_or(|name| name != attack.name) {
            differing.push(format!("row {index} is not that of {}", attack.name));
        }
        table += &format!("| {} |", attack.name);
        let known = attack.known();
        if !known {
            eprintln!("NOT SHOWN: {}, which this kernel does not know", attack.name);
        }
        for (column, target) in targets.iter().enumerate() {
            let Some(target) = target.as_ref().filter(|_| known) else {
                table += " not shown |";
                continue;
            };
            let (own, forked) = (observe(attack, LEVELS[column], None), observe(attack, LEVELS[column], Some(target)));
            let cell = if own == forked { own } else { format!("{own}; in a child {forked}") };
            table += &format!(" {cell} |");
            if !row.get(column + 1).is_some_and(|documented| admits(documented, &cell)) {
                differing.push(format!(
                    "{} at {:?}: {cell}, not {:?}",
                    attack.name,
                    LEVELS[column],
                    row.get(column + 1)
                ));
            }
            assert!(target.is_whole(), "{} in a child changed its parent's code at {:?}", attack.name, LEVELS[column]);
        }
        table += "\n";
    }
    println!("| attack | `ReadOnly` | `SealedFile` | `Fixed` |\n| --- | --- | --- | --- |\n{table}");
    assert_eq!(documented.len(), ATTACKS.len());
    assert!(differing.is_empty(), "SECURITY.md says otherwise: {differing:#?}");
}

#[test]
fn a_memory_file_leaves_no_descriptor_behind() {
    let count = || {
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .flatten()
            .filter(|entry| {
                std::fs::read_link(entry.path()).is_ok_and(|path| path.to_string_lossy().contains("permacode"))
            })
            .count()
    };
    // In a child, where nobody else makes any. It may have been made while another thread had one open.
    permacode_witness::in_child(|| {
        let before = count();
        match Target::at(Protection::SealedFile) {
            Ok(target) => assert_eq!((count(), target.is_whole()), (before, true)),
            Err(refusal) => {
                eprintln!("NOT SHOWN: no memory file here: {refusal}");
                assert_eq!(count(), before);
            }
        }
    });
}
