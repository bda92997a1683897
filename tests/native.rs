//! Machine code on pages of its own: writable or executable, never both, and never by accident.
#![cfg(all(target_os = "linux", target_pointer_width = "64", not(miri), not(permacode_ordinary_pages)))]

mod support;

use permacode::{CodeArena, Hardening};
use permacode_witness::Child;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use support::{Blocks, in_child, mapped, page, permissions, span};

/// A function that returns 42.
#[cfg(target_arch = "x86_64")]
const ANSWER: &[u8] = &[0xb8, 42, 0, 0, 0, 0xc3];
#[cfg(target_arch = "aarch64")]
const ANSWER: &[u8] = &[0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6];

fn run(code: &[u8]) -> i32 {
    // SAFETY: the bytes are a function of this type, executable since the seal.
    let function: extern "C" fn() -> i32 = unsafe { std::mem::transmute(code.as_ptr()) };
    function()
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn no_page_is_ever_writable_and_executable_seen_from_outside() {
    // In a process of its own: other tests change their memory all the time, and looking would wait for them.
    in_child(|| {
        let (arena, done) = (CodeArena::builder().reservation(256 << 20).build().unwrap(), AtomicBool::new(false));
        let (range, looks) = (arena.address_range(), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                // As long as it takes until somebody has often seen such pages, and no longer than there is room.
                for n in 0..10_000 {
                    match looks.load(SeqCst) {
                        10.. if n >= 100 => break,
                        _ if n >= 100 => thread::sleep(Duration::from_millis(1)),
                        _ => {}
                    }
                    let loader = arena.load_native("jit").unwrap();
                    let code = loader.alloc(ANSWER, 64).unwrap();
                    loader.alloc(&vec![0xCC; 100 * (n % 100)], 16).unwrap();
                    loader.seal().unwrap();
                    assert_eq!(run(code), 42);
                }
                done.store(true, SeqCst);
            });
            while !done.load(SeqCst) {
                let mut executable = false;
                // A page may change between two lines of the kernel's list, but each line is what was so.
                for line in std::fs::read_to_string("/proc/self/maps").unwrap().lines() {
                    let (start, rest) = line.split_once('-').unwrap();
                    if range.contains(&usize::from_str_radix(start, 16).unwrap()) {
                        let permissions = rest.split(' ').nth(1).unwrap();
                        assert!(!permissions.contains("wx"), "{line}");
                        executable |= permissions.contains('x');
                    }
                }
                looks.fetch_add(usize::from(executable), SeqCst);
            }
        });
        assert!(looks.into_inner() >= 10, "nothing was watched");
    });
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn another_threads_seal_takes_no_permission_to_execute_away() {
    for level in [Hardening::Protect, Hardening::MemFile] {
        let arena = CodeArena::builder().reservation(64 << 20).hardening(level).build().unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    let _ = arena.seal().unwrap();
                }
            });
            for _ in 0..200 {
                let loader = arena.load_native("jit").unwrap();
                let code = loader.alloc(ANSWER, 16).unwrap();
                loader.seal().unwrap();
                assert_eq!(run(code), 42);
            }
            done.store(true, SeqCst);
        });
        assert!(mapped(&arena).accessible().all(|mapping| !mapping.permissions.starts_with("rwx")));
    }
}

#[test]
fn pages_of_machine_code_hold_no_other_modules_bytes() {
    let arena = CodeArena::builder().reservation(4 << 20).prefault(64 << 10).build().unwrap();
    let mut blocks = Blocks::default();
    let (mut native, mut open) = (Vec::new(), Vec::new());
    for n in 0..30usize {
        let loader = arena.load("data").unwrap();
        blocks.alloc(&loader, 100 * n + 1).unwrap();
        let jit = arena.load_native("jit").unwrap();
        let code = jit.alloc(&vec![0xC3; 333 * (n + 1)], 16).unwrap();
        match n % 3 {
            0 => drop(loader),
            1 => drop(loader.seal().unwrap()),
            _ => open.push(loader),
        }
        jit.seal().unwrap();
        native.push(span(code));
    }
    drop(open);
    let _ = arena.seal().unwrap();
    let pages = |bytes: &std::ops::Range<usize>| bytes.start / page()..(bytes.end - 1) / page() + 1;
    for code in &native {
        assert_eq!(permissions(code.start), "r-xp");
        for block in blocks.iter().map(span) {
            assert!(pages(&block).end <= pages(code).start || pages(code).end <= pages(&block).start);
            assert!(!permissions(block.start).contains('x'));
        }
    }
    blocks.check_apart(&arena, &native);
}

#[test]
fn a_native_loader_that_is_dropped_leaves_pages_that_never_become_executable() {
    for level in [Hardening::Protect, Hardening::MemFile] {
        let arena = CodeArena::builder().reservation(4 << 20).hardening(level).build().unwrap();
        let loader = arena.load_native("jit").unwrap();
        let code = loader.alloc(&[0xC3; 5000], 16).unwrap();
        assert_eq!(permissions(span(code).start), "rw-p");
        drop(loader);
        assert_eq!(arena.seal().unwrap().pages, 2);
        let _ = arena.harden();
        assert!(permissions(span(code).start).starts_with("r--"));
        assert!(mapped(&arena).mappings.iter().all(|mapping| !mapping.permissions.contains('x')));
    }
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn machine_code_runs_at_every_level_and_in_children() {
    let arena = CodeArena::builder().reservation(4 << 20).build().unwrap().leak();
    let loader = arena.load_native("jit").unwrap();
    let code = loader.alloc(ANSWER, 16).unwrap();
    let module = loader.seal().unwrap();
    let data = arena.load("data").unwrap();
    let text = data.alloc_str("beside it").unwrap();
    data.seal().unwrap();
    let runs = |access: &str| {
        assert_eq!((permissions(span(code).start).as_str(), run(code)), (access, 42));
        assert!(!permissions(text.as_ptr().addr()).contains('x'));
        in_child(|| assert_eq!(run(code), 42));
    };
    runs("r-xp");
    match arena.harden() {
        Ok(()) => runs("r-xs"),
        Err(refusal) => eprintln!("NOT SHOWN: no memory file here: {refusal}"),
    }
    match arena.harden_forever() {
        Ok(()) => assert_eq!(module.hardening(), Hardening::Forever),
        Err(refusal) => eprintln!("NOT SHOWN: not for ever here: {refusal}"),
    }
    if module.hardening() >= Hardening::MemFile {
        runs("r-xs");
    }
    // A store there ends whoever tries.
    assert_eq!(support::store(span(code).start), support::stopped(span(code).start));
    assert!(Child::run(|| i32::from(run(code) != 42)).is_ok_and(|end| end == permacode_witness::End::Code(0)));
}
