//! The screens in the README: they are what the tool prints.
//!
//! `PERMACODE_BLESS=1 cargo test -p permacode-tool --test tool readme` writes them anew.

use crate::kit::Folder;
use crate::sample::{self, Code, Sample};
use permacode::image::Image;
use permacode_witness::watched;

/// What a process is called in the README.
const PID: &str = "4711";

#[test]
fn the_screens_in_the_readme_are_what_is_printed() {
    let folder = Folder::new("readme");
    let (old, new) = (Sample::new("mylang 3.2"), Sample { number: 8, ..Sample::new("mylang 3.3") });
    folder.write("mylang.image", &old.bytes());
    folder.write("newer.image", &new.bytes());
    folder.write("other.image", &sample::newer());
    folder.write("damaged.image", &old.bytes()[..20_000]);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let file = folder.join("mylang.image");
    let mut shown = String::new();
    watched(
        || {
            // SAFETY: nobody writes to it.
            let image = unsafe { Image::map(&file) }.unwrap().check::<Code<'_>>().unwrap();
            let (first, second) = (image.open().unwrap(), image.open().unwrap());
            for arena in [&first, &second] {
                assert!(sample::touch(arena.root::<Code<'_>>("text").unwrap()) > 0);
            }
            std::mem::forget((first, second));
        },
        |pid| shown = with_screens(&readme, &folder, pid),
    );
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

/// The text, in which behind each command stands what it prints now.
fn with_screens(readme: &str, folder: &Folder, pid: i32) -> String {
    let (mut text, mut is_screen) = (String::new(), false);
    for line in readme.lines() {
        if let Some(command) = line.strip_prefix("$ permacode ") {
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
