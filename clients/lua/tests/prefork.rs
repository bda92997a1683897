//! The example, from outside: its exit status, its messages, and that it leaves nobody behind.
//!
//! `cargo test` builds examples next to the tests, in `target/<profile>/examples`; `cargo test --test prefork` alone does not, so build
//! them first then: `cargo build -p permacode-lua --examples`.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod common;

use common::programs;
use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run of the example came to.
struct Run {
    id: u32,
    status: i32,
    out: String,
    err: String,
}

impl Run {
    /// The first line.
    fn result(&self) -> &str {
        self.out.lines().next().unwrap_or_default()
    }

    /// The number of pages in `code pages copied: 0 of N`.
    fn pages(&self) -> usize {
        let number = self.result().strip_prefix("code pages copied: 0 of ").map(str::parse);
        number.unwrap_or_else(|| panic!("{}", self.out)).expect("a number")
    }

    /// The numbers of the table of heap arenas: private dirty kB of objects and bookkeeping, pages copied, of how many; the same for the
    /// control.
    fn heap_rows(&self, workers: usize) -> Vec<[usize; 8]> {
        let rows =
            self.out.lines().skip_while(|line| !line.contains("heap arena, private dirty")).skip(2).take(workers);
        let numbers = rows.map(|row| row.split_whitespace().filter_map(|word| word.parse().ok()).skip(1).collect());
        numbers.map(|numbers: Vec<usize>| numbers.try_into().expect("eight numbers")).collect()
    }

    fn explains(&self, parts: &[&str]) {
        assert!(
            self.err.lines().any(|line| parts.iter().all(|part| line.contains(part))),
            "no line with {parts:?} in {:?}",
            self.err
        );
    }
}

/// Runs the example with its tables.
fn prefork(arguments: &[&str]) -> Run {
    run(&[&["--verbose"], arguments].concat())
}

/// Runs the example in a process group of its own, in which nobody may be left afterwards.
fn run(arguments: &[&str]) -> Run {
    let test = env::current_exe().unwrap();
    let example = test.parent().and_then(Path::parent).unwrap().join("examples/prefork");
    assert!(example.exists(), "{} is not built: cargo build -p permacode-lua --examples", example.display());
    let mut command = Command::new(example);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().unwrap();
    let (id, group) = (child.id(), child.id() as i32);
    let output = child.wait_with_output().unwrap();
    assert_eq!(living(group), Vec::<i32>::new(), "left behind");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { id, status: output.status.code().expect("not killed"), out: text(output.stdout), err: text(output.stderr) }
}

/// The processes of a group that are not dead. A shell that killed its own worker is nobody's child and may stay as a zombie.
fn living(group: i32) -> Vec<i32> {
    let processes = procfs::process::all_processes().unwrap().filter_map(|process| process.ok()?.stat().ok());
    processes.filter(|stat| stat.pgrp == group && stat.state != 'Z').map(|stat| stat.pid).collect()
}

/// A program in a folder of the test's own.
fn write(name: &str, source: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(name);
    fs::write(&path, source).unwrap();
    path.to_str().unwrap().to_owned()
}

fn error_program(name: &str) -> String {
    programs().join("errors").join(name).to_str().unwrap().to_owned()
}

