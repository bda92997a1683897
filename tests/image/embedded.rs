//! Programs that carry their image.

use crate::output::Folder;
use crate::program::{self, Code, assert_is};
use permacode::image::{Image, ImageError};
use permacode_witness as witness;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A program of this machine, and the same with an image behind it.
fn embedded(folder: &Folder, name: &str) -> (PathBuf, PathBuf) {
    let (bare, output) = (folder.join("bare"), folder.join("output"));
    if !bare.exists() {
        std::fs::copy("/bin/true", &bare).unwrap();
        std::fs::set_permissions(&bare, std::fs::Permissions::from_mode(0o4750)).unwrap();
    }
    image(name).embed(&bare, &output).unwrap();
    (bare, output)
}

fn image(name: &str) -> Image {
    Image::open_sealed(program::sealed(&program::image(name))).unwrap()
}

fn find(path: &Path) -> Result<Image, ImageError> {
    // SAFETY: nobody writes to it while it is open.
    unsafe { Image::of_program(File::open(path).unwrap()) }
}

/// Runs a program to its end. A child that another test forked may have a descriptor of the file that can write, until it ends or executes.
#[track_caller]
fn run(program: &Path) {
    for _ in 0..6000 {
        match Command::new(program).status() {
            Err(why) if why.kind() == ErrorKind::ExecutableFileBusy => std::thread::sleep(Duration::from_millis(10)),
            status => return assert!(status.unwrap().success()),
        }
    }
    panic!("the program was busy for a minute");
}

#[track_caller]
fn assert_carries(path: &Path, name: &str) {
    let image = find(path).unwrap();
    assert_eq!(image.verify(), Ok(()));
    let image = image.check::<Code<'_>>().unwrap();
    assert_is(program::elsewhere(&image).root("main").unwrap(), name);
    assert_eq!(image.file().metadata().unwrap().ino(), std::fs::metadata(path).unwrap().ino(), "the file itself");
    run(path);
}

#[test]
fn a_program_runs_as_before_and_carries_its_image_and_so_do_its_copies() {
    let folder = Folder::new("embedded");
    let (bare, output) = embedded(&folder, "carried");
    assert_carries(&output, "carried");
    let (before, after) = (std::fs::read(&bare).unwrap(), std::fs::read(&output).unwrap());
    assert!(after.starts_with(&before));
    let image = after.windows(8).rposition(|bytes| bytes == b"permacde").unwrap();
    assert_eq!(image % 65536, 0);
    assert!(after[before.len()..image].iter().all(|&byte| byte == 0));
    assert_eq!(std::fs::metadata(&output).unwrap().permissions().mode() & 0o7777, 0o750);
    let copy = folder.join("copy");
    std::fs::copy(&output, &copy).unwrap();
    assert_carries(&copy, "carried");
    assert_eq!(folder.names(), ["bare", "copy", "output"]);
}

#[test]
fn another_image_takes_the_place_of_the_first_also_in_the_programs_own_file() {
    let folder = Folder::new("embedded_again");
    let (_, output) = embedded(&folder, "first");
    let first = std::fs::read(&output).unwrap();
    image("a longer name than that of the first").embed(&output, &output).unwrap();
    assert_carries(&output, "a longer name than that of the first");
    image("first").embed(&output, &output).unwrap();
    assert!(std::fs::read(&output).unwrap() == first);
}

#[test]
fn a_program_that_is_written_anew_runs_without_its_image_and_takes_one_again() {
    let folder = Folder::new("embedded_strip");
    for tool in ["strip", "objcopy"] {
        let (_, output) = embedded(&folder, tool);
        match Command::new(tool).arg(&output).status() {
            Err(why) => return witness::skipped("a program that is stripped", why),
            Ok(status) => assert!(status.success()),
        }
        assert_eq!(find(&output).unwrap_err(), ImageError::NoImage, "{tool}");
        run(&output);
        image("anew").embed(&output, &output).unwrap();
        assert_carries(&output, "anew");
    }
}

#[test]
fn a_program_that_was_cut_or_added_to_has_no_image() {
    let folder = Folder::new("embedded_cut");
    let (bare, output) = embedded(&folder, "cut");
    let good = std::fs::read(&output).unwrap();
    let mut added = good.clone();
    added.push(0);
    for bad in [&good[..good.len() - 1], &good[1..], &added, &good[good.len() - 64..], &[]] {
        let path = folder.join("bad");
        std::fs::write(&path, bad).unwrap();
        assert_eq!(find(&path).unwrap_err(), ImageError::NoImage);
    }
    assert_eq!(find(&bare).unwrap_err(), ImageError::NoImage);
    // The note is right, and what it leads to is no image.
    let mut changed = good.clone();
    let image = changed.windows(8).rposition(|bytes| bytes == b"permacde").unwrap();
    changed[image + 100] ^= 1;
    std::fs::write(&output, changed).unwrap();
    assert!(matches!(find(&output), Err(ImageError::Header(_))));
}

#[test]
fn a_program_that_is_not_there_and_a_place_that_is_none_are_errors() {
    let folder = Folder::new("embedded_none");
    let refused = image("none").embed(folder.join("none"), folder.join("output"));
    assert!(matches!(refused, Err(ImageError::System { code: libc::ENOENT, call: "reading the program", .. })));
    let refused = image("none").embed(folder.path(), folder.join("output"));
    assert!(matches!(refused, Err(ImageError::System { code: libc::EISDIR, .. })), "{refused:?}");
    let refused = image("none").embed("/bin/true", folder.join("none/output"));
    assert!(matches!(refused, Err(ImageError::System { code: libc::ENOENT, .. })), "{refused:?}");
    assert!(folder.names().is_empty());
}

#[test]
fn a_program_without_an_image_says_so() {
    // SAFETY: nobody writes to this test.
    assert_eq!(unsafe { Image::of_current_exe() }.unwrap_err(), ImageError::NoImage);
}
