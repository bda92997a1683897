//! Systems that refuse what a level needs: each refusal is a value that names the step, the level below holds, and the arena works on.
//!
//! Filters and limits are those of child processes (soundness S16, S20).
#![cfg(all(target_os = "linux", target_pointer_width = "64", not(miri), not(permacode_ordinary_pages)))]

use permacode::code::{CodeArenaBuilder, Protection};
use permacode::error::{PageCall, PageError};
use permacode::testing::Pages;
use permacode::{CodeArena, Error};
use permacode_witness::code::{Blocks, accounted};
use permacode_witness::filter::{When, refuse, trap};
use permacode_witness::{Child, End, in_child, limit, permissions, span};

/// Files mapped anywhere, somewhere, and over what is there.
const FILES: When = When { argument: 3, mask: libc::MAP_SHARED, value: libc::MAP_SHARED };
const TRIALS: When = When { argument: 3, mask: libc::MAP_SHARED | libc::MAP_FIXED, value: libc::MAP_SHARED };
const OVER: When = When { argument: 3, mask: TRIALS.mask, value: libc::MAP_SHARED | libc::MAP_FIXED };

fn builder(level: Protection) -> CodeArenaBuilder {
    CodeArena::builder().reservation(4 << 20).protection(level)
}

/// Whether this kernel has a level; a test that needs more says so.
fn has(level: Protection) -> bool {
    let arena = builder(Protection::ReadOnly).build().unwrap().leak();
    let loader = arena.load("probe").unwrap();
    loader.alloc(1u8).unwrap();
    let module = loader.seal().unwrap();
    let refused = arena.harden_forever();
    let has = module.protection() >= level;
    if !has {
        eprintln!("NOT SHOWN: {level:?}, which does not hold here: {refused:?}");
    }
    has
}

/// Everything that is to be so where `obstacle` keeps pages from being replaced; `lift` takes it away again.
fn without_files(call: PageCall, code: i32, obstacle: impl Fn(), lift: Option<fn()>) {
    if !has(Protection::SealedFile) {
        return;
    }
    in_child(|| {
        let (arena, strict) = (
            builder(Protection::SealedFile).build().unwrap(),
            builder(Protection::SealedFile).strict().build().unwrap(),
        );
        obstacle();
        let mut blocks = Blocks::default();
        let is = |error: PageError| assert_eq!((error.call, error.code), (call, code), "{error}");

        let loader = arena.load("m").unwrap();
        let block = blocks.alloc(&loader, 9000).unwrap();
        let module = loader.seal().expect("protected, which is no error");
        assert_eq!(module.protection(), Protection::ReadOnly);
        let looking = || std::fs::File::open("/proc/self/maps").is_ok();
        assert!(!looking() || permissions(span(block).start) == "r--p");
        is(arena.refused().unwrap());
        let Err(Error::Pages(error)) = arena.harden() else { panic!("nothing was refused") };
        is(error);
        blocks.alloc(&arena.load("next").unwrap(), 9000).unwrap();
        assert_eq!(arena.seal().unwrap().pages, 3);

        let loader = strict.load("m").unwrap();
        let block = blocks.alloc(&loader, 9000).unwrap();
        let Err(Error::Pages(error)) = loader.seal() else { panic!("nothing was refused") };
        is(error);
        assert!(!looking() || permissions(span(block).start) == "r--p");
        assert!(strict.seal().is_err(), "still not what was asked for");
        blocks.check();
        if let Some(lift) = lift {
            lift();
            assert_eq!(arena.harden(), Ok(()));
            assert!(arena.modules().all(|module| module.protection() == Protection::SealedFile));
            assert_eq!(strict.seal().map(|sealed| sealed.held), Ok(0));
            assert!(strict.modules().all(|module| module.protection() == Protection::SealedFile));
        }
        blocks.check();
        accounted(&arena.stats());
    });
}

#[test]
fn a_sandbox_without_memory_files_leaves_protection_and_says_so() {
    for code in [libc::EPERM, libc::ENOSYS] {
        without_files(PageCall::CreateFile, code, || refuse(libc::SYS_memfd_create, &[], code), None);
    }
}

