//! A system short of address space, of memory, of mappings: each in a child that limits itself (soundness S16, S20).
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::code::Protection;
use permacode::error::PageCall;
use permacode::{CodeArena, Error};
use permacode_witness::code::{Blocks, accounted};
use permacode_witness::{in_child, limit, page, status};
use std::ptr;

const MEGABYTE: usize = 1 << 20;

/// Loads and seals something, and checks it.
fn works(arena: &CodeArena) {
    let mut blocks = Blocks::default();
    let loader = arena.load("works").unwrap();
    blocks.alloc(&loader, 10_000).unwrap();
    assert_eq!(loader.intern("name"), Ok("name"));
    assert_eq!(loader.seal().unwrap().protection(), Protection::ReadOnly);
    blocks.check();
}

// RLIMIT_AS counts address space, reserved or used.
#[test]
fn the_default_reservation_is_what_the_address_space_allows() {
    in_child(|| {
        limit(libc::RLIMIT_AS, status("VmSize") + 400 * MEGABYTE);
        let arena = CodeArena::new().unwrap();
        let reserved = arena.stats().reserved;
        // An eighth of it; sizes are halved, so that it may be half of that.
        assert!((20 * MEGABYTE..50 * MEGABYTE).contains(&reserved), "{reserved}");
        works(&arena);
        // The next gets such a part of what the first left.
        let next = CodeArena::new().unwrap();
        assert!(next.stats().reserved >= reserved / 2);
        works(&next);
        works(&arena);
    });
}

#[test]
fn an_explicit_reservation_is_not_made_smaller() {
    in_child(|| {
        limit(libc::RLIMIT_AS, status("VmSize") + 100 * MEGABYTE);
        let refused = CodeArena::builder().reservation(200 * MEGABYTE).build();
        assert!(
            matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Reserve && error.code == libc::ENOMEM),
            "{refused:?}"
        );
        let arena = CodeArena::builder().reservation(20 * MEGABYTE).build().unwrap();
        assert_eq!(arena.stats().reserved, 20 * MEGABYTE);
        works(&arena);
    });
}

#[test]
fn no_address_space_at_all_is_an_error() {
    in_child(|| {
        limit(libc::RLIMIT_AS, status("VmSize"));
        assert!(matches!(CodeArena::new(), Err(Error::Pages(error)) if error.call == PageCall::Reserve));
        limit(libc::RLIMIT_AS, usize::MAX);
        works(&CodeArena::new().unwrap());
    });
}

#[test]
fn an_arena_works_on_when_the_address_space_is_limited_later() {
    in_child(|| {
        let arena = CodeArena::new().unwrap();
        works(&arena);
        limit(libc::RLIMIT_AS, status("VmSize"));
        let loader = arena.load("late").unwrap();
        let mut bytes = 0;
        for _ in 0..20 {
            bytes += loader.alloc_padded(&[1; 100], 8, MEGABYTE).unwrap().len();
        }
        assert!(loader.seal().unwrap().bytes() >= bytes);
        works(&arena);
    });
}

// RLIMIT_DATA counts what is writable and private.
#[test]
fn memory_that_is_refused_is_an_error_until_there_is_some() {
    in_child(|| {
        let arena = CodeArena::new().unwrap();
        let mut blocks = Blocks::default();
        let loader = arena.load("m").unwrap();
        blocks.alloc(&loader, 1000).unwrap();
        limit(libc::RLIMIT_DATA, status("VmData") + MEGABYTE);
        let refused = (0..100).find_map(|_| loader.alloc_padded(&[1; 100], 8, 100_000).err());
        let Some(Error::Pages(error)) = refused else { panic!("{refused:?}") };
        assert_eq!((error.call, error.code), (PageCall::Commit, libc::ENOMEM));
        let before = arena.stats();
        assert!(loader.alloc_padded(&[], 1, MEGABYTE).is_err());
        assert_eq!(arena.stats().claimed, before.claimed, "what was refused was given back");
        // A smaller block may still fit. Sealed pages are not writable, so a seal makes room.
        assert_eq!(loader.seal().unwrap().protection(), Protection::ReadOnly);
        let loader = arena.load("next").unwrap();
        assert!(loader.alloc_padded(&[1; 100], 8, 500_000).is_ok());
        limit(libc::RLIMIT_DATA, usize::MAX);
        assert!(loader.alloc_padded(&[1; 100], 8, 5 * MEGABYTE).is_ok());
        drop(loader);
        blocks.check();
        works(&arena);
        accounted(&arena.stats());
    });
}

