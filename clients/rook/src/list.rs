//! A list.

use crate::value::Value;
use permacode::allocator_api2::vec::Vec;
use permacode::kit::{Collect, Growth};
use permacode::{Error, Gc, HeapArena};
use std::cell::{Ref, RefCell, RefMut};

/// Values in a row.
#[derive(Collect)]
pub struct List<'a> {
    elements: RefCell<Vec<Value<'a>, &'a HeapArena>>,
}

impl<'a> List<'a> {
    pub(crate) fn new(heap: &'a HeapArena, elements: &[Value<'a>]) -> Result<Gc<'a, Self>, Error> {
        let list = Self::with_room(heap, elements.len())?;
        list.extend(elements)?;
        Ok(list)
    }

    /// Makes an empty list with room for so many elements.
    pub(crate) fn with_room(heap: &'a HeapArena, room: usize) -> Result<Gc<'a, Self>, Error> {
        let mut elements = Vec::new_in(heap);
        elements.try_room(room)?;
        Gc::new(heap, Self { elements: RefCell::new(elements) })
    }

    pub(crate) fn extend(&self, more: &[Value<'a>]) -> Result<(), Error> {
        let mut elements = self.elements.borrow_mut();
        elements.try_room(more.len())?;
        elements.extend_from_slice(more);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.elements.borrow().len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<Value<'a>> {
        self.elements.borrow().get(at).copied()
    }

    pub(crate) fn elements(&self) -> Ref<'_, [Value<'a>]> {
        Ref::map(self.elements.borrow(), |elements| &elements[..])
    }

    pub(crate) fn elements_mut(&self) -> RefMut<'_, [Value<'a>]> {
        RefMut::map(self.elements.borrow_mut(), |elements| &mut elements[..])
    }

    pub(crate) fn push(&self, value: Value<'a>) -> Result<(), Error> {
        self.elements.borrow_mut().try_push(value).map_err(Error::from)
    }

    pub(crate) fn pop(&self) -> Option<Value<'a>> {
        self.elements.borrow_mut().pop()
    }

    /// Puts a value in front of the element of this number.
    pub(crate) fn insert(&self, at: usize, value: Value<'a>) -> Result<(), Error> {
        let mut elements = self.elements.borrow_mut();
        elements.try_room(1)?;
        elements.insert(at, value);
        Ok(())
    }

    pub(crate) fn remove(&self, at: usize) -> Value<'a> {
        self.elements.borrow_mut().remove(at)
    }

    pub(crate) fn clear(&self) {
        self.elements.borrow_mut().clear();
    }
}
