//! Machine code on pages of its own: writable or executable, never both, and never by accident.
#![cfg(all(target_os = "linux", target_pointer_width = "64", not(miri), not(permacode_ordinary_pages)))]

use permacode::CodeArena;
use permacode::code::Protection;
use permacode_witness::code::{Blocks, mapped};
use permacode_witness::{Child, in_child, page, permissions, span};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

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
    for level in [Protection::ReadOnly, Protection::SealedFile] {
        let arena = CodeArena::builder().reservation(64 << 20).protection(level).build().unwrap();
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
        }
    }
    assert!(blocks.iter().map(span).all(|block| !permissions(block.start).contains('x')));
    blocks.check_apart(&arena, &native);
}

#[test]
fn a_native_loader_that_is_dropped_leaves_pages_that_never_become_executable() {
    for level in [Protection::ReadOnly, Protection::SealedFile] {
        let arena = CodeArena::builder().reservation(4 << 20).protection(level).build().unwrap();
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
        Ok(()) => assert_eq!(module.protection(), Protection::Fixed),
        Err(refusal) => eprintln!("NOT SHOWN: not for ever here: {refusal}"),
    }
    if module.protection() >= Protection::SealedFile {
        runs("r-xs");
    }
    // A store there ends whoever tries.
    assert_eq!(permacode_witness::store(span(code).start), permacode_witness::stopped(span(code).start));
    assert!(Child::run(|| i32::from(run(code) != 42)).is_ok_and(|end| end == permacode_witness::End::Code(0)));
}

/// Mappings of this process.
fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Loads functions, each a module of its own, and sees to it that they run.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn functions(arena: &CodeArena, count: usize, mut between: impl FnMut(usize)) {
    for number in 0..count {
        let loader = arena.load_native("function").unwrap();
        let code = loader.alloc(ANSWER, 16).unwrap();
        loader.seal().unwrap();
        between(number);
        if number % 500 == 0 {
            assert_eq!(run(code), 42);
        }
    }
}

// soundness S21
#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn a_thousand_functions_take_a_page_each_and_three_mappings() {
    in_child(|| {
        for builder in [CodeArena::builder(), CodeArena::builder().huge_pages()] {
            let arena = builder.build().unwrap();
            let before = mappings();
            functions(&arena, 1000, |_| ());
            let stats = arena.stats();
            assert!(stats.claimed - 1000 * page() <= 64_000 && stats.claimed == stats.native, "{stats:?}");
            assert!(mappings() <= before + 4, "{} from {before}", mappings());
            assert_eq!(stats.mappings, mapped(&arena).accessible().count());
            permacode_witness::code::accounted(&stats);
        }
    });
}

// soundness S21
#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn functions_in_turn_with_data_cut_nothing_in_pieces() {
    in_child(|| {
        for (builder, sealed) in [
            (CodeArena::builder(), false),
            (CodeArena::builder(), true),
            (CodeArena::builder().huge_pages(), false),
            (CodeArena::builder().huge_pages(), true),
        ] {
            let (arena, mut blocks) = (builder.build().unwrap(), Blocks::default());
            let before = mappings();
            functions(&arena, 1000, |number| {
                let loader = arena.load("data").unwrap();
                blocks.alloc(&loader, 1 + number % 300).unwrap();
                if sealed {
                    loader.seal().unwrap();
                }
            });
            arena.seal().unwrap();
            assert!(mappings() <= before + 8, "{} from {before}", mappings());
            assert_eq!(arena.stats().mappings, mapped(&arena).accessible().count());
            blocks.check();
        }
    });
}

// A reservation of 1 GiB has room for 262,144 pages, and as many functions of a page each.
#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn a_hundred_thousand_functions_are_possible_in_one_gibibyte() {
    in_child(|| {
        let arena = CodeArena::builder().reservation(1 << 30).build().unwrap();
        functions(&arena, 100_000, |_| ());
        let stats = arena.stats();
        assert!(stats.claimed <= 100_000 * page() + 64_000, "{stats:?}");
        assert!(stats.mappings <= 4 && stats.mappings == mapped(&arena).accessible().count(), "{stats:?}");
    });
}

// Native and data meet in the middle of what there is, and neither gets a byte of the other's.
#[test]
fn native_code_and_data_share_what_there_is_to_its_last_page() {
    for limit in [None, Some(300 << 10)] {
        let mut builder = CodeArena::builder().reservation(1 << 20);
        if let Some(limit) = limit {
            builder = builder.limit(limit);
        }
        let (arena, mut blocks) = (builder.build().unwrap(), Blocks::default());
        let (data, jit) = (arena.load("data").unwrap(), arena.load_native("jit").unwrap());
        let mut native = Vec::new();
        loop {
            let code = jit.alloc(&[0xC3; 3000], 16);
            let block = blocks.alloc(&data, 3000);
            native.extend(code.ok().map(span));
            let Err(error) = code.and(block) else { continue };
            let full = match error {
                permacode::Error::Exhausted { needed, left } => limit.is_none() && needed > left,
                permacode::Error::Limit { needed, left, .. } => limit.is_some() && needed > left,
                _ => false,
            };
            assert!(full, "{error}");
            if code.is_err() && block.is_err() {
                break;
            }
        }
        let stats = arena.stats();
        assert!(stats.claimed + page() > limit.unwrap_or(1 << 20), "{stats:?}");
        let _ = (data.finish(), jit.seal().unwrap(), arena.seal().unwrap());
        // Where the two meet, the kernel may keep what was data's neighbour before it was sealed apart from its like.
        let apart = mapped(&arena).accessible().count() - arena.stats().mappings;
        assert!(apart <= 1, "{:?}", mapped(&arena));
        blocks.check_apart(&arena, &native);
        permacode_witness::code::accounted(&arena.stats());
    }
}

// An address among machine code is found, shared and contained as one among data.
#[test]
fn machine_code_is_found_and_shared_like_data() {
    let arena = std::sync::Arc::new(CodeArena::builder().reservation(4 << 20).build().unwrap());
    let jit = arena.load_native("jit").unwrap();
    let (first, second) = (jit.alloc(ANSWER, 16).unwrap(), jit.alloc(&[0xC3; 20_000], 64).unwrap());
    let module = jit.seal().unwrap();
    for code in [first, second] {
        assert!(arena.contains(code.as_ptr()) && arena.locate(code.as_ptr()).is_some_and(|at| at.module == module));
        assert_eq!(&arena.share(code).unwrap()[..], code);
    }
    assert_eq!(second.as_ptr().addr() % 64, 0);
    let end = second.as_ptr_range().end.addr();
    assert!(arena.locate(std::ptr::without_provenance::<u8>(end + page())).is_none());
}
