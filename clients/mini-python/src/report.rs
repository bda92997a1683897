//! What is printed: the session as it went, and the numbers beside the proposal's.

#[cfg(target_os = "linux")]
use crate::outside::Seen;
use crate::session::{Expected, Outcome, STEPS};
use std::fmt::Write;

/// The session, each count with those who hold what it counts. Writing to a string does not fail.
pub fn transcript(title: &str, outcomes: &[Outcome]) -> String {
    let mut text = format!("{title}\n\n");
    for (step, outcome) in STEPS.iter().zip(outcomes) {
        let _ = writeln!(text, ">>> {}", step.source);
        if outcome.value != "None" {
            let _ = writeln!(text, "{}", outcome.value);
        }
        for holders in &outcome.holders {
            let _ = writeln!(text, "      {holders}");
        }
    }
    text.push('\n');
    text
}

/// The proposal's numbers, and those of both kinds of code.
#[cfg(target_os = "linux")]
pub fn table(transient: &Seen, permanent: &Seen) -> String {
    let mut rows = vec![["", "", "proposal", "transient", "permanent"].map(str::to_owned)];
    let steps = STEPS.iter().zip(transient.outcomes.iter().zip(&permanent.outcomes));
    for (step, (transient, permanent)) in steps {
        let proposal = match step.proposal {
            Expected::Value(value) => value,
            Expected::Added => "",
            Expected::Nothing => continue,
        };
        rows.push([step.source, step.when, proposal, &transient.value, &permanent.value].map(shortened));
    }
    let mut pages = |what: &str, figure: fn(&Seen) -> String| {
        rows.push([what.to_owned(), String::new(), String::new(), figure(transient), figure(permanent)]);
    };
    pages("pages of code when the child is forked", |seen| seen.pages.to_string());
    pages("of these, copied by the child", |seen| seen.copied.to_string());
    pages("bytes of them that the child wrote to", |seen| format!("{} kB", seen.private_dirty / 1024));
    aligned(&rows) + NOTE
}

const NOTE: &str = "
`f1(f1)` counts the function it is given, an object of the heap whatever its code is: a global variable, the caller's argument, the
parameter and the argument of getrefcount make four; the callee on the caller's stack and the frame of the call make six. CPython up to 3.7
counts six as well, its interpreter loop holding the callee where our frame does; 3.8 to 3.10 count five. `g1(g1)` counts the code.
";

/// Ten equal items as one.
fn shortened(text: &str) -> String {
    let items: Vec<&str> = text.trim_matches(['[', ']']).split(", ").collect();
    match items.first() {
        Some(first) if items.len() == 10 && items.iter().all(|item| item == first) => format!("[{first}, ...]"),
        _ => text.to_owned(),
    }
}

fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}   ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
