//! Where an image is mapped: at its window, or moved.

use crate::program::{self, Code, assert_is};
use permacode::image::{Image, ImageError, NotShared};
use permacode::{CodeArena, Error};
use permacode_model::ImageFile;
use permacode_witness::{self as witness, Child, End};
use std::ops::Range;

fn image(name: &str) -> Image {
    Image::open_sealed(program::sealed(&program::image(name))).unwrap().check::<Code<'_>>().unwrap()
}

fn mappings(code: &CodeArena) -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let lies_in = |line: &&str| {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
        let [start, end] = [start, end].map(|address| usize::from_str_radix(address, 16).unwrap());
        let range = code.address_range();
        start < range.end && end > range.start
    };
    // What is reserved and has no access is for code that is loaded later.
    maps.lines().filter(lies_in).filter(|line| !line.contains("---p")).map(str::to_owned).collect()
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn an_image_at_its_window_is_one_shared_mapping_that_cannot_be_written() {
    let code = image("at_its_window").open().unwrap();
    assert_eq!(code.why_not_shared(), None);
    let mappings = mappings(&code);
    assert_eq!(mappings.len(), 1, "{mappings:?}");
    assert!(mappings[0].contains(" r--s "), "{mappings:?}");
    assert_is(code.root("main").unwrap(), "at_its_window");
}

#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn a_second_one_is_moved_and_says_so_and_is_shared_in_half() {
    let image = image("twice");
    let (first, second) = (image.open().unwrap(), image.open().unwrap());
    assert_eq!(first.why_not_shared(), None);
    let Some(&NotShared::WindowTaken { window, ref by }) = second.why_not_shared() else {
        panic!("{:?}", second.why_not_shared())
    };
    assert!(first.contains(window as *const u8) && !second.contains(window as *const u8));
    assert!(by.as_ref().is_some_and(|by| by.contains("r--s") && by.contains("/memfd:")), "{by:?}");
    let mappings = mappings(&second);
    let modes: Vec<&str> = mappings.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(modes, ["r--p", "r--s"]);
    assert_is(second.root("main").unwrap(), "twice");
    // Dropped, the window is free again.
    drop((first, second));
    assert_eq!(image.open().unwrap().why_not_shared(), None);
}

// soundness S37: whatever lies in the window, at its beginning, in its middle or at its end, stays there.
#[test]
#[cfg_attr(permacode_tsan, ignore = "ThreadSanitizer keeps all windows for itself")]
fn nothing_that_lies_in_the_window_is_replaced() {
    let bytes = program::large("in_the_way");
    let (image, file) = (program::checked_large(&bytes), ImageFile::of(&bytes));
    let (window, linked, leaf) = (file.window() as usize, file.linked.len(), file.leaf.len());
    assert!(linked >= 4 * 4096 && leaf >= 4 * 4096);
    let (border, end) = (window + linked, window + linked + leaf);
    // The file from its header on is one mapping: the header and the index lie in front of the window.
    let header = end - (bytes.len() - file.marks.len());
    assert!(window - header >= 2 * 4096);
    let opened = image.open().unwrap();
    assert_eq!(opened.why_not_shared(), None);
    let all = mappings(&opened);
    assert!(all.len() == 1 && all[0].starts_with(&format!("{header:x}-{end:x} r--s ")), "{all:?}");
    let [records, _] = opened.bookkeeping_ranges();
    assert!(records.contains(&(header - 4096)) && opened.address_range().contains(&end));
    drop(opened);
    let middle = |half: Range<usize>| (half.start + half.len() / 2) & !4095;
    for (what, page) in [
        ("records", header - 4096),
        ("the header", header),
        ("the end of the index", window - 4096),
        ("the first page", window),
        ("the middle of the linked half", middle(window..border)),
        ("the end of the linked half", border - 4096),
        ("the beginning of the leaf half", border),
        ("the middle of the leaf half", middle(border..end)),
        ("the last page", end - 4096),
        ("code that is loaded later", end),
    ] {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, which replaces none.
        let guard = unsafe { libc::mmap(page as *mut _, 4096, access, flags, -1, 0) };
        assert_eq!(guard.addr(), page, "{what}");
        // SAFETY: mapped just now, for this test.
        let guarded = unsafe { std::slice::from_raw_parts_mut(guard.cast::<u8>(), 4096) };
        guarded.fill(0x55);
        let moved = image.open().unwrap();
        let Some(NotShared::WindowTaken { window: taken, by: Some(by) }) = moved.why_not_shared() else {
            panic!("{what}: {:?}", moved.why_not_shared())
        };
        assert_eq!(*taken, window, "{what}");
        assert!(by.starts_with(&format!("{page:x}-{:x} rw-p ", page + 4096)), "{what}: {by}");
        assert!(!moved.contains(guard.cast_const()) && !moved.contains(window as *const u8), "{what}");
        program::assert_is_large(&moved, "in_the_way");
        drop(moved);
        assert!(guarded.iter().all(|&byte| byte == 0x55), "{what} was written to");
        // SAFETY: the test's own page, to which nothing refers any more.
        assert_eq!(unsafe { libc::munmap(guard, 4096) }, 0, "{what} was unmapped");
    }
    let opened = image.open().unwrap();
    assert_eq!(opened.why_not_shared(), None, "nothing is left in the way");
    program::assert_is_large(&opened, "in_the_way");
}

