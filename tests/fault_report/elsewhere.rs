//! Faults that are none of ours, and signals that somebody sent, go on as before.

use super::alone::alone;
use super::{sealed, store};
use permacode::HeapArena;

#[test]
fn a_null_pointer_is_nobodys_code() {
    let ended = alone(|| {
        let _code = sealed("json");
        store(8);
    });
    assert_eq!((ended.signal, ended.lines().len()), (Some(libc::SIGSEGV), 0), "{}", ended.text);
}

#[test]
fn a_heap_is_no_code() {
    let ended = alone(|| {
        let _code = sealed("json");
        let heap = HeapArena::builder().reservation(1 << 24).build().unwrap();
        let object = heap.alloc(std::alloc::Layout::new::<u64>()).unwrap().as_ptr().addr();
        store(object); // its own object
        store(heap.address_range().end - 1);
    });
    assert_eq!((ended.signal, ended.lines().len()), (Some(libc::SIGSEGV), 0), "{}", ended.text);
}

#[test]
fn an_arena_that_was_dropped_is_not_named() {
    let ended = alone(|| {
        let (arena, address) = sealed("json");
        drop(arena);
        store(address);
    });
    assert_eq!((ended.signal, ended.lines().len()), (Some(libc::SIGSEGV), 0), "{}", ended.text);
}

/// Calls itself until there is no stack.
#[expect(unconditional_recursion)]
fn deep(bytes: &[u8; 512]) -> u8 {
    let mut more = *std::hint::black_box(bytes);
    more[0] = more[0].wrapping_add(1);
    deep(&more).wrapping_add(more[1])
}

#[test]
fn a_stack_overflow_has_the_standard_librarys_message() {
    let ended = alone(|| {
        let _code = sealed("json");
        std::thread::Builder::new().name("deep".into()).spawn(|| deep(&[0; 512])).unwrap().join().unwrap();
    });
    assert_eq!((ended.signal, ended.lines().len()), (Some(libc::SIGABRT), 0), "{}", ended.text);
    let message =
        ended.text.lines().any(|line| line.contains("thread 'deep'") && line.ends_with("has overflowed its stack"));
    assert!(message, "{}", ended.text);
}

#[test]
fn a_signal_that_somebody_sent_is_handed_on_unsaid() {
    let ended = alone(|| {
        // SAFETY: the default action, and a signal to this process.
        unsafe {
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            let _code = sealed("json");
            libc::kill(libc::getpid(), libc::SIGSEGV);
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
    });
    assert_eq!((ended.signal, ended.lines().len()), (Some(libc::SIGSEGV), 0), "{}", ended.text);
}

#[test]
fn a_signal_that_was_ignored_stays_ignored_if_somebody_sent_it() {
    let ended = alone(|| {
        // SAFETY: no action, and a signal to this thread, which has it when the call returns.
        unsafe {
            libc::signal(libc::SIGSEGV, libc::SIG_IGN);
            let _code = sealed("json");
            libc::raise(libc::SIGSEGV);
        }
    });
    ended.passed();
}
