//! Files that are no images, and images that are damaged: a sentence for each, and never a panic.

use crate::kit::Folder;
use crate::sample::Sample;

/// Commands that read an image.
fn commands(file: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["inspect", file],
        vec!["list", "names", file],
        vec!["verify", file],
        vec!["diff", file, file],
        vec!["rebase", file, "--window", "0x400100000000", "-o", "written"],
        vec!["embed", file, "/bin/true", "-o", "written"],
        vec!["trace", file],
    ]
}

#[test]
fn each_command_refuses_each_bad_file_with_what_why_and_what_to_do() {
    let folder = Folder::new("bad");
    let good = Sample::new("1").bytes();
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    let endianness: Vec<u8> = good[8..16].iter().rev().copied().collect();
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        ("empty", vec![], &["there is no image in this file: name one that `ImageWriter` wrote"]),
        ("text", b"#!/bin/sh\n".repeat(1000), &["there is no image in this file: name one that `ImageWriter` wrote"]),
        ("begun", good[..1000].to_vec(), &["damaged", "1000 bytes, expected 4096", "Copy it again"]),
        ("cut", good[..good.len() - 1].to_vec(), &["damaged", "expected", "Copy it again"]),
        ("longer", [&good[..], b"x"].concat(), &["damaged", "expected", "Copy it again"]),
        ("other_version", with(16, &9u64.to_ne_bytes()), &["has format 9, expected 2: write it anew"]),
        ("endianness", with(8, &endianness), &["a machine of the other endianness: write it anew here"]),
        ("word", with(24, &4u64.to_ne_bytes()), &["addresses of 4 bytes, expected 8"]),
        ("header", with(200, b"x"), &["the header of the image is damaged: its check does not match. Copy it again"]),
        ("index", with(4096 + 24, &u64::MAX.to_ne_bytes()), &["the index of the image is damaged", "Copy it again"]),
    ];
    for (name, bytes, parts) in cases {
        folder.write(name, bytes);
        for arguments in commands(name) {
            let ran = folder.run(&arguments).ends(1);
            let said = if arguments[0] == "verify" { &ran.out } else { &ran.err };
            assert!(said.contains(&format!("{name}: ")), "{arguments:?}: {said}");
            parts.iter().for_each(|part| assert!(said.contains(part), "{arguments:?}: {part:?} is not in {said}"));
        }
    }
    assert!(!folder.join("written").exists(), "nothing is written of a bad image");
}

#[test]
fn a_file_that_cannot_be_read_is_another_exit_code() {
    let folder = Folder::new("unreadable");
    std::fs::create_dir(folder.join("folder")).unwrap();
    for arguments in commands("none") {
        let ran = folder.run(&arguments).ends(3);
        assert!((ran.out + &ran.err).contains("none: opening the image failed"), "{arguments:?}");
    }
    for arguments in commands("folder") {
        let ran = folder.run(&arguments).ends(1);
        assert!((ran.out + &ran.err).contains("name a regular file"), "{arguments:?}");
    }
}

#[test]
fn a_program_without_an_image_is_told_from_other_files() {
    let folder = Folder::new("program");
    let program = std::fs::read("/bin/true").unwrap();
    folder.write("program", &program);
    folder.run(&["inspect", "program"]).ends(1).complains(&["nor a program that carries one", "strip"]);
    Sample::new("1").image().embed("/bin/true", folder.join("carries")).unwrap();
    let carries = std::fs::read(folder.join("carries")).unwrap();
    folder.write("cut", &carries[..carries.len() - 1]);
    folder.run(&["verify", "cut"]).ends(1).says(&["nor a program that carries one"]);
    let mut damaged = carries.clone();
    let image = carries.len() - 5000;
    damaged[image] ^= 1;
    folder.write("damaged", &damaged);
    folder.run(&["verify", "damaged"]).ends(1).says(&["it was changed, or is another"]);
}

#[test]
fn an_image_that_is_damaged_in_its_code_is_not_written_anew() {
    let folder = Folder::new("not_anew");
    let mut bytes = Sample::new("1").bytes();
    let at = bytes.len() - 3000;
    bytes[at] ^= 1;
    folder.write("bad", &bytes);
    folder.run(&["inspect", "bad"]).ends(0); // its header and its tables are good
    for arguments in [&commands("bad")[4], &commands("bad")[5]] {
        folder.run(arguments).ends(1).complains(&["it was changed, or is another"]);
    }
    assert!(!folder.join("written").exists());
}

// Of each byte of the file: a refusal or an answer, and no panic.
#[test]
fn no_byte_that_changes_makes_it_panic() {
    let folder = Folder::new("each_byte");
    let good = Sample::new("1").bytes();
    folder.write("good", &good);
    // The index begins at 4096: there most bytes are numbers that lead somewhere. Header and code are covered by checks.
    for at in (4096..8192).step_by(97) {
        let mut bad = good.clone();
        bad[at] ^= 0x80;
        folder.write("bad", &bad);
        for arguments in [&["inspect", "--fields", "bad"][..], &["diff", "good", "bad"], &["list", "names", "bad"]] {
            let ran = folder.run(arguments);
            assert!(matches!(ran.code, Some(0 | 1)) && !ran.err.contains("panicked"), "{at}: {ran:?}");
        }
    }
}
