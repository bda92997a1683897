//! The line, from wherever the store comes.

use super::alone::{alone, command};
use super::{FORBIDDEN, sealed, store, store_in_child};
use permacode::{CodeArena, Error};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::process::Stdio;
use std::sync::Arc;
use std::thread;

const LINE: &str = "permacode: store to sealed code, module json + 8";

#[test]
fn a_stray_store_says_whose_code_it_hit_and_is_fatal() {
    let ended = alone(|| {
        let (arena, address) = sealed("json");
        store(address);
        drop(arena);
    });
    ended.said(LINE);
}

#[test]
fn it_says_nothing_where_no_arena_was_asked_to_report() {
    let ended = alone(|| {
        let arena = CodeArena::new().unwrap();
        let text = arena.load("json").unwrap();
        let address = text.alloc_str("code").unwrap().as_ptr().addr();
        text.seal().unwrap();
        store(address);
    });
    assert_eq!((ended.signal, ended.lines().len()), (Some(libc::SIGSEGV), 0), "{}", ended.text);
}

#[test]
fn any_thread_of_any_child_says_it() {
    let ended = alone(|| {
        let (_arena, address) = sealed("json");
        assert_eq!(store_in_child(address), libc::SIGSEGV);
        assert_eq!(thread::spawn(move || store_in_child(address)).join().unwrap(), libc::SIGSEGV);
        thread::spawn(move || store(address)).join().unwrap();
    });
    assert_eq!((ended.signal, ended.lines()), (Some(libc::SIGSEGV), vec![LINE; 3]), "{}", ended.text);
}

#[test]
fn an_arena_that_was_moved_and_loaded_after_it_asked_reports_as_well() {
    let ended = alone(|| {
        let arena = CodeArena::new().unwrap();
        arena.report_faults().unwrap();
        arena.report_faults().unwrap(); // changes nothing
        let arena = Arc::new(arena);
        let far = (0..300).map(|number| {
            let module = arena.load(&format!("module {number}")).unwrap();
            let block = module.alloc_slice_copy(&[7u8; 3000]).unwrap();
            module.finish();
            block.as_ptr().addr()
        });
        let far: Vec<usize> = far.collect();
        arena.seal().unwrap();
        let place = arena.locate(std::ptr::without_provenance::<u8>(far[299] + 2999)).unwrap();
        assert_eq!((place.module.name(), place.offset), ("module 299", 2999));
        store(far[299] + 2999);
    });
    ended.said("permacode: store to sealed code, module module 299 + 2999");
}

#[test]
fn a_leaked_arena_reports_and_so_does_machine_code() {
    let ended = alone(|| {
        let arena = CodeArena::new().unwrap();
        arena.report_faults().unwrap();
        let arena = arena.leak();
        let native = arena.load_native("native").unwrap();
        let code = native.alloc(&[0xc3; 16], 16).unwrap();
        let address = code.as_ptr().addr();
        native.seal().unwrap();
        store(address + 3);
    });
    ended.said("permacode: store to sealed code, module native + 3");
}

#[test]
fn a_jump_to_sealed_data_is_told_apart_from_a_store() {
    let ended = alone(|| {
        let (_arena, address) = sealed("json");
        // SAFETY: none: sealed data is not executable, so this is fatal.
        unsafe { std::mem::transmute::<usize, extern "C" fn()>(address)() };
    });
    ended.said("permacode: jump to code, module json + 8");
}

#[test]
fn a_store_to_code_pages_that_no_module_fills_says_so() {
    let ended = alone(|| {
        let (arena, _) = sealed("json");
        store(arena.address_range().end - 1);
    });
    ended.said("permacode: store to a code arena, in no finished module");
}

#[test]
fn nothing_is_allocated_and_no_lock_is_taken() {
    let ended = alone(|| {
        let (_arena, address) = sealed("json");
        // As if the store came from the middle of the standard library's own output, and of the allocator.
        let (_error, _output) = (std::io::stderr().lock(), std::io::stdout().lock());
        FORBIDDEN.set(true);
        store(address);
    });
    ended.said(LINE);
}

/// A pipe: its reader and its writer.
fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors, which are nobody else's.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

#[test]
fn a_reader_that_has_gone_does_not_change_how_the_process_dies() {
    let ended = command(
        || {
            // As in a program in C: a write to a pipe without a reader is a signal.
            // SAFETY: the default action of a signal.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            let (_arena, address) = sealed("json");
            store(address);
        },
        |command| {
            let (reader, writer) = pipe();
            drop(reader);
            command.stderr(Stdio::from(writer));
        },
    );
    assert_eq!(ended.signal, Some(libc::SIGSEGV), "{ended:?}");
}

#[test]
fn a_pipe_that_nobody_reads_does_not_hold_the_process_for_ever() {
    let start = std::time::Instant::now();
    let ended = alone(|| {
        let (_arena, address) = sealed("json");
        let (reader, writer) = pipe();
        let mut pipe = writer.as_raw_fd();
        // SAFETY: descriptors of this process; the pipe is filled until it would block, and takes the place of the standard error.
        unsafe {
            libc::fcntl(pipe, libc::F_SETFL, libc::O_NONBLOCK);
            while libc::write(pipe, [0u8; 4096].as_ptr().cast(), 4096) > 0 {}
            libc::fcntl(pipe, libc::F_SETFL, 0);
            libc::dup2(std::mem::replace(&mut pipe, -1), libc::STDERR_FILENO);
        }
        let _ = (reader.into_raw_fd(), writer.into_raw_fd());
        store(address);
    });
    assert_eq!((ended.signal, ended.lines().len()), (Some(libc::SIGSEGV), 0), "{}", ended.text);
    assert!(start.elapsed().as_secs() < 60);
}

#[test]
fn the_sixty_fifth_arena_is_refused_until_one_is_dropped() {
    let ended = alone(|| {
        let arena = || CodeArena::builder().reservation(1 << 20).build().unwrap();
        let mut all: Vec<CodeArena> = (0..64).map(|_| arena()).collect();
        all.iter().for_each(|arena| arena.report_faults().unwrap());
        let more = arena();
        let refused = more.report_faults().unwrap_err();
        assert_eq!(refused, Error::FaultReport { capacity: 64 });
        assert!(refused.to_string().contains("64 arenas report faults"), "{refused}");
        drop(all.swap_remove(20));
        more.report_faults().unwrap();
        assert_eq!(arena().report_faults(), Err(Error::FaultReport { capacity: 64 }));
    });
    ended.passed();
}
