//! A class, its instances, and a method bound to one.
//!
//! Instances of one class keep their attributes in the same places. The class knows the places, so that an inline cache may remember one.
//! What is found in the class or in those that it inherits from comes second.

use crate::value::Value;
use permacode::allocator_api2::vec::Vec;
use permacode::kit::{Collect, Growth};
use permacode::{Error, Gc, HeapArena};
use std::cell::RefCell;

/// A class.
#[derive(Collect)]
pub struct Class<'a> {
    pub(crate) name: Gc<'a, str>,
    pub(crate) base: Option<Gc<'a, Class<'a>>>,
    /// A number that no other class has or will have, for inline caches.
    pub(crate) id: usize,
    /// The names of the places of its instances.
    places: RefCell<Vec<Gc<'a, str>, &'a HeapArena>>,
    /// Methods, and attributes of the class itself.
    members: RefCell<Vec<Member<'a>, &'a HeapArena>>,
}

#[derive(Clone, Copy, Collect)]
struct Member<'a> {
    name: Gc<'a, str>,
    value: Value<'a>,
}

/// The place of a member: how many classes up, and which one there.
#[derive(Clone, Copy)]
pub(crate) struct MemberPlace {
    pub(crate) up: u16,
    pub(crate) number: u16,
}

impl<'a> Class<'a> {
    /// The most classes that one may inherit from, so that a look-up is bounded.
    pub(crate) const HIGHEST: usize = 100;

    /// Returns the count of classes that it inherits from.
    pub(crate) fn height(this: Gc<'a, Self>) -> usize {
        ancestors(this).count() - 1
    }

    pub(crate) fn new(
        heap: &'a HeapArena,
        id: usize,
        name: &str,
        base: Option<Gc<'a, Class<'a>>>,
    ) -> Result<Gc<'a, Self>, Error> {
        let name = Gc::copy_str(heap, name)?;
        let (places, members) = (RefCell::new(Vec::new_in(heap)), RefCell::new(Vec::new_in(heap)));
        Gc::new(heap, Self { name, base, id, places, members })
    }

    /// Returns `true` if this is the class, or inherits from it.
    pub(crate) fn is(this: Gc<'a, Self>, class: Gc<'a, Self>) -> bool {
        ancestors(this).any(|one| Gc::ptr_eq(one, class))
    }

    /// The place of an attribute in instances.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.places.borrow().iter().position(|place| &**place == name)
    }

    /// Adds a place for an attribute to all instances.
    pub(crate) fn add_place(&self, heap: &'a HeapArena, name: &str) -> Result<usize, Error> {
        let name = Gc::copy_str(heap, name)?;
        let mut places = self.places.borrow_mut();
        places.try_push(name)?;
        Ok(places.len() - 1)
    }

    /// Finds a method or another member, here or up.
    pub(crate) fn find(this: Gc<'a, Self>, name: &str) -> Option<MemberPlace> {
        ancestors(this).enumerate().find_map(|(up, class)| {
            let number = class.members.borrow().iter().position(|member| &*member.name == name)?;
            Some(MemberPlace { up: u16::try_from(up).ok()?, number: u16::try_from(number).ok()? })
        })
    }

    /// The member at a place.
    pub(crate) fn member(this: Gc<'a, Self>, place: MemberPlace) -> Option<Value<'a>> {
        let class = ancestors(this).nth(usize::from(place.up))?;
        let member = class.members.borrow().get(usize::from(place.number)).copied();
        member.map(|member| member.value)
    }

    pub(crate) fn member_named(this: Gc<'a, Self>, name: &str) -> Option<Value<'a>> {
        Self::find(this, name).and_then(|place| Self::member(this, place))
    }

    /// Sets a member of this class.
    pub(crate) fn set_member(&self, heap: &'a HeapArena, name: &str, value: Value<'a>) -> Result<(), Error> {
        if let Some(member) = self.members.borrow_mut().iter_mut().find(|member| &*member.name == name) {
            member.value = value;
            return Ok(());
        }
        let name = Gc::copy_str(heap, name)?;
        self.members.borrow_mut().try_push(Member { name, value }).map_err(Error::from)
    }
}

/// A class, the one that it inherits from, and so on.
fn ancestors<'a>(class: Gc<'a, Class<'a>>) -> impl Iterator<Item = Gc<'a, Class<'a>>> {
    std::iter::successors(Some(class), |class| class.base)
}

/// An object of a class.
#[derive(Collect)]
pub struct Instance<'a> {
    pub(crate) class: Gc<'a, Class<'a>>,
    values: RefCell<Vec<Value<'a>, &'a HeapArena>>,
}

impl<'a> Instance<'a> {
    pub(crate) fn new(heap: &'a HeapArena, class: Gc<'a, Class<'a>>) -> Result<Gc<'a, Self>, Error> {
        Gc::new(heap, Self { class, values: RefCell::new(Vec::new_in(heap)) })
    }

    /// The attribute at a place, if it has one.
    pub(crate) fn get(&self, place: usize) -> Option<Value<'a>> {
        self.values.borrow().get(place).copied().filter(|value| !matches!(value, Value::Absent))
    }

    pub(crate) fn get_named(&self, name: &str) -> Option<Value<'a>> {
        self.class.place(name).and_then(|place| self.get(place))
    }

    pub(crate) fn set(&self, place: usize, value: Value<'a>) -> Result<(), Error> {
        let mut values = self.values.borrow_mut();
        if place >= values.len() {
            let more = place + 1 - values.len();
            values.try_room(more)?;
            values.resize(place + 1, Value::Absent);
        }
        values[place] = value;
        Ok(())
    }
}

/// A method and its object.
#[derive(Collect)]
pub struct Bound<'a> {
    pub(crate) receiver: Value<'a>,
    pub(crate) method: Value<'a>,
}
