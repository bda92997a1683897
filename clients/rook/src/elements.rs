//! Elements of lists, texts and dictionaries.

use crate::dict::Dict;
use crate::fault::{Fault, Kind, raise};
use crate::value::Value;
use crate::vm::Vm;
use permacode::Gc;

impl<'a> Vm<'a> {
    /// Checks that a value may be a key: one that never changes.
    pub(crate) fn key(&self, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        if Dict::is_key(value) {
            return Ok(value);
        }
        raise(Kind::Type, format!("a value of type {} cannot be a key", value.type_name()))
    }

    pub(crate) fn element(&mut self, all: Value<'a>, index: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        match (all, index) {
            (Value::List(list), Value::Int(index)) => {
                let at = place(index, list.len())?;
                Ok(list.get(at).unwrap_or(Value::Nil))
            }
            (Value::Text(text), Value::Int(index)) => {
                self.charge(text.len() / 16)?;
                let at = place(index, text.chars().count())?;
                let mut buffer = [0; 4];
                let char = text.chars().nth(at).map_or("", |char| char.encode_utf8(&mut buffer));
                self.new_text(char)
            }
            (Value::Dict(dict), key) => {
                let key = self.key(key)?;
                dict.get(key).map_or_else(|| self.no_key(key), Ok)
            }
            (Value::Iter(iter), Value::Int(index)) if iter.range().is_some() => {
                let range = iter.range().expect("checked");
                let at = place(index, range.len())?;
                Ok(range.get(at).map_or(Value::Nil, Value::Int))
            }
            (Value::List(_) | Value::Text(_), other) => {
                raise(Kind::Type, format!("an index is an int, not a value of type {}", other.type_name()))
            }
            (other, _) => raise(Kind::Type, format!("a value of type {} has no elements", other.type_name())),
        }
    }

    pub(crate) fn set_element(&mut self, all: Value<'a>, index: Value<'a>, value: Value<'a>) -> Result<(), Fault<'a>> {
        match (all, index) {
            (Value::List(list), Value::Int(index)) => {
                let at = place(index, list.len())?;
                list.elements_mut()[at] = value;
                Ok(())
            }
            (Value::Dict(dict), key) => {
                let key = self.key(key)?;
                Ok(dict.set(key, value)?)
            }
            (Value::List(_), other) => {
                raise(Kind::Type, format!("an index is an int, not a value of type {}", other.type_name()))
            }
            (other, _) => raise(Kind::Type, format!("elements of a value of type {} cannot be set", other.type_name())),
        }
    }

    pub(crate) fn no_key<T>(&self, key: Value<'a>) -> Result<T, Fault<'a>> {
        raise(Kind::Key, format!("there is no key {}", self.show(key, true)))
    }

    /// The entry that a call takes from a dictionary.
    pub(crate) fn take_key(&self, dict: Gc<'a, Dict<'a>>, key: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        let key = self.key(key)?;
        dict.remove(key).map_or_else(|| self.no_key(key), Ok)
    }
}

/// The place of an index, which counts from the end if it is below zero.
pub(crate) fn place<'a>(index: i64, len: usize) -> Result<usize, Fault<'a>> {
    let from_start = if index < 0 { index.checked_add(len as i64) } else { Some(index) };
    match from_start.and_then(|at| usize::try_from(at).ok()).filter(|at| *at < len) {
        Some(at) => Ok(at),
        None => raise(Kind::Index, format!("index {index} of {len} element(s)")),
    }
}

/// Both ends of a part, each of which counts from the end if it is below zero. What lies outside is left out.
pub(crate) fn part(from: i64, to: i64, len: usize) -> std::ops::Range<usize> {
    let clamp = |at: i64| {
        let at = if at < 0 { at.saturating_add(len as i64) } else { at };
        usize::try_from(at).unwrap_or(0).min(len)
    };
    let (from, to) = (clamp(from), clamp(to));
    from..to.max(from)
}
