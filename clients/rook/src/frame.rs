//! A frame: a function that runs, and where it is.

use crate::function::Function;
use crate::generator::Generator;
use crate::module::Module;
use permacode::Gc;
use permacode::kit::Collect;

/// A call. Its function keeps its code, so no handle is counted.
#[derive(Clone, Copy, Collect)]
pub(crate) struct Frame<'a> {
    pub(crate) function: Gc<'a, Function<'a>>,
    /// The next operation.
    pub(crate) at: usize,
    /// The place where its part of the stack begins.
    pub(crate) base: usize,
    pub(crate) role: Role<'a>,
}

/// The receiver of a frame's result.
#[derive(Clone, Copy, Collect)]
pub(crate) enum Role<'a> {
    /// The caller gets it.
    Call,
    /// It is the body of a module, and the caller gets the module.
    Module(Gc<'a, Module<'a>>),
    /// It is a generator, which the program asked for a value.
    Next(Gc<'a, Generator<'a>>),
    /// It is a generator that a loop goes over.
    Loop(Gc<'a, Generator<'a>>),
}