// What is claimed ahead, up to a MiB, is not worth an error.
#[test]
fn a_loader_fills_all_but_a_page_of_what_the_system_has_left() {
    for native in [false, true] {
        in_child(|| {
            let arena = CodeArena::new().unwrap();
            let much = arena.load("much").unwrap();
            (0..20).for_each(|_| _ = much.alloc_padded(&[1], 1, MEGABYTE).unwrap());
            let ahead = arena.stats().claimed - 20 * (MEGABYTE + 1);
            limit(libc::RLIMIT_DATA, status("VmData") + MEGABYTE / 2);
            let jit = native.then(|| arena.load_native("jit").unwrap());
            let mut filled = 0;
            let refused = loop {
                let block =
                    jit.as_ref().map_or_else(|| much.alloc_slice_copy(&[2; 500]), |jit| jit.alloc(&[2; 500], 1));
                match block {
                    Ok(block) => filled += block.len(),
                    Err(error) => break error,
                }
            };
            assert!(matches!(refused, Error::Pages(error) if (error.call, error.bytes) == (PageCall::Commit, page())));
            let had = MEGABYTE / 2 + if native { 0 } else { ahead };
            assert!(filled > had - 4 * page(), "{filled} of {had} bytes");
            limit(libc::RLIMIT_DATA, usize::MAX);
            drop((much, jit));
            works(&arena);
            accounted(&arena.stats());
        });
    }
}

/// Mappings, each a page with other access than its neighbours, until the system gives no more.
struct Hoard {
    base: *mut libc::c_void,
    used: usize,
}

impl Hoard {
    fn all() -> Self {
        let most: usize = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
        let pages = most + 100;
        // SAFETY: a new mapping at no particular address, of which every second page gets other access.
        unsafe {
            let (none, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
            let base = libc::mmap(ptr::null_mut(), pages * page(), none, flags, -1, 0);
            assert_ne!(base, libc::MAP_FAILED);
            let readable = |n: usize| libc::mprotect(base.byte_add((2 * n + 1) * page()), page(), libc::PROT_READ) == 0;
            let used = (0..pages / 2 - 1).take_while(|&n| readable(n)).count();
            assert!(used < pages / 2 - 1, "the limit on mappings does not hold");
            Self { base, used }
        }
    }

    /// Takes the one or two that a hoard of pairs leaves.
    fn last() {
        for access in [libc::PROT_READ, libc::PROT_EXEC, libc::PROT_NONE].into_iter().cycle().take(12) {
            // SAFETY: a new mapping at no particular address, or none.
            unsafe { libc::mmap(ptr::null_mut(), page(), access, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0) };
        }
    }

    /// Gives the last `mappings` or so back.
    fn give(&mut self, mappings: usize) {
        let kept = self.used - mappings.div_ceil(2);
        // SAFETY: pages of the hoard's own mapping.
        let given = unsafe {
            let from = self.base.byte_add(2 * kept * page());
            libc::mprotect(from, 2 * (self.used - kept) * page(), libc::PROT_NONE)
        };
        assert_eq!(given, 0);
        self.used = kept;
    }
}

#[test]
fn a_seal_that_no_mapping_is_left_for_is_an_error_and_can_be_repeated() {
    in_child(|| {
        let arena = CodeArena::new().unwrap();
        let mut blocks = Blocks::default();
        // Sealing the one splits a writable mapping, because the other is open behind it.
        let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
        for _ in 0..5 {
            blocks.alloc(&one, 16 << 10).unwrap();
            blocks.alloc(&two, 16 << 10).unwrap();
        }
        let one = one.finish();
        let mut hoard = Hoard::all();
        let refused = arena.seal();
        assert!(
            matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Seal && error.code == libc::ENOMEM),
            "{refused:?}"
        );
        assert_eq!(one.protection(), Protection::TypeOnly);
        assert!(arena.seal().is_err());
        blocks.check();
        hoard.give(100);
        assert!(arena.seal().is_ok());
        assert_eq!(one.protection(), Protection::ReadOnly);
        blocks.alloc(&two, 100_000).unwrap();
        assert_eq!(two.seal().unwrap().protection(), Protection::ReadOnly);
        blocks.check_apart(&arena, &[]);
        accounted(&arena.stats());
    });
}

