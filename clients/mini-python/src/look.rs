//! Instructions that look a name up: first in their caches, then the slow way.

use crate::attributes::{Attribute, Class};
use crate::caches::{Cache, Looks};
use crate::error::VmError;
use crate::value::Value;
use crate::world::World;
use permacode::side::Version;

/// How often caches had the answer since the machine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    pub globals: Looks,
    pub attributes: Looks,
}

/// What a class of objects has never changes in this language, so there is one version of it.
const ALWAYS: Version = Version::FIRST;

/// The slow way to an attribute's number.
type Find = fn(Class, &str) -> Option<u32>;

/// Finds the name that an instruction looks up; not needed if its cache has the answer.
pub trait Name<'n>: FnOnce() -> Result<&'n str, VmError> {}

impl<'n, F: FnOnce() -> Result<&'n str, VmError>> Name<'n> for F {}

impl<'a> World<'a> {
    pub fn global<'n>(&mut self, cache: Option<&Cache>, name: impl Name<'n>) -> Result<Value<'a>, VmError> {
        let (globals, now) = (&self.globals, self.globals.version());
        let slot = self.looked.globals.get_or_find(cache, self.machine, now, || globals.find(name()?))?;
        globals.get(slot)
    }

    pub fn set_global<'n>(
        &mut self,
        cache: Option<&Cache>,
        name: impl Name<'n>,
        value: Value<'a>,
    ) -> Result<(), VmError> {
        if let Some(slot) = self.looked.globals.get(cache, self.machine, self.globals.version()) {
            return self.globals.put(slot, value);
        }
        let slot = self.globals.set(name()?, value)?;
        // The version may be another one now.
        cache.into_iter().for_each(|cache| cache.set(self.machine, self.globals.version(), slot));
        Ok(())
    }

    pub fn get_attribute<'n>(
        &mut self,
        cache: Option<&Cache>,
        name: impl Name<'n>,
        object: &Value<'a>,
    ) -> Result<Value<'a>, VmError> {
        let attribute = self.which_attribute(cache, name, object, ("", Attribute::find))?;
        self.attribute(object, attribute)
    }

    pub fn set_attribute<'n>(
        &mut self,
        cache: Option<&Cache>,
        name: impl Name<'n>,
        object: &Value<'a>,
        value: &Value<'a>,
    ) -> Result<(), VmError> {
        match self.which_attribute(cache, name, object, (" to assign to", Attribute::find_to_assign))? {
            Attribute::FunctionCode => self.set_code(object, value),
            _ => Err(VmError::Code),
        }
    }

    fn which_attribute<'n>(
        &mut self,
        cache: Option<&Cache>,
        name: impl Name<'n>,
        object: &Value<'a>,
        (for_what, find): (&str, Find),
    ) -> Result<Attribute, VmError> {
        let class = Class::of(object);
        let number = self.looked.attributes.get_or_find(cache, class as usize, ALWAYS, || {
            let name = name()?;
            let unknown = || VmError::Name(format!("{}.{name}{for_what}", object.kind()));
            find(class, name).ok_or_else(unknown)
        })?;
        Attribute::numbered(number)
    }
}
