//! Several processes on one image: what they share, by the kernel's word.

use crate::output::Folder;
use crate::program::{self, Code, assert_is};
use permacode::image::{Image, OpenImage};
use permacode_witness::{self as witness, Child, End};

/// Kilobytes of one kind in the mappings that lie in an image's code.
fn kilobytes(code: &OpenImage, kind: &str) -> usize {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut sum, mut inside) = (0, false);
    for line in smaps.lines() {
        if let Some((range, _)) = line.split_once(' ').filter(|(range, _)| range.contains('-')) {
            let start = usize::from_str_radix(range.split_once('-').unwrap().0, 16).unwrap();
            inside = code.contains(start as *const u8);
        } else if inside && line.starts_with(kind) {
            sum += line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap();
        }
    }
    sum
}

fn write(folder: &Folder, name: &str) -> std::path::PathBuf {
    let path = folder.join("image");
    std::fs::write(&path, program::image(name)).unwrap();
    path
}

fn map(path: &std::path::Path) -> OpenImage {
    // SAFETY: the test writes the file once.
    unsafe { Image::map(path) }.unwrap().check::<Code<'_>>().unwrap().open().unwrap()
}

#[test]
fn of_processes_that_are_not_related_each_has_the_image_at_its_window_and_nothing_of_its_own() {
    let folder = Folder::new("processes");
    let path = write(&folder, "shared");
    // Four children that open the image for themselves, all at once: the last of them finds all pages shared by four.
    let (ready, go) = (folder.join("ready"), folder.join("go"));
    let wait = |what: &std::path::Path, count: u64| {
        let start = std::time::Instant::now();
        while std::fs::metadata(what).map_or(0, |metadata| metadata.len()) < count {
            assert!(start.elapsed().as_secs() < 60, "the others did not come");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    };
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (path, ready, go) = (&path, &ready, &go);
            scope.spawn(move || {
                witness::in_child(|| {
                    use std::io::Write;
                    let code = map(path);
                    assert_eq!(code.why_not_shared(), None);
                    assert_is(code.root("main").unwrap(), "shared");
                    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(ready).unwrap();
                    file.write_all(b"x").unwrap();
                    wait(ready, 4);
                    if number == 0 {
                        let (rss, pss) = (kilobytes(&code, "Rss:"), kilobytes(&code, "Pss:"));
                        assert!(rss >= 8 && pss <= rss / 4 + 1, "{pss} of {rss}");
                        assert_eq!(kilobytes(&code, "Private_Dirty:"), 0);
                        assert_eq!(kilobytes(&code, "Anonymous:"), 0);
                        std::fs::write(go, "x").unwrap();
                    }
                    wait(go, 1);
                });
            });
        }
    });
}

#[test]
fn a_forked_child_reads_what_its_parent_opened_and_copies_nothing() {
    let folder = Folder::new("forked");
    let code = map(&write(&folder, "forked"));
    assert_is(code.root("main").unwrap(), "forked");
    witness::in_child(|| {
        assert_is(code.root("main").unwrap(), "forked");
        assert_eq!((kilobytes(&code, "Private_Dirty:"), kilobytes(&code, "Anonymous:")), (0, 0));
    });
}

// soundness S19: an image is no more writable than sealed code.
#[test]
fn a_write_to_an_image_ends_the_process() {
    let folder = Folder::new("written");
    let path = write(&folder, "written");
    for moved in [false, true] {
        let ended = Child::run(|| {
            // SAFETY: the test writes the file once.
            let image = unsafe { Image::map(&path) }.unwrap().check::<Code<'_>>().unwrap();
            let (first, second) = (image.open().unwrap(), image.open().unwrap());
            let code: &Code<'_> = if moved { &second } else { &first }.root("main").unwrap();
            // SAFETY: none; it must not come back.
            unsafe { std::ptr::from_ref(code).cast_mut().cast::<u8>().write_volatile(0) };
            0
        });
        assert!(matches!(ended, Ok(End::Signal { signal: libc::SIGSEGV, .. })), "{ended:?}");
    }
}
