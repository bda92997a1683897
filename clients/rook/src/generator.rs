//! A generator: a frame that waits.

use crate::function::Function;
use crate::value::Value;
use permacode::allocator_api2::vec::Vec;
use permacode::kit::{Collect, Growth};
use permacode::{Error, Gc, HeapArena};
use std::cell::{Cell, RefCell};

/// A function that goes on where it yielded.
#[derive(Collect)]
pub struct Generator<'a> {
    pub(crate) function: Gc<'a, Function<'a>>,
    pub(crate) state: Cell<GeneratorState>,
    /// The operation that it goes on with.
    pub(crate) at: Cell<usize>,
    /// Its part of the stack.
    saved: RefCell<Vec<Value<'a>, &'a HeapArena>>,
}

/// The state of a generator.
#[derive(Clone, Copy, PartialEq, Eq, Collect)]
pub enum GeneratorState {
    /// It has not begun.
    New,
    /// It waits in a `yield`.
    Waiting,
    /// It runs.
    Running,
    /// It came to its end.
    Done,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(
        heap: &'a HeapArena,
        function: Gc<'a, Function<'a>>,
        values: &[Value<'a>],
    ) -> Result<Gc<'a, Self>, Error> {
        let mut saved = Vec::new_in(heap);
        saved.try_room(values.len())?;
        saved.extend_from_slice(values);
        let (state, at) = (Cell::new(GeneratorState::New), Cell::new(0));
        Gc::new(heap, Self { function, state, at, saved: RefCell::new(saved) })
    }

    /// Puts its values on the stack.
    pub(crate) fn restore(&self, stack: &mut std::vec::Vec<Value<'a>>) {
        stack.extend(self.saved.borrow_mut().drain(..));
    }

    /// Keeps values until it goes on.
    pub(crate) fn save(&self, values: &[Value<'a>]) -> Result<(), Error> {
        let mut saved = self.saved.borrow_mut();
        saved.try_room(values.len())?;
        saved.extend_from_slice(values);
        Ok(())
    }
}