#[test]
fn a_file_that_cannot_be_sealed_is_not_put_in_the_place_of_code() {
    for code in [libc::EPERM, libc::ENOSYS] {
        let adding = When { argument: 1, mask: -1, value: libc::F_ADD_SEALS };
        without_files(PageCall::SealFile, code, || refuse(libc::SYS_fcntl, &[adding], code), None);
    }
}

#[test]
fn a_file_that_cannot_be_mapped_leaves_protection() {
    for code in [libc::EPERM, libc::ENOSYS] {
        without_files(PageCall::Replace, code, || refuse(libc::SYS_mmap, &[FILES], code), None);
    }
}

// No descriptor without the right to write then: kernels from 6.7 on need none, and others refuse a trial before they take anything away.
#[test]
fn without_a_second_descriptor_a_file_is_mapped_by_its_first_or_not_at_all() {
    for code in [libc::ENOENT, libc::EACCES] {
        let no_descriptor = || refuse(libc::SYS_openat, &[], code);
        without_files(
            PageCall::Replace,
            libc::EPERM,
            || {
                no_descriptor();
                refuse(libc::SYS_mmap, &[TRIALS], libc::EPERM);
            },
            None,
        );
        in_child(|| {
            let arena = builder(Protection::SealedFile).strict().build().unwrap();
            no_descriptor();
            let mut blocks = Blocks::default();
            let loader = arena.load("m").unwrap();
            blocks.alloc(&loader, 9000).unwrap();
            match loader.seal() {
                Ok(module) => assert_eq!(module.protection(), Protection::SealedFile),
                Err(Error::Pages(error)) => assert_eq!((error.call, error.code), (PageCall::Replace, libc::EPERM)),
                Err(error) => panic!("{error}"),
            }
            blocks.check();
        });
    }
}

#[test]
fn a_replacement_that_is_refused_at_the_last_step_leaves_the_old_pages() {
    without_files(PageCall::Replace, libc::ENOMEM, || refuse(libc::SYS_mmap, &[OVER], libc::ENOMEM), None);
}

// What kernels did that took the old mapping away before they found that they could not make the new one.
#[test]
#[cfg(target_arch = "x86_64")]
fn pages_that_a_failed_replacement_took_away_are_made_again() {
    extern "C" fn take_away(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the kernel passes the context of the trapped call, whose first arguments are an address and a length.
        unsafe {
            let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
            let (at, bytes) = (registers[libc::REG_RDI as usize], registers[libc::REG_RSI as usize]);
            libc::munmap(std::ptr::with_exposed_provenance_mut(at as usize), bytes as usize);
            registers[libc::REG_RAX as usize] = -i64::from(libc::ENOMEM);
        }
    }
    without_files(
        PageCall::Replace,
        libc::ENOMEM,
        || {
            // SAFETY: an all-zero `sigaction` is valid; the handler has the signature that `SA_SIGINFO` asks for.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = take_away as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO;
                assert_eq!(libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut()), 0);
            }
            trap(libc::SYS_mmap, &[OVER]);
        },
        None,
    );
}

#[test]
fn no_descriptor_left_is_a_refusal_until_there_is_one() {
    without_files(
        PageCall::CreateFile,
        libc::EMFILE,
        || limit(libc::RLIMIT_NOFILE, 3),
        Some(|| limit(libc::RLIMIT_NOFILE, 1024)),
    );
}

#[test]
fn a_few_descriptors_are_enough_for_any_number_of_seals() {
    if !has(Protection::SealedFile) {
        return;
    }
    in_child(|| {
        // Whatever is open in this process stays open.
        for descriptor in 3..200 {
            // SAFETY: this child uses none of them.
            unsafe { libc::close(descriptor) };
        }
        limit(libc::RLIMIT_NOFILE, 16);
        let arena = builder(Protection::SealedFile).strict().build().unwrap();
        let mut blocks = Blocks::default();
        for _ in 0..100 {
            let loader = arena.load("m").unwrap();
            blocks.alloc(&loader, 5000).unwrap();
            assert_eq!(loader.seal().unwrap().protection(), Protection::SealedFile);
        }
        blocks.check();
    });
}

// A write beyond the limit would raise SIGXFSZ, which ends a process that does not expect it.
#[test]
fn a_limit_on_the_size_of_files_is_a_refusal_and_not_the_end() {
    for bytes in [0, 4096] {
        without_files(
            PageCall::WriteFile,
            libc::EFBIG,
            || limit(libc::RLIMIT_FSIZE, bytes),
            Some(|| limit(libc::RLIMIT_FSIZE, usize::MAX)),
        );
    }
}

