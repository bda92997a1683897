//! What a program computes with. Objects lie in the heap arena and are counted; code is seen through proxies only.

use crate::builtins::Builtin;
use crate::code::Code;
use crate::error::{VmError, memory};
use crate::frame::Frame;
use allocator_api2::vec::Vec as HeapVec;
use permacode::handles::CodeProxy;
use permacode::{CodeRef, CodeSlot, HeapArena, HeapRc};
use std::cell::{Cell, RefCell};

/// Values in the heap arena.
pub type Values<'a> = HeapVec<Value<'a>, &'a HeapArena>;

#[derive(Clone)]
pub enum Value<'a> {
    /// What a variable holds before anything is assigned to it. No program sees it.
    Unset,
    None,
    Bool(bool),
    Int(i64),
    Builtin(Builtin),
    Text(HeapRc<'a, Text<'a>>),
    List(HeapRc<'a, List<'a>>),
    Function(HeapRc<'a, Function<'a>>),
    Generator(HeapRc<'a, Generator<'a>>),
    Cursor(HeapRc<'a, Cursor<'a>>),
    /// A variable that functions share. No program sees it.
    Variable(HeapRc<'a, Variable<'a>>),
    /// `f.__code__`: it holds a handle of the code, and each copy of it another one.
    Code(CodeProxy<'a, Code<'a>>),
}

pub struct Text<'a> {
    pub bytes: HeapVec<u8, &'a HeapArena>,
}

/// A list or a tuple; neither changes once a program can see it.
pub struct List<'a> {
    pub items: Values<'a>,
    pub tuple: bool,
}

pub struct Function<'a> {
    /// Its code, which a program may replace.
    pub code: CodeSlot<'a, Code<'a>>,
    pub captured: HeapVec<HeapRc<'a, Variable<'a>>, &'a HeapArena>,
}

pub struct Variable<'a> {
    pub value: RefCell<Value<'a>>,
    pub heap: &'a HeapArena,
}

/// A generator holds its code, as its frame does, also when it has no frame any more.
pub struct Generator<'a> {
    pub code: CodeRef<'a, Code<'a>>,
    pub state: RefCell<State<'a>>,
    pub heap: &'a HeapArena,
}

pub enum State<'a> {
    Suspended(Frame<'a>),
    Running,
    Finished,
}

/// An iterator over numbers or a list.
pub struct Cursor<'a> {
    pub at: Cell<i64>,
    pub end: i64,
    pub list: Option<HeapRc<'a, List<'a>>>,
    pub heap: &'a HeapArena,
}

/// Adds to a collection in the heap, unless there is no memory.
pub fn push<T>(to: &mut HeapVec<T, &HeapArena>, item: T) -> Result<(), VmError> {
    to.try_reserve(1).map_err(memory(size_of::<T>()))?;
    to.push(item);
    Ok(())
}

impl<'a> Text<'a> {
    /// An object of the parts' text.
    pub fn value(heap: &'a HeapArena, parts: [&str; 2]) -> Result<Value<'a>, VmError> {
        let mut bytes = HeapVec::new_in(heap);
        bytes.try_reserve(parts[0].len() + parts[1].len()).map_err(memory(parts[0].len()))?;
        parts.iter().for_each(|part| bytes.extend_from_slice(part.as_bytes()));
        Ok(Value::Text(HeapRc::new(heap, Self { bytes })?))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

impl<'a> List<'a> {
    pub fn value(items: Values<'a>, tuple: bool) -> Result<Value<'a>, VmError> {
        let heap = *items.allocator();
        Ok(Value::List(HeapRc::new(heap, Self { items, tuple })?))
    }
}

impl<'a> Cursor<'a> {
    pub fn value(
        heap: &'a HeapArena,
        at: i64,
        end: i64,
        list: Option<HeapRc<'a, List<'a>>>,
    ) -> Result<Value<'a>, VmError> {
        Ok(Value::Cursor(HeapRc::new(heap, Self { at: Cell::new(at), end, list, heap })?))
    }

    pub fn next(&self) -> Option<Value<'a>> {
        let at = self.at.get();
        if at >= self.end {
            return None;
        }
        self.at.set(at + 1);
        match &self.list {
            Some(list) => list.items.get(usize::try_from(at).ok()?).cloned(),
            None => Some(Value::Int(at)),
        }
    }
}

impl<'a> Variable<'a> {
    pub fn new(heap: &'a HeapArena, value: Value<'a>) -> Result<HeapRc<'a, Self>, VmError> {
        Ok(HeapRc::new(heap, Self { value: RefCell::new(value), heap })?)
    }
}

impl<'a> Value<'a> {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unset | Self::None => "None",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a number",
            Self::Builtin(_) => "a built-in function",
            Self::Text(_) => "a text",
            Self::List(list) if list.tuple => "a tuple",
            Self::List(_) => "a list",
            Self::Function(_) => "a function",
            Self::Generator(_) => "a generator",
            Self::Cursor(_) => "an iterator",
            Self::Variable(_) => "a variable",
            Self::Code(_) => "a code object",
        }
    }

    pub fn is_true(&self) -> bool {
        match self {
            Self::Unset | Self::None | Self::Bool(false) | Self::Int(0) => false,
            Self::Text(text) => !text.bytes.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            _ => true,
        }
    }

    /// Where the value's object lies, if it is one of the heap's.
    pub fn address(&self) -> Option<*const u8> {
        match self {
            Self::Text(text) => Some(HeapRc::address(text)),
            Self::List(list) => Some(HeapRc::address(list)),
            Self::Function(function) => Some(HeapRc::address(function)),
            Self::Generator(generator) => Some(HeapRc::address(generator)),
            Self::Cursor(cursor) => Some(HeapRc::address(cursor)),
            Self::Variable(variable) => Some(HeapRc::address(variable)),
            _ => None,
        }
    }

    /// How many references there are to the object or, for code, handles of it. What is not an object and what is permanent is not counted.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(HeapRc::strong_count(text)),
            Self::List(list) => Some(HeapRc::strong_count(list)),
            Self::Function(function) => Some(HeapRc::strong_count(function)),
            Self::Generator(generator) => Some(HeapRc::strong_count(generator)),
            Self::Cursor(cursor) => Some(HeapRc::strong_count(cursor)),
            Self::Variable(variable) => Some(HeapRc::strong_count(variable)),
            Self::Code(code) => code.count(),
            _ => None,
        }
    }

    /// `is`: the same object, not an equal one.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Builtin(a), Self::Builtin(b)) => a == b,
            (Self::Code(a), Self::Code(b)) => a == b,
            _ => self.address().is_some_and(|address| other.address() == Some(address)),
        }
    }
}
