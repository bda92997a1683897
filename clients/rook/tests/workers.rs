//! Workers that share what their parent loaded. Linux only: the kernel is asked what they copied.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs the command on a program of the corpus.
fn rook(arguments: &[&str], program: &str) -> Output {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/workers").join(program);
    Command::new(env!("CARGO_BIN_EXE_rook")).args(arguments).arg(file).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The numbers of a line `copied A of B bytes of code, C bytes of objects`.
fn copied(line: &str) -> [usize; 3] {
    let numbers: Vec<usize> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    numbers.try_into().unwrap_or_else(|_| panic!("no three numbers: {line}"))
}

#[test]
fn workers_answer_and_copy_no_code() {
    let output = rook(&["--workers", "4"], "squares.rk");
    let (said, wrong) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{wrong}");
    let sums = [2_646_700, 2_686_700, 2_727_100, 2_767_900];
    for (number, sum) in sums.into_iter().enumerate() {
        let answer = format!("worker {number}: [{number}, \"{sum}!\", 4950, {}]\n", number + 1);
        assert!(said.contains(&answer), "no {answer}in\n{said}");
        assert!(said.contains(&format!("from worker {number}\n")), "{said}");
    }
    let all: Vec<[usize; 3]> = said.lines().filter(|line| line.starts_with("  copied")).map(copied).collect();
    assert_eq!(all.len(), 4);
    for [copied, code, objects] in all {
        assert_eq!(copied, 0, "{said}");
        assert!(code >= 8192 && objects < 1 << 20, "{said}"); // the prelude alone has two pages
    }
}

#[test]
fn a_worker_that_fails_says_so_and_the_others_go_on() {
    let output = rook(&["--workers", "3"], "fails.rk");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("worker 0: fine\n") && said.contains("worker 2: fine\n"), "{said}");
    assert!(said.contains("worker 1: ValueError: number one\n  in worker (main:2)\n"), "{said}");
}

#[test]
fn the_command_says_what_is_wrong() {
    let failing = |arguments: &[&str], program: &str| {
        let output = rook(arguments, program);
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = failing(&["--workers", "many"], "fails.rk");
    assert!(code == Some(2) && said.starts_with("rook: --workers wants a number, not `many`\n"), "{said}");
    let (code, said) = failing(&["--fast"], "fails.rk");
    assert!(code == Some(2) && said.starts_with("rook: there is no option --fast\n"), "{said}");
    let (code, said) = failing(&[], "nowhere.rk");
    assert!(code == Some(1) && said.contains("nowhere.rk: No such file"), "{said}");
    let (code, said) = failing(&["--fuel", "10"], "squares.rk");
    assert!(code == Some(1) && said.contains("as many operations as it may"), "{said}");
}
