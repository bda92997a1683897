//! The command, from outside: processes that are not related, on one image.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> (i32, String, String, u32) {
    let child = Command::new(env!("CARGO_BIN_EXE_permacode-evm"))
        .args(arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr), id)
}

/// A folder for files of a test, which is gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("permacode-evm-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
        Self(folder)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn processes_that_are_not_related_have_the_results_of_revms_analysis_and_no_page_of_code_alone() {
    let folder = Folder::new("hex", &[("one.hex", "0x600160020100\n"), ("two.hex", "5b5b"), ("read.me", "no code")]);
    let (status, out, err, id) = run(&["--processes", "3", "--contracts", "40", "--rounds", "1", folder.path()]);
    assert_eq!((status, &*err), (0, ""), "{out}");
    let pages = out.lines().next().unwrap().strip_prefix("private pages of code: 0 of ").unwrap();
    let pages: usize = pages.parse().unwrap();
    assert!(pages > 10, "{out}");
    assert!(out.contains("3 processes with one image, all at once: all had the results"), "{out}");
    assert!(out.contains(&format!("in the memory of each process: {pages} or more")), "{out}");
    assert!(out.contains("contracts: 57,"), "15 samples, 40 and 2: {out}");
    let rows: Vec<Vec<&str>> = out
        .lines()
        .filter(|line| line.starts_with("| image") || line.starts_with("| codes"))
        .map(|line| line.split(" | ").collect())
        .collect();
    assert_eq!(rows.len(), 5, "{out}");
    for row in &rows {
        let is_private = if row[0].contains("analysed") { "all of it" } else { "0" };
        assert_eq!(row[2], is_private, "{out}");
    }
    assert!(!std::env::temp_dir().join(format!("permacode-evm-{id}")).exists(), "the image is left behind");
}

#[test]
fn bad_input_is_said_with_its_place() {
    let folder = Folder::new("bad", &[("bad.hex", "0x60zz")]);
    let empty = Folder::new("empty", &[]);
    for (arguments, parts) in [
        (&["--processes", "0"][..], &["--processes takes a number from 1 to 64, not \"0\"", "try --help"][..]),
        (&["--rounds"], &["--rounds takes a number from 1 to 1000, not \"\""]),
        (&["--proceses", "4"], &["unknown option --proceses"]),
        (&["/nowhere/at/all"], &["/nowhere/at/all", "No such file"]),
        (&[folder.path()], &["bad.hex", "nvalid character"]),
        (&[empty.path()], &["no file is called *.hex"]),
    ] {
        let (status, out, err, _) = run(arguments);
        assert_eq!((status, &*out), (2, ""), "{arguments:?}");
        assert!(parts.iter().all(|part| err.contains(part)), "{arguments:?}: {err}");
    }
}

#[test]
fn help_says_how_to_use_it() {
    let (status, out, err, _) = run(&["--help"]);
    assert_eq!((status, &*err), (0, ""));
    assert!(
        ["Usage:", "FOLDER", "--contracts", "--processes", "--rounds", "Exit status"]
            .iter()
            .all(|part| out.contains(part))
    );
}
