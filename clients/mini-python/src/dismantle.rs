//! The end of objects, one after the other: a chain of a million objects must not become a million calls within each other.
//!
//! An object that is dropped hands what it refers to to a list; what nobody else refers to is taken out of its object there and hands on
//! its own, until the list is empty.

use crate::value::{Cursor, Function, Generator, List, State, Value, Values, Variable};
use allocator_api2::vec::Vec as HeapVec;
use permacode::{HeapArena, HeapRc};
use std::mem;

/// What refers to other objects.
trait Holder<'a> {
    /// Moves what it refers to to a list. Should there be no memory for that, it is dropped on the spot.
    fn give(&mut self, pending: &mut Values<'a>);

    fn heap(&self) -> &'a HeapArena;
}

fn dismantle<'a>(holder: &mut impl Holder<'a>) {
    let mut pending = HeapVec::new_in(holder.heap());
    holder.give(&mut pending);
    while let Some(value) = pending.pop() {
        match value {
            Value::List(list) => open(list, &mut pending),
            Value::Function(function) => open(function, &mut pending),
            Value::Generator(generator) => open(generator, &mut pending),
            Value::Cursor(cursor) => open(cursor, &mut pending),
            Value::Variable(variable) => open(variable, &mut pending),
            _ => {}
        }
    }
}

/// Lets an object that nobody else refers to hand on what it has; what is dropped then is empty.
fn open<'a, T: Holder<'a>>(object: HeapRc<'a, T>, pending: &mut Values<'a>) {
    if let Ok(mut object) = HeapRc::try_unwrap(object) {
        object.give(pending);
    }
}

/// Adds to the list what may hold other objects.
fn add<'a>(pending: &mut Values<'a>, value: Value<'a>) {
    let holds = matches!(
        value,
        Value::List(_) | Value::Function(_) | Value::Generator(_) | Value::Cursor(_) | Value::Variable(_)
    );
    if holds && pending.try_reserve(1).is_ok() {
        pending.push(value);
    }
}

impl<'a> Holder<'a> for List<'a> {
    fn give(&mut self, pending: &mut Values<'a>) {
        self.items.drain(..).for_each(|item| add(pending, item));
    }

    fn heap(&self) -> &'a HeapArena {
        self.items.allocator()
    }
}

impl<'a> Holder<'a> for Function<'a> {
    fn give(&mut self, pending: &mut Values<'a>) {
        self.captured.drain(..).for_each(|variable| add(pending, Value::Variable(variable)));
    }

    fn heap(&self) -> &'a HeapArena {
        self.captured.allocator()
    }
}

impl<'a> Holder<'a> for Generator<'a> {
    fn give(&mut self, pending: &mut Values<'a>) {
        if let State::Suspended(mut frame) = mem::replace(self.state.get_mut(), State::Finished) {
            frame.slots.drain(..).for_each(|value| add(pending, value));
            frame.function.take().into_iter().for_each(|function| add(pending, Value::Function(function)));
        }
    }

    fn heap(&self) -> &'a HeapArena {
        self.heap
    }
}

impl<'a> Holder<'a> for Cursor<'a> {
    fn give(&mut self, pending: &mut Values<'a>) {
        self.list.take().into_iter().for_each(|list| add(pending, Value::List(list)));
    }

    fn heap(&self) -> &'a HeapArena {
        self.heap
    }
}

impl<'a> Holder<'a> for Variable<'a> {
    fn give(&mut self, pending: &mut Values<'a>) {
        add(pending, mem::replace(self.value.get_mut(), Value::Unset));
    }

    fn heap(&self) -> &'a HeapArena {
        self.heap
    }
}

impl Drop for List<'_> {
    fn drop(&mut self) {
        dismantle(self);
    }
}

impl Drop for Function<'_> {
    fn drop(&mut self) {
        dismantle(self);
    }
}

impl Drop for Generator<'_> {
    fn drop(&mut self) {
        dismantle(self);
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        dismantle(self);
    }
}

impl Drop for Variable<'_> {
    fn drop(&mut self) {
        dismantle(self);
    }
}