#[test]
fn the_corpus_runs_in_four_workers_that_copy_no_code_page_while_the_control_copies_many() {
    let run = prefork(&[]);
    assert_eq!((run.status, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(run.pages() > 10);
    let rows: Vec<_> = run.out.lines().filter(|line| line.contains("22/22")).collect();
    assert_eq!(rows.len(), 4, "{}", run.out);
    for row in rows {
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words[3..5], ["0", "kB"], "private dirty: {row}");
        assert_eq!(words[5..8], ["0", "kB", "of"], "copied: {row}");
        assert_eq!(words[10], "22/22", "{row}");
        assert!(words[11].parse::<usize>().unwrap() > 100, "the control copied too little to prove anything: {row}");
    }
}

#[test]
fn without_tables_the_report_is_the_result_and_a_few_lines() {
    let run = run(&["--workers=2"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(run.pages() > 10);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[1..3], ["", "22 Lua programs in each of 2 workers: every output was right"]);
    let kilobytes = |line: &str| line.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<usize>>();
    let (arena, control) = (kilobytes(lines[3]), kilobytes(lines[4]));
    assert!(arena[0] == 0 && arena[1] > 100 && control[0] > 100 && control[0] <= control[1], "{}", run.out);
    assert_eq!(
        lines[5..],
        ["heap arena after lua_close: 0 live bytes", "--verbose shows each worker, and what lies where"]
    );
}

#[test]
fn the_report_says_what_each_arena_did_and_that_nothing_was_left() {
    let run = prefork(&["--workers", "2"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""), "{}", run.out);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[lines.len() - 1], "heap arena after lua_close: 0 live bytes");
    let code = lines.iter().find(|line| line.starts_with("code arena: ")).unwrap();
    assert!(code.contains(&format!("on {} pages, 0 unsealed", run.pages())), "{code}");
    let heap = |title: &str| lines.iter().find(|line| line.starts_with(title)).unwrap().split_whitespace();
    let live = |title, place: usize| heap(title).filter_map(|word| word.parse::<usize>().ok()).nth(place).unwrap();
    for place in 0..3 {
        // Bytes, objects, pages: what is in place is not in the heap.
        let (in_place, control) = (live("heap arena: ", place), live("heap arena of the control: ", place));
        assert!(in_place > 50 && in_place < control, "{in_place} and {control}");
    }
    assert_eq!(run.heap_rows(2).len(), 2);
    for row in run.heap_rows(2) {
        for half in row.chunks(4) {
            let [objects, bookkeeping, copied, pages] = *half else { unreachable!() };
            assert!(objects > 1000 && bookkeeping < objects, "{row:?}");
            assert!(copied > 50 && copied <= pages, "{row:?}");
        }
    }
}

#[test]
fn behind_a_fence_workers_copy_fewer_pages_of_old_objects() {
    let [without, with] = ["off", "on"].map(|fence| {
        let run = prefork(&["--workers=1", "--fence", fence]);
        assert_eq!((run.status, run.err.as_str()), (0, ""), "{}", run.out);
        assert_eq!(run.out.contains("at the fork, fenced"), fence == "on");
        run.heap_rows(1)[0]
    });
    assert!(with[2] + 10 < without[2], "{with:?} behind a fence, {without:?} without");
}

#[test]
fn without_heap_arenas_the_report_does_not_speak_of_them() {
    let run = prefork(&["--heap", "system", "--workers=1", programs().join("lru.lua").to_str().unwrap()]);
    assert_eq!((run.status, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(run.pages() > 0);
    assert!(!run.out.contains("heap arena"), "{}", run.out);
}

#[test]
fn given_files_are_compared_with_their_expected_output_or_a_reference_run() {
    let file = programs().join("lru.lua");
    let other = write("no-expectation.lua", "#!/usr/bin/lua\nprint('unexpected')");
    let run = prefork(&["--workers", "2", file.to_str().unwrap(), &other]);
    assert_eq!((run.status, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(run.pages() > 0);
    let origin = |name| run.out.lines().find(|line| line.contains(name)).unwrap();
    assert!(origin("lru.lua").ends_with("its .expected file"));
    assert!(origin("no-expectation.lua").ends_with("a reference run"));
    assert_eq!(run.out.lines().filter(|line| line.contains("2/2")).count(), 2);
}

#[test]
fn an_output_that_differs_is_named_with_its_program_and_worker() {
    let file = write("differs.lua", "print('one') print('two')");
    fs::write(Path::new(&file).with_extension("expected"), "one\nzwei\n").unwrap();
    let run = prefork(&["--workers=1", &file]);
    assert_eq!(run.status, 1);
    run.explains(&["differs.lua", "worker 1 (in place)", "different from line 2"]);
    run.explains(&["differs.lua", "worker 1 (control)"]);
    assert!(run.pages() > 0);
}

#[test]
fn a_file_that_cannot_be_read_is_bad_input() {
    let run = prefork(&["no/such/file.lua", &error_program("runtime.lua")]);
    assert_eq!((run.status, run.out.as_str()), (2, ""));
    run.explains(&["no/such/file.lua", "No such file"]);
}

#[test]
fn a_syntax_error_is_bad_input_and_every_file_that_has_one_is_named() {
    let other = write("nested.lua", &"(".repeat(1000));
    let run = prefork(&[&error_program("syntax.lua"), &other]);
    assert_eq!((run.status, run.out.as_str()), (2, ""));
    run.explains(&["errors/syntax.lua", ":7: 'then' expected"]);
    run.explains(&["nested.lua", "overflow"]);
}

#[test]
fn an_error_at_run_time_is_bad_input_and_the_other_programs_still_run() {
    let good = programs().join("lru.lua");
    let run = prefork(&["--workers", "2", &error_program("runtime.lua"), good.to_str().unwrap()]);
    assert_eq!(run.status, 2);
    run.explains(&["errors/runtime.lua", "reference run", ":5: insufficient funds"]);
    run.explains(&["errors/runtime.lua", "workers 1, 2 (in place)", ":5: insufficient funds"]);
    run.explains(&["main chunk"]);
    assert_eq!(run.out.lines().filter(|line| line.contains("1/2")).count(), 2, "{}", run.out);
    assert!(run.pages() > 0);
}

#[test]
fn a_program_that_exits_takes_its_worker_with_it_and_is_named() {
    let good = programs().join("lru.lua");
    let run = prefork(&[good.to_str().unwrap(), &error_program("exit.lua")]);
    assert_eq!(run.status, 2);
    run.explains(&["errors/exit.lua", "reference run", "exited with status 3"]);
    run.explains(&["errors/exit.lua", "workers 1, 2, 3, 4 (in place)", "exited with status 3"]);
    assert_eq!(run.result(), "code pages copied: not measured, no worker answered");
}

#[test]
fn a_program_that_exits_well_before_it_should_is_named_too() {
    let run = prefork(&["--workers", "1", &write("exits-well.lua", "print(1) os.exit(true, true)")]);
    assert_eq!(run.status, 2);
    run.explains(&["exits-well.lua", "worker 1 (in place)", "exited with status 0"]);
}

#[test]
fn when_one_worker_is_killed_the_others_are_measured() {
    let marker = write("marker", "");
    // Only the first to come can remove the marker. The reference run is none: there is an expectation.
    let source = format!("if os.remove('{marker}') then os.execute('kill -9 $PPID') end print('alive')");
    let file = write("one-is-killed.lua", &source);
    fs::write(Path::new(&file).with_extension("expected"), "alive\n").unwrap();
    let run = prefork(&["--workers", "3", &file]);
    assert_eq!(run.status, 2);
    run.explains(&["one-is-killed.lua", "(in place)", "was killed by signal 9"]);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    let rows: Vec<_> = run.out.lines().filter(|line| line.contains("/1")).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows.iter().filter(|row| row.contains("was killed by signal 9")).count(), 1);
    assert_eq!(rows.iter().filter(|row| row.split_whitespace().nth(2) == Some("1/1")).count(), 2, "{}", run.out);
    assert!(run.pages() > 0);
}

#[test]
fn a_program_that_never_ends_is_killed_when_its_time_is_up() {
    let run = prefork(&["--workers", "2", "--timeout", "1", &write("endless.lua", "while true do end")]);
    assert_eq!(run.status, 2);
    run.explains(&["endless.lua", "reference run", "no answer in 1 s"]);
    run.explains(&["endless.lua", "workers 1, 2 (in place)", "no answer in 1 s"]);
    assert!(run.result().starts_with("code pages copied: not measured"));
}

#[test]
fn options_that_make_no_sense_are_bad_input() {
    for (arguments, why) in [
        (&["--workers", "0"][..], "from 1 to 1024, not 0"),
        (&["--workers", "many"], "not many"),
        (&["--workers=-1"], "not -1"),
        (&["--workers", "1000000"], "not 1000000"),
        (&["--workers"], "--workers needs a number"),
        (&["--timeout", "0"], "--timeout takes"),
        (&["--rounds", "0"], "--rounds takes a number from 1 to 1000, not 0"),
        (&["--heap", "both"], "--heap takes arena or system, not both"),
        (&["--fence=maybe"], "--fence takes on or off, not maybe"),
        (&["--fence"], "--fence needs on or off"),
        (&["--wrokers", "4"], "unknown option --wrokers"),
        (&["-x"], "unknown option -x"),
    ] {
        let run = prefork(arguments);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{arguments:?}");
        run.explains(&[why]);
    }
}

#[test]
fn help_says_how_to_use_it() {
    let run = prefork(&["--help"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    assert!(
        ["Usage:", "--workers", "--heap", "--fence", "--verbose", "--timeout", "Exit status"]
            .iter()
            .all(|part| run.out.contains(part))
    );
}

#[test]
fn an_image_is_nobodys_alone_in_workers_and_in_processes_that_are_not_related() {
    let run = prefork(&["--image", "--workers=2", "--rounds=1"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(run.pages() > 10);
    let kilobytes = 4 * run.pages();
    let rows: Vec<_> = run.out.lines().skip_while(|line| !line.starts_with("not related")).skip(1).take(2).collect();
    assert_eq!(rows.len(), 2, "{}", run.out);
    for row in rows {
        assert!(row.ends_with(&format!("{kilobytes} kB of {kilobytes}                0 kB")), "{row}");
        assert!(row.contains("22/22"), "{row}");
    }
    // The cells of each way: two times, and private kilobytes of code and of all.
    let ways: Vec<Vec<&str>> =
        run.out.lines().filter(|line| line.starts_with("| f")).map(|line| line.split(" | ").collect()).collect();
    assert_eq!(ways.len(), 8, "{}", run.out);
    for way in ways {
        assert_eq!(way.len(), 5, "{way:?}");
        let time = |cell: &str| cell.split(' ').next().unwrap().parse::<f64>().unwrap();
        assert!(time(way[1]) > 0.0 && time(way[1]) <= time(way[2]), "{way:?}");
        let fresh_arena = way[0].contains("fresh process: compiled from source, in a code arena");
        match way[3] {
            "–" => assert!(way[0].contains("heap") || way[0].contains("without programs"), "{way:?}"),
            code => assert_eq!(code.parse::<usize>().unwrap() > 100, fresh_arena, "{way:?}"),
        }
    }
    assert!(!std::env::temp_dir().join(format!("prefork-{}", run.id)).exists(), "the image is left behind");
}

#[test]
fn an_image_of_a_folder_takes_programs_of_different_names() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("folder");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("one.lua"), "print('one', ...)").unwrap();
    fs::write(folder.join("two.lua"), "print(string.rep('two', 30))").unwrap();
    let path = folder.to_str().unwrap();
    let run = prefork(&["--image", "--workers=1", "--rounds=1", path]);
    assert_eq!((run.status, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(run.pages() > 0 && run.out.contains("2 compared with a reference run"), "{}", run.out);
    let twice = prefork(&["--image", path, path]);
    assert_eq!((twice.status, twice.out.as_str()), (2, ""));
    twice.explains(&["two programs are called", "one.lua", "give each a name of its own"]);
}
