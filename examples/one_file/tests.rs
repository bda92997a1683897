use crate::pages::Pages;
use crate::program::{start, write_into};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Set for a process of the program that carries an image.
const CARRIES: &str = "ONE_FILE_CARRIES";

fn program(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("one-file-test-{}-{name}", std::process::id()))
}

/// Starts this test in a program, and looks at its pages while it waits.
fn begin(program: &Path) -> Child {
    let mut command = Command::new(program);
    command.args(["--exact", "tests::the_program_has_the_image_that_it_carries_and_shares_it", "--nocapture"]);
    command.env(CARRIES, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn the_program_has_the_image_that_it_carries_and_shares_it() {
    let (result, arena) = start().unwrap();
    if std::env::var_os(CARRIES).is_some() {
        let arena = arena.expect("an image");
        assert_eq!(arena.why_not_shared(), None);
        println!("\nresult {result}");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    assert!(arena.is_none(), "the test itself carries none");
    let program = program("carries");
    write_into(&program).unwrap();
    let mut workers = [begin(&program), begin(&program)];
    for worker in &mut workers {
        let mut said = std::io::BufReader::new(worker.stdout.take().unwrap());
        let line = std::io::BufRead::lines(&mut said).map(Result::unwrap).find(|line| line.starts_with("result "));
        assert_eq!(line, Some(format!("result {result}")));
        worker.stdout = Some(said.into_inner());
    }
    for worker in &workers {
        let pages = Pages::of(worker.id(), &program.to_string_lossy()).unwrap();
        assert!(pages.resident > 2000 && pages.shared == pages.resident, "{pages:?}");
        assert_eq!((pages.private, pages.anonymous), (0, 0));
    }
    // What runs keeps its file, and what it has of it.
    std::fs::remove_file(&program).unwrap();
    for worker in &mut workers {
        drop(worker.stdin.take());
        assert!(worker.wait().unwrap().success());
    }
}
