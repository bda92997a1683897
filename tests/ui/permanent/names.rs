//! soundness S10: items of the user cannot stand in for those of the derive.

mod evil {
    pub unsafe trait Permanent {
        type At<'x>;
    }
    unsafe impl Permanent for u8 {
        type At<'x> = u8;
    }
    pub struct __MustBePermanent<'f, F> {
        pub field: &'f mut F,
    }
}

use std::cell::Cell;

use evil::{__MustBePermanent, Permanent};

trait __FieldsArePermanent {}

// The name of a binding as a constant: still a binding in the pattern.
#[allow(non_upper_case_globals)]
const __field_0: u8 = 0;

#[derive(permacode::Permanent)]
struct Code {
    hits: Cell<u8>,
}

// Another trait may be implemented; the real one is not.
#[derive(permacode::Permanent)]
#[permanent(crate = "evil")]
struct Fake(u8);

fn permanent<T: permacode::Permanent>(_: T) {}

fn use_it() {
    permanent(Fake(1));
}

fn main() {}
