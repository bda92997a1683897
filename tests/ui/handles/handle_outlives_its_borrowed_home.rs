//! soundness S11, S41: what borrows a home, or code in it, ends before that does.

use permacode::handles::{CodeRc, Home};
use permacode::{CodeRef, Transients};

fn transients(home: Home) -> &'static Transients<'static> {
    home.transients()
}

fn a_frame(home: Home) -> u64 {
    let frame: CodeRef<'_, u64> = CodeRef::transient(home.transients(), |loader| loader.alloc(7)).unwrap();
    drop(home);
    *frame.get()
}

fn the_home_of_a_handle(code: CodeRc<u64>) -> Home {
    let home = code.home();
    drop(code);
    home.clone()
}

fn main() {}
