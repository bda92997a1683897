//! A function: code, what it captured, and its module.

use crate::code::Code;
use crate::module::Module;
use crate::value::Value;
use permacode::kit::Collect;
use permacode::{CodeRef, Gc};
use std::cell::Cell;

/// A function or a method. Its code is permanent, or was evaluated; the handle knows which.
#[derive(Collect)]
pub struct Function<'a> {
    pub(crate) code: CodeRef<'a, Code<'a>>,
    pub(crate) captured: Gc<'a, [Gc<'a, Variable<'a>>]>,
    /// The module whose globals it sees.
    pub(crate) module: Gc<'a, Module<'a>>,
}

/// A variable that functions share.
#[derive(Collect)]
pub struct Variable<'a> {
    pub(crate) value: Cell<Value<'a>>,
}
