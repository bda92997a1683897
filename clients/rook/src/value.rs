//! A value of the language.

use crate::class::{Bound, Class, Instance};
use crate::dict::Dict;
use crate::function::{Function, Variable};
use crate::generator::Generator;
use crate::iterator::Iter;
use crate::list::List;
use crate::module::Module;
use crate::native::Native;
use permacode::Gc;
use permacode::kit::Collect;

/// A value: a number in place, or a pointer to an object of the heap.
#[derive(Clone, Copy, Collect)]
pub enum Value<'a> {
    /// No value.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text, which never changes.
    Text(Gc<'a, str>),
    /// A list.
    List(Gc<'a, List<'a>>),
    /// A dictionary.
    Dict(Gc<'a, Dict<'a>>),
    /// A function or a method.
    Function(Gc<'a, Function<'a>>),
    /// A function of the machine.
    Native(#[collect(plain)] Native),
    /// A method and its object.
    Bound(Gc<'a, Bound<'a>>),
    /// A class.
    Class(Gc<'a, Class<'a>>),
    /// An object of a class.
    Instance(Gc<'a, Instance<'a>>),
    /// A function that goes on where it yielded.
    Generator(Gc<'a, Generator<'a>>),
    /// A module.
    Module(Gc<'a, Module<'a>>),
    /// An iterator. No program sees it, but `range` returns one.
    Iter(Gc<'a, Iter<'a>>),
    /// A boxed variable. No program sees it.
    Variable(Gc<'a, Variable<'a>>),
    /// No value is here yet. No program sees it.
    Absent,
}

impl<'a> Value<'a> {
    /// Returns `true` if the value counts as true: everything but `nil` and `false`.
    pub(crate) fn is_true(self) -> bool {
        !matches!(self, Self::Nil | Self::Bool(false))
    }

    /// The name of its type. Of an instance that of its class.
    pub(crate) fn type_name(&self) -> &str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Dict(_) => "dict",
            Self::Function(_) | Self::Native(_) | Self::Bound(_) => "function",
            Self::Class(_) => "class",
            Self::Instance(instance) => &instance.class.name,
            Self::Generator(_) => "generator",
            Self::Module(_) => "module",
            Self::Iter(_) => "range",
            Self::Variable(_) | Self::Absent => "nothing",
        }
    }

    /// Returns `true` if both are one object, or equal values that are no objects.
    pub(crate) fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Int(one), Self::Int(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => one == other,
            (Self::Int(int), Self::Float(float)) | (Self::Float(float), Self::Int(int)) => {
                int as f64 == float && float as i64 == int
            }
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::List(one), Self::List(other)) => Gc::ptr_eq(one, other),
            (Self::Dict(one), Self::Dict(other)) => Gc::ptr_eq(one, other),
            (Self::Function(one), Self::Function(other)) => Gc::ptr_eq(one, other),
            (Self::Native(one), Self::Native(other)) => one == other,
            (Self::Bound(one), Self::Bound(other)) => {
                Gc::ptr_eq(one, other) || one.receiver.is_same(other.receiver) && one.method.is_same(other.method)
            }
            (Self::Class(one), Self::Class(other)) => Gc::ptr_eq(one, other),
            (Self::Instance(one), Self::Instance(other)) => Gc::ptr_eq(one, other),
            (Self::Generator(one), Self::Generator(other)) => Gc::ptr_eq(one, other),
            (Self::Module(one), Self::Module(other)) => Gc::ptr_eq(one, other),
            (Self::Iter(one), Self::Iter(other)) => Gc::ptr_eq(one, other),
            _ => false,
        }
    }
}
