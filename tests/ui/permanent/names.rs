//! soundness S10: items of the user cannot stand in for those of the derive, and a trait of the user's is not the real one.

mod evil {
    pub use permacode::code;

    /// Laid out as the real one is, but it promises nothing of threads.
    pub unsafe trait Permanent {
        type At<'x>;
        fn trace(&self, tracer: &mut code::Tracer<'_>);
    }
    unsafe impl<T> Permanent for std::cell::Cell<T> {
        type At<'x> = ();
        fn trace(&self, _: &mut code::Tracer<'_>) {}
    }

    // What the output defines, as it is called there.
    pub struct __FieldType<F>(pub F);
    pub fn __must_be_permanent<F>(_: &mut F) {}
    pub fn __field_must_be_permanent<F>(_: &F, _: &mut code::Tracer<'_>) {}
    pub fn __must_be_static<F>(_: &mut F) {}
    pub fn __type_of<F>(_: &mut F) -> __FieldType<F> {
        loop {}
    }
    pub trait __PermanentTypesMustNotImplementDrop {}
    pub mod __core {
        pub mod ops {
            pub trait Drop {}
        }
    }
}

mod inside {
    pub use permacode::{Permanent, code};

    pub use super::evil::{__FieldType, __core, __must_be_permanent};
}

use std::cell::Cell;

#[allow(unused_imports)]
use evil::*;

#[derive(permacode::Permanent)]
struct Code {
    hits: Cell<u8>,
}

// The real trait, in a module that has helpers of its own beside it.
#[derive(permacode::Permanent)]
#[permanent(crate = "inside")]
struct Beside(Cell<u16>);

#[derive(permacode::Permanent)]
#[permanent(crate = "inside")]
struct Dropped(u8);

impl Drop for Dropped {
    fn drop(&mut self) {}
}

// Another trait may be implemented. It makes nothing `Sync` that is not, and the real one is not implemented.
#[derive(permacode::Permanent)]
#[permanent(crate = "evil")]
struct Fake(Cell<u32>);

fn permanent<T: permacode::Permanent>(_: T) {}

fn use_it() {
    permanent(Fake(Cell::new(1)));
}

fn main() {}
