//! soundness S12: a home and its handles count without atomics, so none of them goes to another thread.

use permacode::handles::{CodeRc, CodeRcSlot, Home};

fn a_home(home: Home) {
    std::thread::spawn(move || drop(home));
}

fn a_handle(code: CodeRc<u64>) {
    std::thread::spawn(move || drop(code));
}

fn a_borrowed_slot(slot: &CodeRcSlot<u64>) {
    std::thread::scope(|scope| scope.spawn(|| drop(slot.get())).join().unwrap());
}

fn main() {}