#[test]
fn without_mseal_a_memory_file_holds_and_the_refusal_names_the_step() {
    if !has(Protection::SealedFile) {
        return;
    }
    for code in [libc::EPERM, libc::ENOSYS] {
        in_child(|| {
            refuse(462, &[], code);
            let arena = builder(Protection::Fixed).strict().build().unwrap().leak();
            let loader = arena.load("m").unwrap();
            let block = loader.alloc_slice_copy(&[7u8; 9000]).unwrap();
            let module = loader.seal().expect("what a seal can reach by itself");
            let Err(Error::Pages(error)) = arena.harden_forever() else { panic!("nothing was refused") };
            assert_eq!((error.call, error.code), (PageCall::Fix, code));
            assert_eq!((module.protection(), arena.refused()), (Protection::SealedFile, Some(error)));
            assert!(block.iter().all(|&byte| byte == 7));
        });
    }
}

#[test]
fn a_system_that_makes_nothing_executable_is_a_typed_error_and_the_pages_are_read_only() {
    in_child(|| {
        let executable = When { argument: 2, mask: libc::PROT_EXEC, value: libc::PROT_EXEC };
        refuse(libc::SYS_mprotect, &[executable], libc::EACCES);
        let arena = builder(Protection::ReadOnly).build().unwrap();
        let loader = arena.load_native("jit").unwrap();
        let code = loader.alloc(&[0xC3; 5000], 16).unwrap();
        let Err(Error::Pages(error)) = loader.seal() else { panic!("nothing was refused") };
        assert_eq!((error.call, error.code), (PageCall::SealExecutable, libc::EACCES));
        assert_eq!(arena.seal().unwrap().pages, 2);
        assert_eq!(permissions(span(code).start), "r--p");
        assert!(arena.modules().all(|module| module.protection() == Protection::ReadOnly));
        if has(Protection::SealedFile) {
            arena.harden().unwrap();
            assert_eq!(permissions(span(code).start), "r--s");
        }
        // A jump there dies at its first instruction.
        let end = Child::run(|| {
            // SAFETY: none: what the kernel must stop.
            let function: extern "C" fn() = unsafe { std::mem::transmute(code.as_ptr()) };
            function();
            0
        });
        assert_eq!(end.unwrap(), End::Signal { signal: libc::SIGSEGV, address: code.as_ptr().addr() });
    });
}

#[test]
fn every_call_for_a_level_may_fail_at_any_time_and_be_repeated() {
    let forever = has(Protection::Fixed);
    for call in [PageCall::Replace, PageCall::Fix, PageCall::SealExecutable, PageCall::Huge] {
        for halfway in [false, true] {
            for nth in 0..200 {
                let pages = Pages::system();
                let arena = builder(Protection::SealedFile).huge_pages().pages(pages.clone()).build().unwrap().leak();
                if halfway {
                    pages.fail_call_halfway(call, nth)
                } else {
                    pages.fail_call(call, nth)
                }
                let mut blocks = Blocks::default();
                for n in 0..4 {
                    let loader = arena.load("m").unwrap();
                    blocks.alloc(&loader, 7000 * n + 1).unwrap();
                    assert!(loader.seal().is_ok(), "no error unless asked for");
                }
                let native = arena.load_native("jit").unwrap();
                native.alloc(&[0xC3; 9000], 16).unwrap();
                let native = native.seal();
                assert_eq!(native.is_err(), call == PageCall::SealExecutable && nth == 0);
                let _ = arena.seal().unwrap();
                let fixed = arena.harden_forever();
                let failed = pages.failures() != 0;
                let all = || arena.modules().all(|module| module.protection() == Protection::Fixed);
                assert_eq!(fixed.is_ok(), all(), "{fixed:?}");
                assert!(fixed.is_ok() || arena.refused().is_some());
                pages.relent();
                if forever {
                    assert_eq!((arena.harden_forever(), all()), (Ok(()), true));
                }
                blocks.check();
                assert_eq!(pages.violations(), 0);
                if !failed {
                    assert!(call == PageCall::Huge || nth > 0, "{call:?} was never made");
                    break;
                }
            }
        }
    }
}
