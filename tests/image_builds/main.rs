//! soundness S38: one program, built in several ways, has the same fingerprints and writes the same bytes. If one thing of a type is another, its
//! fingerprint is.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use permacode_witness::skipped;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// This crate, built to be linked.
struct Library(PathBuf);

impl Library {
    /// As these tests are linked to it, or optimised.
    fn build(is_optimised: bool) -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let which: &[&str] = match is_optimised {
            true => &["build", "--release", "--lib", "--features", "image"],
            false => &["test", "--no-run", "--test", "image_builds"],
        };
        let mut command = Command::new(cargo);
        command.args(which).args(["--offline", "--quiet", "-p", "permacode", "--message-format=json"]);
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let library = said.lines().rev().find_map(|line| {
            let is_ours = line.contains("\"reason\":\"compiler-artifact\"") && line.contains("\"name\":\"permacode\"");
            line.split('"').find(|part| is_ours && part.ends_with(".rlib"))
        });
        let library = library.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)));
        Self(library.into())
    }

    /// Builds the program with the compiler's `flags`, and runs it in a folder. `None` if this compiler cannot.
    fn run(&self, name: &str, flags: &[&str], (folder, argument): (&Path, &str)) -> Option<BTreeMap<String, String>> {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("image_builds_{name}"));
        let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let mut command = Command::new(compiler);
        command.args([
            "--edition=2024",
            "-Awarnings",
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/image_builds/program.rs"),
        ]);
        command.arg("-o").arg(&program).arg("--extern").arg(format!("permacode={}", self.0.display()));
        for folder in [self.0.parent()?.to_owned(), self.0.parent()?.join("deps")] {
            command.arg("-L").arg(format!("dependency={}", folder.display()));
        }
        if flags.iter().any(|flag| flag.starts_with("-Z")) {
            // A stable compiler takes flags like these from its own tests, and from ours.
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        let built = command.args(flags).output().unwrap();
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr).into_owned();
            assert!(flags.iter().any(|flag| flag.starts_with("-Z")), "{said}");
            skipped(&format!("a program built with {flags:?}"), said.lines().next().unwrap_or_default());
            return None;
        }
        let ran = Command::new(&program).arg(argument).current_dir(folder).output().unwrap();
        let said = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
        let _ = std::fs::remove_file(program);
        Some(
            said.lines()
                .map(|line| line.split_once(' ').unwrap())
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

#[test]
fn each_build_says_the_same_unless_a_type_is_another() {
    let debug = Library::build(false);
    let (here, root) = (Path::new(env!("CARGO_MANIFEST_DIR")), Path::new("/"));
    let plain = debug.run("plain", &["-Copt-level=0", "-Cdebug-assertions=yes"], (here, "")).unwrap();
    assert_eq!(plain.len(), 5);

    // Another process, folder, thread and order, and builds that have nothing in common but the source.
    let release = Library::build(true);
    let sanitizer = ["-Zsanitizer=address", "-Cunsafe-allow-abi-mismatch=sanitizer", "-Zunstable-options"];
    let others = [
        debug.run("small", &["-Copt-level=s", "-Cdebug-assertions=no"], (root, "more")),
        release.run("fast", &["-Copt-level=3", "-Ccodegen-units=1", "-Cpanic=abort"], (here, "")),
        release.run("fast_more", &["-Copt-level=3", "-Ctarget-cpu=native"], (root, "more")),
        debug.run("addresses", &sanitizer, (root, "more")),
    ];
    for other in others.iter().flatten() {
        assert_eq!(*other, plain);
    }

    // One thing of one type.
    for change in ["swapped", "wider", "valued"] {
        let changed = debug.run(change, &["--cfg", change], (here, "")).unwrap();
        for (key, value) in &changed {
            assert_eq!(*value == plain[key], key != "changed-type", "{change}: {key}");
        }
    }

    // Fields where the compiler likes them: what has its layout from a `repr` stays, and what has not is told apart.
    let seeds = ["1", "2", "3", "4"].map(|seed| {
        let flags = ["-Zrandomize-layout".to_owned(), format!("-Zlayout-seed={seed}")];
        debug.run("layout", &flags.each_ref().map(String::as_str), (here, ""))
    });
    let seeds: Vec<_> = seeds.into_iter().flatten().collect();
    for random in &seeds {
        for key in ["fixed-type", "fixed-image", "changed-type"] {
            assert_eq!(random[key], plain[key], "{key}");
        }
        // A type with another layout has another fingerprint, and with it another image.
        assert_eq!(random["free-type"] == plain["free-type"], random["free-image"] == plain["free-image"]);
    }
    let others = seeds.iter().filter(|random| random["free-type"] != plain["free-type"]).count();
    assert!(seeds.is_empty() || others > 1, "no layout was another one");
}