#[test]
fn an_image_that_is_dropped_leaves_no_mapping() {
    for elsewhere in [false, true] {
        let image = image("left");
        let code = if elsewhere { program::elsewhere(&image) } else { image.open().unwrap() };
        let address = std::ptr::from_ref(code.root::<Code<'_>>("main").unwrap()).addr();
        let is_mapped = || {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            maps.lines().any(|line| {
                let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
                let at = |text| usize::from_str_radix(text, 16).unwrap();
                (at(start)..at(end)).contains(&address)
            })
        };
        assert!(is_mapped());
        drop(code);
        // Another thread's mapping may lie there by now, if it is not the window.
        assert!(elsewhere || !is_mapped());
    }
}

/// Opens under every limit on address space from what there is up to `room` more, in steps, in a child each. Returns how often it was refused.
fn refused_under_limits(room: usize, step: usize, open: impl Fn() -> Result<(), ImageError>) -> (usize, usize) {
    let (mut refused, mut opened) = (0, 0);
    for more in (0..room).step_by(step) {
        let end = Child::run(|| {
            witness::limit(libc::RLIMIT_AS, witness::status("VmSize:") + more);
            match open() {
                Ok(()) => 0,
                Err(ImageError::System { code: libc::ENOMEM, .. } | ImageError::Memory { .. }) => 7,
                Err(ImageError::Arena(Error::Pages(_))) => 7,
                Err(other) => panic!("{other}"),
            }
        });
        match end.unwrap() {
            End::Code(0) => opened += 1,
            End::Code(7) => refused += 1,
            end => panic!("{end:?} with {more} bytes more"),
        }
    }
    (refused, opened)
}

// A limit on address space is an error of the system, not a reason to look for another place: an image that is opened is where it should be.
#[test]
fn an_image_that_there_is_no_address_space_for_is_an_error_and_is_not_moved() {
    let image = image("limited");
    let (refused, opened) = refused_under_limits(100 << 12, 2 << 12, || {
        let code = CodeArena::builder().image(&image).reservation(4096).build()?;
        assert_eq!(code.why_not_shared(), None);
        assert_is(code.root("main").unwrap(), "limited");
        Ok(())
    });
    assert!(refused >= 2 && opened >= 8, "{refused} {opened}");
    assert_is(image.open().unwrap().root("main").unwrap(), "limited");
}

// The other way round: a window that is taken is told as that, or there is an error; never is the one taken for the other.
#[test]
fn a_window_that_is_taken_is_told_from_a_limit() {
    let image = image("limited_and_taken");
    let first = image.open().unwrap();
    let (refused, opened) = refused_under_limits(100 << 12, 2 << 12, || {
        let code = CodeArena::builder().image(&image).reservation(4096).build()?;
        assert!(matches!(code.why_not_shared(), Some(NotShared::WindowTaken { .. })));
        assert_is(code.root("main").unwrap(), "limited_and_taken");
        Ok(())
    });
    assert!(refused >= 2 && opened >= 8, "{refused} {opened}");
    assert_eq!(first.why_not_shared(), None);
}

// Without a chosen size, what comes behind the image is halved; the image is where it should be.
#[test]
fn under_a_limit_the_room_behind_an_image_is_smaller_and_the_image_is_not_moved() {
    let image = image("limited_and_halved");
    let (refused, opened) = refused_under_limits(400 << 20, 20 << 20, || {
        let arena = image.open()?;
        assert_eq!(arena.why_not_shared(), None);
        assert!(arena.address_space() < 60 << 20 && arena.load("more")?.alloc(1u8).is_ok());
        assert_is(arena.root("main").unwrap(), "limited_and_halved");
        Ok(())
    });
    assert!(refused <= 2 && opened >= 18, "{refused} {opened}");
}

// Nothing on the way from a path to a value ends the process, wherever address space ends.
#[test]
fn a_large_image_is_loaded_checked_and_opened_or_refused_under_every_limit() {
    let folder = crate::output::Folder::new("limited_and_large");
    let path = folder.join("image");
    let arena = permacode::CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let texts: Vec<&str> = (0..4000).map(|i| loader.alloc_str(&format!("{i:01000}")).unwrap()).collect();
    let root: &&[&str] = loader.alloc(loader.alloc_slice_copy(&texts).unwrap()).unwrap();
    loader.finish();
    permacode::image::ImageWriter::new(&arena).root("root", root).unwrap().write(&path).unwrap();
    let (refused, opened) = refused_under_limits(30 << 20, 300_000, || {
        let code = Image::load(&path)?.check::<&[&str]>()?.open()?;
        let root: &&[&str] = code.root("root").unwrap();
        assert!(root.iter().enumerate().all(|(i, text)| text.parse() == Ok(i)));
        Ok(())
    });
    assert!(refused >= 20 && opened >= 20, "{refused} {opened}");
}

// ThreadSanitizer reserves what lies between its own parts, all windows among it: they are taken, and nothing of it is replaced.
#[test]
#[cfg(permacode_tsan)]
fn under_thread_sanitizer_an_image_is_moved_and_says_who_lies_in_its_window() {
    let code = image("thread_sanitizer").open().unwrap();
    let Some(NotShared::WindowTaken { window, by: Some(by) }) = code.why_not_shared() else {
        panic!("{:?}", code.why_not_shared())
    };
    assert!(by.contains("---p") && !code.contains(*window as *const u8), "{by}");
    assert_is(code.root("main").unwrap(), "thread_sanitizer");
}
