//! What all commands have in common: help, colours, names that harm, completions.

use crate::kit::Folder;
use crate::sample::{self, Sample};
use std::io::Read;
use std::process::Stdio;

const COMMANDS: [&str; 10] =
    ["inspect", "list", "verify", "diff", "rebase", "embed", "top", "trace", "completions", "man"];

#[test]
fn help_names_each_command_with_an_example_and_all_exit_codes() {
    let folder = Folder::new("help");
    let help = folder.run(&["--help"]).ends(0);
    let help = help.says(&COMMANDS).says(&[
        "Exit codes:",
        "0  all is well",
        "1  a file is damaged",
        "2  the arg",
        "3  the system",
    ]);
    assert!(help.out.lines().all(|line| line.chars().count() <= 100), "{}", help.out);
    for command in COMMANDS {
        folder.run(&[command, "--help"]).ends(0).says(&["Examples:", "Usage: permacode "]);
    }
    folder.run(&["--version"]).ends(0).says(&["permacode 0."]);
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let folder = Folder::new("usage");
    folder.write("a", &Sample::new("1").bytes());
    for arguments in [
        &[][..],
        &["what"],
        &["inspect"],
        &["inspect", "a", "b"],
        &["list", "all", "a"],
        &["top", "x"],
        &["trace", "a", "--every", "-1"],
        &["trace", "a", "--count", "0"],
        &["completions", "dos"],
        &["man", "what"],
    ] {
        let ran = folder.run(arguments).ends(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn names_of_a_file_cannot_move_the_cursor_or_turn_the_text() {
    let folder = Folder::new("hostile");
    folder.write("evil\x1b[2J.image", &sample::hostile());
    folder.write("plain.image", &Sample::new("1").bytes());
    let file = "evil\x1b[2J.image";
    for arguments in [
        &["inspect", "--fields", file][..],
        &["list", "roots", file],
        &["list", "modules", file],
        &["list", "names", file],
        &["list", "runs", file],
        &["verify", file],
        &["diff", file, "plain.image"],
        &["diff", "plain.image", file],
        &["trace", file],
        &["inspect", "evil\x1b[2J.none"],
    ] {
        let ran = folder.run(arguments);
        let is_harmful = |c: char| {
            (c.is_control() && c != '\n')
                || ('\u{200b}'..='\u{200f}').contains(&c)
                || ('\u{202a}'..='\u{2069}').contains(&c)
        };
        let text = ran.out + &ran.err;
        assert!(!text.contains(is_harmful), "{arguments:?}: {text:?}");
        assert!(text.contains("\\u{"), "{arguments:?}: it is told all the same: {text:?}");
    }
    let json = folder.json(&["list", "roots", file], 0);
    assert_eq!(json[0]["name"], "root\t\u{200f}", "programs get the name as it is");
}

#[test]
fn colours_are_for_those_who_ask() {
    let folder = Folder::new("colour");
    folder.write("a", &Sample::new("1").bytes());
    let has_colour = |arguments: &[&str], variables: &[(&str, &str)]| {
        folder.run_with(arguments, variables).ends(0).out.contains('\x1b')
    };
    assert!(!has_colour(&["inspect", "a"], &[]), "no terminal");
    assert!(has_colour(&["inspect", "a", "--color", "always"], &[]));
    assert!(has_colour(&["inspect", "a"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!has_colour(&["inspect", "a"], &[("NO_COLOR", "1")]));
    assert!(!has_colour(&["inspect", "a", "--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!has_colour(&["inspect", "a", "--json"], &[("CLICOLOR_FORCE", "1")]));
    let plain = folder.run(&["inspect", "a"]);
    let coloured = folder.run(&["inspect", "a", "--color", "always"]);
    assert_eq!(anstream::adapter::strip_str(&coloured.out).to_string(), plain.out, "the text is the same");
}

#[test]
fn bars_follow_the_width_that_is_asked_for() {
    let folder = Folder::new("width");
    folder.write("a", &Sample::new("1").bytes());
    let longest = |columns: &str| {
        let ran = folder.run_with(&["inspect", "a"], &[("COLUMNS", columns)]).ends(0);
        ran.out.lines().map(|line| line.matches('█').count()).max().unwrap()
    };
    assert!(longest("60") < longest("100") && longest("100") < longest("140"));
    assert!(longest("1") > 0 && longest("99999") <= 40);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let folder = Folder::new("pipe");
    folder.write("a", &Sample { modules: vec![("m".to_owned(), 3000)], ..Sample::new("1") }.bytes());
    let mut child =
        folder.command(&["list", "names", "a"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut start = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap(); // and it is closed
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn failures_are_told_to_programs_too() {
    let folder = Folder::new("json_failure");
    folder.write("text", b"text");
    let json = folder.json(&["inspect", "text"], 1);
    assert_eq!(json["code"], 1);
    assert!(json["error"].as_str().unwrap().contains("text: there is no image in this file"));
}

#[test]
fn completions_and_manuals_are_made_of_the_arguments() {
    let folder = Folder::new("generate");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        folder.run(&["completions", shell]).ends(0).says(&["permacode", "inspect", "rebase"]);
    }
    folder.run(&["man"]).ends(0).says(&[".TH permacode 1", "EXTRA", "Exit codes"]);
    for command in COMMANDS {
        folder.run(&["man", command]).ends(0).says(&[
            &format!(".TH permacode-{command} 1"),
            "permacode 0.",
            "Examples:",
        ]);
    }
    // Bash itself finds no mistake in it, where there is one.
    let script = folder.run(&["completions", "bash"]).out;
    folder.write("completions", script.as_bytes());
    match std::process::Command::new("bash").arg("-n").arg(folder.join("completions")).status() {
        Ok(status) => assert!(status.success()),
        Err(why) => permacode_witness::skipped("completions that a shell reads", why),
    }
}
