//! Global variables, in the heap arena. Names are copied: code that first used one may be gone.
//!
//! ```text
//!   slot    0 ┄ 5  built-in functions │ 6 7 8 ┄  variables { name, value }
//!   index   hash of a name ─▶ position among the variables
//! ```
//!
//! Which slot a name stands for changes with the version: when a variable comes, because it may hide a built-in function, and when one
//! goes, because the last takes its place. Another value changes neither.

use crate::builtins::Builtin;
use crate::error::{VmError, memory};
use crate::value::{Value, push};
use allocator_api2::vec::Vec as HeapVec;
use hashbrown::HashTable;
use permacode::HeapArena;
use permacode::side::Version;
use std::hash::{BuildHasher, RandomState};

struct Variable<'a> {
    name: HeapVec<u8, &'a HeapArena>,
    value: Value<'a>,
}

pub struct Globals<'a> {
    variables: HeapVec<Variable<'a>, &'a HeapArena>,
    /// Positions of variables.
    index: HashTable<usize, &'a HeapArena>,
    hasher: RandomState,
    version: Version,
}

impl<'a> Globals<'a> {
    pub fn new(heap: &'a HeapArena) -> Self {
        let (hasher, version) = (RandomState::new(), Version::FIRST);
        Self { variables: HeapVec::new_in(heap), index: HashTable::new_in(heap), hasher, version }
    }

    /// As long as it is the same, so are the slots of all names.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where a variable is, else the built-in function of that name.
    pub fn find(&self, name: &str) -> Result<u32, VmError> {
        let slot = match self.position(name) {
            Some(position) => Builtin::ALL.len() + position,
            None => Builtin::ALL
                .iter()
                .position(|builtin| builtin.name() == name)
                .ok_or_else(|| VmError::Name(name.to_owned()))?,
        };
        slot_number(slot)
    }

    pub fn get(&self, slot: u32) -> Result<Value<'a>, VmError> {
        let slot = slot as usize;
        match Builtin::ALL.get(slot) {
            Some(builtin) => Ok(Value::Builtin(*builtin)),
            None => self
                .variables
                .get(slot - Builtin::ALL.len())
                .map(|variable| variable.value.clone())
                .ok_or(VmError::Code),
        }
    }

    /// Gives the variable in a slot another value.
    pub fn put(&mut self, slot: u32, value: Value<'a>) -> Result<(), VmError> {
        let position = (slot as usize).checked_sub(Builtin::ALL.len()).ok_or(VmError::Code)?;
        self.variables.get_mut(position).ok_or(VmError::Code)?.value = value;
        Ok(())
    }

    /// Gives a variable a value, and makes it if there is none; where it is.
    pub fn set(&mut self, name: &str, value: Value<'a>) -> Result<u32, VmError> {
        if let Some(position) = self.position(name) {
            let slot = slot_number(Builtin::ALL.len() + position)?;
            self.put(slot, value)?;
            return Ok(slot);
        }
        let Self { variables, index, hasher, version } = self;
        let position = variables.len();
        let slot = slot_number(Builtin::ALL.len() + position)?;
        let mut owned = HeapVec::new_in(*variables.allocator());
        owned.try_reserve(name.len()).map_err(memory(name.len()))?;
        owned.extend_from_slice(name.as_bytes());
        let hash = |variable: &Variable<'_>| hasher.hash_one(&variable.name[..]);
        index.try_reserve(1, |&at| hash(&variables[at])).map_err(memory(size_of::<usize>()))?;
        push(variables, Variable { name: owned, value })?;
        index.insert_unique(hash(&variables[position]), position, |&at| hash(&variables[at]));
        *version = version.next();
        Ok(slot)
    }

    pub fn delete(&mut self, name: &str) -> Result<(), VmError> {
        let position = self.position(name).ok_or_else(|| VmError::Name(name.to_owned()))?;
        let last = self.variables.len() - 1;
        let hash = |at: usize| self.hasher.hash_one(&self.variables[at].name[..]);
        let (hash_here, hash_last) = (hash(position), hash(last));
        if let Ok(entry) = self.index.find_entry(hash_here, |&at| at == position) {
            entry.remove();
        }
        // The last is to take the place of the one that goes.
        if let Some(at) = self.index.find_mut(hash_last, |&at| at == last) {
            *at = position;
        }
        self.version = self.version.next();
        drop(self.variables.swap_remove(position));
        Ok(())
    }

    pub fn values(&self) -> impl Iterator<Item = &Value<'a>> {
        self.variables.iter().map(|variable| &variable.value)
    }

    fn position(&self, name: &str) -> Option<usize> {
        let is_name = |&at: &usize| self.variables[at].name[..] == *name.as_bytes();
        self.index.find(self.hasher.hash_one(name.as_bytes()), is_name).copied()
    }
}

/// A slot as caches hold it.
fn slot_number(slot: usize) -> Result<u32, VmError> {
    u32::try_from(slot).or(Err(VmError::Value("too many global variables")))
}
