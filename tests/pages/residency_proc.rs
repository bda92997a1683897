//! `Residency` where `/proc` is missing, is another world's, or cannot be opened; and when a process's first thread is gone.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::CodeArena;
use permacode::residency::{Mapping, Residency, ResidencyError};
use permacode_witness::{Child, End, in_child, limit, namespace, page, span};
use std::fs::File;
use std::path::Path;

fn sealed() -> CodeArena {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    loader.alloc_slice_copy(&vec![7u8; 3 * page()]).unwrap();
    loader.seal().unwrap();
    arena
}

/// Every question, with the same answer.
#[track_caller]
fn all_say(arena: &CodeArena, error: ResidencyError) {
    let own = std::process::id();
    assert_eq!(arena.residency().unwrap_err(), error);
    assert_eq!(Residency::of(0..usize::MAX).unwrap_err(), error);
    assert_eq!(Mapping::all(own, arena.address_range()).unwrap_err(), error);
    let parent = std::os::unix::process::parent_id();
    let of_parent = arena.residency_in(parent).unwrap_err();
    match (error, of_parent) {
        (ResidencyError::Refused { code, .. }, found) => {
            assert_eq!(found, ResidencyError::Refused { pid: parent, code });
        }
        _ => assert_eq!(of_parent, error),
    }
}

// soundness S32
#[test]
fn a_missing_proc_is_said_as_that_and_not_as_a_missing_process() {
    let arena = sealed();
    let hide = || namespace::mount(Path::new("none"), Path::new("/proc"), "tmpfs", 0);
    namespace::with_mounts("a world without /proc", hide, || {
        all_say(&arena, ResidencyError::NoProc);
        assert!(ResidencyError::NoProc.to_string().starts_with("/proc is not mounted"));
        // Nothing is a file there instead.
        for (file, text) in [("self", ""), ("stat", "1")] {
            std::fs::write(Path::new("/proc").join(file), text).unwrap();
            all_say(&arena, ResidencyError::NoProc);
        }
    });
}

#[test]
fn a_process_of_another_world_of_numbers_finds_itself() {
    let arena = sealed();
    in_child(|| {
        // SAFETY: changes which numbers this process's children have.
        if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
            return eprintln!("no world of numbers can be had here: {}", std::io::Error::last_os_error());
        }
        // The child has the number 1, which in the `/proc` that it sees is another process's.
        in_child(|| {
            assert_eq!(std::process::id(), 1);
            let mine = sealed();
            mine.assert_clean();
            assert!(mine.residency().unwrap().private_dirty() >= 3 * page());
            arena.assert_not_copied();
        });
    });
}

#[test]
fn a_process_whose_first_thread_has_ended_finds_itself() {
    let arena = sealed();
    let end = Child::run(|| {
        let (arena, here) = (&arena, std::process::id());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let first = format!("/proc/self/task/{here}/stat");
                // Until nothing but its number is left of it.
                while !std::fs::read_to_string(&first).unwrap().contains(") Z ") {
                    std::thread::yield_now();
                }
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    arena.assert_clean();
                    arena.assert_not_copied();
                    assert!(arena.residency().unwrap().shared() >= 3 * page());
                    assert_eq!(Mapping::all(here, arena.address_range()).unwrap()[0].permissions.to_string(), "r--p");
                }));
                std::process::exit(if result.is_ok() { 7 } else { 101 });
            });
            // SAFETY: ends this thread and nothing else; what it has stays.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        });
        0
    });
    assert_eq!(end.unwrap(), End::Code(7));
}

#[test]
fn too_many_open_files_are_a_refusal_and_no_missing_process() {
    let arena = sealed();
    in_child(|| {
        let before = arena.residency().unwrap();
        let next = std::os::fd::AsRawFd::as_raw_fd(&File::open("/dev/null").unwrap()) as usize;
        limit(libc::RLIMIT_NOFILE, next);
        all_say(&arena, ResidencyError::Refused { pid: std::process::id(), code: libc::EMFILE });
        // One at a time is enough.
        limit(libc::RLIMIT_NOFILE, next + 1);
        let after = arena.residency().unwrap();
        assert_eq!((after.mappings(), after.stretches()), (before.mappings(), before.stretches()));
    });
}

#[test]
fn a_range_is_answered_alone_whatever_its_ends_are() {
    let arena = sealed();
    let block = span(arena.load("n").unwrap().alloc_slice_copy(&vec![1u8; 2 * page()]).unwrap());
    in_child(|| {
        // A byte has its page; nothing has none.
        let one = Residency::of(block.start..block.start + 1).unwrap();
        assert_eq!((one.resident(), one.mappings().len(), one.stretches().len()), (page(), 1, 1));
        for nothing in [
            block.start..block.start,
            block.start + 1..block.start + 1,
            0..0,
            usize::MAX..usize::MAX,
            block.end..block.start,
        ] {
            let residency = Residency::of(nothing).unwrap();
            assert_eq!((residency.resident(), residency.mappings(), residency.stretches()), (0, &[][..], &[][..]));
        }
        // The last byte of all, and a range that ends with it.
        assert!(Residency::of(usize::MAX - 1..usize::MAX).unwrap().mappings().is_empty());
        let of_arena = arena.residency().unwrap();
        assert_eq!(of_arena.mappings(), Mapping::all(std::process::id(), arena.address_range()).unwrap());
        // Each part says what the whole says of it.
        let middle = block.start + page();
        let (below, above) = (Residency::of(0..middle).unwrap(), Residency::of(middle..usize::MAX).unwrap());
        assert!(below.resident() > 0 && above.resident() > 0);
        // The mapping that both have a part of is whole in both, and its pages are told of once.
        assert_eq!(below.mappings().last(), above.mappings().first());
        assert!(below.stretches().iter().all(|stretch| stretch.range.end <= middle));
        assert!(above.stretches().iter().all(|stretch| stretch.range.start >= middle));
    });
}
