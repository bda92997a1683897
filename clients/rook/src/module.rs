//! A module: names and their values.

use crate::value::Value;
use permacode::allocator_api2::vec::Vec;
use permacode::kit::{Collect, Growth};
use permacode::{Error, Gc, HeapArena};
use std::cell::RefCell;

/// A module while it runs. Its code lies in the code arena.
#[derive(Collect)]
pub struct Module<'a> {
    pub(crate) name: Gc<'a, str>,
    /// A number that no other module has, for inline caches.
    pub(crate) id: usize,
    globals: RefCell<Vec<Global<'a>, &'a HeapArena>>,
}

#[derive(Clone, Copy, Collect)]
struct Global<'a> {
    name: Gc<'a, str>,
    value: Value<'a>,
}

impl<'a> Module<'a> {
    pub(crate) fn new(heap: &'a HeapArena, id: usize, name: &str) -> Result<Gc<'a, Self>, Error> {
        let name = Gc::copy_str(heap, name)?;
        Gc::new(heap, Self { name, id, globals: RefCell::new(Vec::new_in(heap)) })
    }

    /// The number of a global, which it keeps.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.globals.borrow().iter().position(|global| &*global.name == name)
    }

    pub(crate) fn get(&self, number: usize) -> Option<Value<'a>> {
        self.globals.borrow().get(number).map(|global| global.value)
    }

    pub(crate) fn get_named(&self, name: &str) -> Option<Value<'a>> {
        self.find(name).and_then(|number| self.get(number))
    }

    pub(crate) fn set(&self, number: usize, value: Value<'a>) {
        if let Some(global) = self.globals.borrow_mut().get_mut(number) {
            global.value = value;
        }
    }

    /// Gives a name a value. Returns `true` if the name is new.
    pub(crate) fn define(&self, heap: &'a HeapArena, name: &str, value: Value<'a>) -> Result<bool, Error> {
        if let Some(number) = self.find(name) {
            self.set(number, value);
            return Ok(false);
        }
        let name = Gc::copy_str(heap, name)?;
        self.globals.borrow_mut().try_push(Global { name, value })?;
        Ok(true)
    }
}