// soundness S20: some of a loader's runs are sealed, then the mappings run out.
#[test]
fn a_loader_that_could_not_seal_all_of_its_runs_is_finished() {
    for left in [0, 1, 2, 4, 6] {
        in_child(|| {
            let arena = CodeArena::new().unwrap();
            let mut blocks = Blocks::default();
            let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
            for _ in 0..5 {
                blocks.alloc(&one, 20_000).unwrap();
                blocks.alloc(&two, 20_000).unwrap();
            }
            let mut hoard = Hoard::all();
            hoard.give(left);
            let result = one.seal().map(|module| module.protection());
            assert!(matches!(result, Ok(Protection::ReadOnly) | Err(Error::Pages(_))), "{result:?}");
            // Nobody writes to what may be sealed: a store there would end this child.
            let later = arena.load("later").unwrap();
            let taken = (0..50).filter(|_| blocks.alloc(&later, 3000).is_ok()).count();
            blocks.check();
            hoard.give(200);
            assert!(arena.seal().is_ok());
            assert!(arena.modules().all(|module| module.protection() == Protection::ReadOnly));
            blocks.alloc(&later, 3000).unwrap();
            blocks.alloc(&two, 3000).unwrap();
            drop((two, later));
            assert_eq!(blocks.len(), 12 + taken);
            blocks.check_apart(&arena, &[]);
            works(&arena);
        });
    }
}

#[test]
fn hardening_that_no_mapping_is_left_for_is_a_refusal_and_can_be_repeated() {
    in_child(|| {
        let arena = CodeArena::new().unwrap();
        let mut blocks = Blocks::default();
        // Open loaders between them keep the sealed stretches apart, each a mapping to be split or replaced.
        let mut open = Vec::new();
        for _ in 0..10 {
            let loader = arena.load("sealed").unwrap();
            blocks.alloc(&loader, 20_000).unwrap();
            loader.seal().unwrap();
            open.push(arena.load("open").unwrap());
            blocks.alloc(open.last().unwrap(), 40_000).unwrap();
        }
        let mut hoard = Hoard::all();
        Hoard::last();
        let Err(Error::Pages(error)) = arena.harden() else { panic!("there was room") };
        assert_eq!((error.call, error.code), (PageCall::Replace, libc::ENOMEM));
        assert_eq!(arena.refused(), Some(error));
        blocks.check();
        for _ in 0..6 {
            hoard.give(1);
            let hardened = arena.harden();
            let holds = arena.modules().all(|module| module.protection() == Protection::SealedFile);
            assert_eq!(hardened.is_ok(), holds);
            assert!(arena.modules().all(|module| module.protection() >= Protection::ReadOnly));
            blocks.check();
        }
        hoard.give(200);
        assert!(arena.harden().is_ok());
        assert!(arena.modules().all(|module| module.protection() == Protection::SealedFile));
        drop(open);
        blocks.check_apart(&arena, &[]);
        works(&arena);
    });
}

#[test]
fn an_arena_that_no_mapping_is_left_for_is_an_error() {
    in_child(|| {
        let mut hoard = Hoard::all();
        for give in [0, 1, 2, 4] {
            match CodeArena::builder().reservation(MEGABYTE).build() {
                Ok(arena) => drop(arena.load("m").and_then(|loader| loader.alloc(1u8).map(|_| ()))),
                Err(error) => assert!(matches!(error, Error::Pages(_)), "{error}"),
            }
            hoard.give(give);
        }
        hoard.give(100);
        works(&CodeArena::new().unwrap());
    });
}
