//! Global variables, in the heap arena. Names are copied: code that first used one may be gone.

use crate::builtins::Builtin;
use crate::error::{VmError, memory};
use crate::value::Value;
use allocator_api2::vec::Vec as HeapVec;
use hashbrown::HashMap;
use permacode::HeapArena;
use std::borrow::Borrow;
use std::hash::RandomState;

#[derive(PartialEq, Eq, Hash)]
struct Name<'a>(HeapVec<u8, &'a HeapArena>);

impl Borrow<[u8]> for Name<'_> {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

pub struct Globals<'a> {
    values: HashMap<Name<'a>, Value<'a>, RandomState, &'a HeapArena>,
}

impl<'a> Globals<'a> {
    pub fn new(heap: &'a HeapArena) -> Self {
        Self { values: HashMap::with_hasher_in(RandomState::new(), heap) }
    }

    /// A variable's value, else the built-in function of that name.
    pub fn get(&self, name: &str) -> Result<Value<'a>, VmError> {
        match self.values.get(name.as_bytes()) {
            Some(value) => Ok(value.clone()),
            None => Builtin::named(name).map(Value::Builtin).ok_or_else(|| VmError::Name(name.to_owned())),
        }
    }

    pub fn set(&mut self, name: &str, value: Value<'a>) -> Result<(), VmError> {
        if let Some(known) = self.values.get_mut(name.as_bytes()) {
            *known = value;
            return Ok(());
        }
        let mut owned = HeapVec::new_in(*self.values.allocator());
        owned.try_reserve(name.len()).map_err(memory(name.len()))?;
        owned.extend_from_slice(name.as_bytes());
        self.values.try_reserve(1).map_err(memory(size_of::<Value<'_>>()))?;
        self.values.insert(Name(owned), value);
        Ok(())
    }

    pub fn delete(&mut self, name: &str) -> Result<(), VmError> {
        self.values.remove(name.as_bytes()).map(drop).ok_or_else(|| VmError::Name(name.to_owned()))
    }

    pub fn values(&self) -> impl Iterator<Item = &Value<'a>> {
        self.values.values()
    }
}
