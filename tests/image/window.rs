//! Where an image is mapped: at its window, or moved.

use crate::program::{self, Code, assert_is};
use permacode::CodeArena;
use permacode::image::{Image, NotShared};

fn image(name: &str) -> Image {
    Image::open_sealed(program::sealed(&program::image(name))).unwrap().check::<Code<'_>>().unwrap()
}

fn mappings(code: &CodeArena) -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let lies_in = |line: &&str| {
        let (start, _) = line.split_once('-').unwrap();
        code.contains(usize::from_str_radix(start, 16).unwrap() as *const u8)
    };
    // What is reserved and has no access is for code that is loaded later.
    maps.lines().filter(lies_in).filter(|line| !line.contains("---p")).map(str::to_owned).collect()
}

#[test]
fn an_image_at_its_window_is_one_shared_mapping_that_cannot_be_written() {
    let code = image("at_its_window").open().unwrap();
    assert_eq!(code.why_not_shared(), None);
    let mappings = mappings(&code);
    assert_eq!(mappings.len(), 1, "{mappings:?}");
    assert!(mappings[0].contains(" r--s "), "{mappings:?}");
    assert_is(code.root("main").unwrap(), "at_its_window");
}

#[test]
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
fn nothing_that_lies_in_the_window_is_replaced() {
    let image = image("in_the_way");
    let opened = image.open().unwrap();
    let start: *const Code<'_> = opened.root("main").unwrap();
    let pages: Vec<usize> = {
        let first = start.addr() & !4095;
        let last = (first..).step_by(4096).find(|&page| !opened.contains(page as *const u8)).unwrap() - 4096;
        vec![first, first + (last - first) / 2 / 4096 * 4096, last]
    };
    drop(opened);
    for page in pages {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, which replaces none.
        let guard = unsafe { libc::mmap(page as *mut _, 4096, access, flags, -1, 0) };
        assert_eq!(guard.addr(), page);
        // SAFETY: mapped just now, for this test.
        unsafe { guard.cast::<u64>().write(0x5555) };
        let moved = image.open().unwrap();
        assert!(moved.why_not_shared().is_some() && !moved.contains(guard.cast_const()));
        assert_is(moved.root("main").unwrap(), "in_the_way");
        // SAFETY: the test's own page.
        unsafe {
            assert_eq!(guard.cast::<u64>().read(), 0x5555);
            libc::munmap(guard, 4096);
        }
    }
}

#[test]
fn an_image_that_is_dropped_leaves_no_mapping() {
    for elsewhere in [false, true] {
        let image = image("left");
        let code = if elsewhere {
            CodeArena::builder().image(&image).anywhere().build().unwrap()
        } else {
            image.open().unwrap()
        };
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

// A limit on address space is an error of the system, not a reason to look for another place.
#[test]
fn an_image_that_there_is_no_address_space_for_is_an_error() {
    use permacode::Error;
    use permacode::image::ImageError;
    use permacode_witness::in_child;
    let image = image("limited");
    in_child(|| {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = status.split(' ').next().unwrap().parse().unwrap();
        let limit = libc::rlimit { rlim_cur: pages * 4096, rlim_max: pages * 4096 };
        // SAFETY: the child's own limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        assert!(matches!(image.open(), Err(ImageError::Arena(Error::Pages(_)))));
    });
    assert_is(image.open().unwrap().root("main").unwrap(), "limited");
}
