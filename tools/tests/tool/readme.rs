//! The screens in the README: they are what the tool prints.
//!
//! `PERMACODE_BLESS=1 cargo test -p permacode-tool --test tool readme` writes them anew.

use crate::gallery::{self, PID};
use crate::kit::Folder;
use permacode_witness::watched;

#[test]
fn the_screens_in_the_readme_are_what_is_printed() {
    let folder = Folder::new("readme");
    gallery::write(folder.path());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let mut shown = String::new();
    watched(|| gallery::keep_open(folder.path()), |pid| shown = with_screens(&readme, &folder, pid));
    if std::env::var_os("PERMACODE_BLESS").is_some() {
        std::fs::write(path, shown).unwrap();
        return;
    }
    let (mut expected, mut found) = (readme.lines(), shown.lines());
    let mut command = "";
    loop {
        match (expected.next(), found.next()) {
            (None, None) => break,
            (expected, found) => {
                let (expected, found) = (expected.unwrap_or("the end"), found.unwrap_or("the end"));
                if let Some(new) = expected.strip_prefix("$ ") {
                    command = new;
                }
                // What a process has in memory differs from one machine to the next.
                let varies = command.contains(" top ") || command.contains(" trace ");
                let alike = if varies { masked(expected) == masked(found) } else { expected == found };
                assert!(
                    alike,
                    "behind `{command}`\n  README: {expected}\n  now:    {found}\nPERMACODE_BLESS=1 writes it anew"
                );
            }
        }
    }
}

#[test]
fn each_command_for_images_has_a_screen() {
    let shown: Vec<_> = gallery::commands(include_str!("../../README.md")).collect();
    for command in ["inspect", "list", "verify", "diff", "rebase", "embed", "top", "trace"] {
        let begin = format!("{command} ");
        assert!(shown.iter().any(|shown| shown.starts_with(&begin)), "no screen of {command}");
    }
}

/// The text, in which behind each command stands what it prints now.
fn with_screens(readme: &str, folder: &Folder, pid: i32) -> String {
    let (mut text, mut is_screen) = (String::new(), false);
    for line in readme.lines() {
        if let Some(command) = gallery::command(line) {
            is_screen = true;
            let command = command.replace(PID, &pid.to_string());
            let ran = folder.run(&command.split(' ').collect::<Vec<_>>());
            let printed = (ran.out + &ran.err).replace(&pid.to_string(), PID);
            let printed = printed.replace(&*folder.path().to_string_lossy(), "/opt/mylang");
            text += &format!("{line}\n{printed}");
            continue;
        }
        is_screen &= line != "```";
        if !is_screen {
            text += line;
            text.push('\n');
        }
    }
    text
}

/// A line without its numbers, bars and spaces.
fn masked(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_hexdigit() && !c.is_whitespace() && !"█▓▒·░▲,.".contains(*c)).collect()
}
