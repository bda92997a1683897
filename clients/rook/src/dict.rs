//! A dictionary, which keeps the order in which its keys came.
//!
//! ```text
//!   index    key ─▶ place        a hash table, whose allocator the collector knows
//!   entries  key, value │ gone │ key, value │ ..     in the order of the keys
//! ```

use crate::value::Value;
use hashbrown::HashMap;
use permacode::allocator_api2::vec::Vec;
use permacode::kit::{Collect, Growth, Tracked};
use permacode::{Error, Gc, HeapArena};
use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher, RandomState};

/// Keys and values.
#[derive(Collect)]
pub struct Dict<'a> {
    index: RefCell<HashMap<Key<'a>, usize, RandomState, Tracked<'a>>>,
    /// A key that is gone is [`Value::Absent`], until places are given anew.
    entries: RefCell<Vec<Entry<'a>, &'a HeapArena>>,
    /// Changes whenever a key comes or goes.
    version: Cell<usize>,
}

#[derive(Clone, Copy, Collect)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Value<'a>,
    pub(crate) value: Value<'a>,
}

/// A value that may be a key.
#[derive(Clone, Copy, Collect)]
struct Key<'a>(Value<'a>);

impl<'a> Dict<'a> {
    pub(crate) fn new(heap: &'a HeapArena) -> Result<Gc<'a, Self>, Error> {
        let index = HashMap::with_hasher_in(RandomState::new(), Tracked::new(heap));
        let (index, entries) = (RefCell::new(index), RefCell::new(Vec::new_in(heap)));
        Gc::new(heap, Self { index, entries, version: Cell::new(0) })
    }

    pub(crate) fn len(&self) -> usize {
        self.index.borrow().len()
    }

    pub(crate) fn version(&self) -> usize {
        self.version.get()
    }

    pub(crate) fn get(&self, key: Value<'a>) -> Option<Value<'a>> {
        let at = self.index.borrow().get(&Key(key)).copied()?;
        self.entries.borrow().get(at).map(|entry| entry.value)
    }

    /// The first entry at this place or behind it, and its place.
    pub(crate) fn entry_from(&self, at: usize) -> Option<(usize, Entry<'a>)> {
        let entries = self.entries.borrow();
        let behind = entries.get(at..)?;
        let skipped = behind.iter().position(|entry| !matches!(entry.key, Value::Absent))?;
        Some((at + skipped, behind[skipped]))
    }

    /// The entries that there are now.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let (at, entry) = self.entry_from(next)?;
            next = at + 1;
            Some(entry)
        })
    }

    /// Returns `true` if a value may be a key: one that never changes.
    pub(crate) fn is_key(value: Value<'_>) -> bool {
        matches!(value, Value::Nil | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_))
    }

    pub(crate) fn set(&self, key: Value<'a>, value: Value<'a>) -> Result<(), Error> {
        let (mut index, mut entries) = (self.index.borrow_mut(), self.entries.borrow_mut());
        if let Some(entry) = index.get(&Key(key)).and_then(|at| entries.get_mut(*at)) {
            entry.value = value;
            return Ok(());
        }
        index.try_room(1)?;
        if entries.len() > 2 * index.len() + 16 {
            entries.retain(|entry| !matches!(entry.key, Value::Absent));
            entries.iter().enumerate().for_each(|(at, entry)| _ = index.insert(Key(entry.key), at));
        }
        let at = entries.len();
        entries.try_push(Entry { key, value })?;
        index.try_push((Key(key), at))?;
        self.version.set(self.version.get() + 1);
        Ok(())
    }

    pub(crate) fn remove(&self, key: Value<'a>) -> Option<Value<'a>> {
        let at = self.index.borrow_mut().remove(&Key(key))?;
        self.version.set(self.version.get() + 1);
        let gone = Entry { key: Value::Absent, value: Value::Absent };
        self.entries.borrow_mut().get_mut(at).map(|entry| std::mem::replace(entry, gone).value)
    }

    pub(crate) fn clear(&self) {
        self.version.set(self.version.get() + 1);
        self.index.borrow_mut().clear();
        self.entries.borrow_mut().clear();
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Value::Float(one), Value::Float(other)) => one == other || one.to_bits() == other.to_bits(),
            (one, other) => one.is_same(other),
        }
    }
}

impl Eq for Key<'_> {}

/// Values that are equal have one hash: a whole number, and a float that is one.
impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            Value::Bool(truth) => truth.hash(state),
            Value::Int(number) => number.hash(state),
            Value::Float(number) if (number as i64) as f64 == number => (number as i64).hash(state),
            Value::Float(number) => number.to_bits().hash(state),
            Value::Text(text) => text.hash(state),
            _ => {}
        }
    }
}
