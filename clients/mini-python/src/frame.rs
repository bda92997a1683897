//! A call in progress, or a suspended one.
//!
//! ```text
//!   Frame { code │ function │ caches ─▶ side table │ next │ slots ─▶ local local ┄ │ evaluation stack ┄ }
//! ```
//!
//! `code` is a handle of the frame's own: the function's slot may get other code meanwhile, the frame runs on what it began with.

use crate::caches::{Cache, Caches};
use crate::code::Code;
use crate::error::{VmError, memory};
use crate::value::{Function, Value, Values, Variable};
use allocator_api2::vec::Vec as HeapVec;
use permacode::{CodeRef, HeapArena, HeapRc};

/// Where frames lie, and what they find their caches in.
#[derive(Clone, Copy)]
pub struct Memory<'a> {
    pub heap: &'a HeapArena,
    pub caches: Option<&'a Caches<'a>>,
}

pub struct Frame<'a> {
    pub code: CodeRef<'a, Code<'a>>,
    /// What was called; `None` for a program.
    pub function: Option<HeapRc<'a, Function<'a>>>,
    /// What the code's instructions found before: looked up here once, then indexed. Empty if there are no caches.
    pub caches: &'a [Cache],
    /// The next instruction.
    pub next: usize,
    /// Locals, and behind them the evaluation stack.
    pub slots: Values<'a>,
}

impl<'a> Frame<'a> {
    /// A frame before its first instruction. Arguments are copied: the caller keeps its own until the call returns.
    pub fn new(
        code: CodeRef<'a, Code<'a>>,
        function: Option<HeapRc<'a, Function<'a>>>,
        args: &[Value<'a>],
        Memory { heap, caches }: Memory<'a>,
    ) -> Result<Self, VmError> {
        let view = code.get();
        if args.len() != usize::from(view.params) {
            let (name, params) = (view.name, view.params);
            return Err(VmError::Type(format!("`{name}` wants {params} arguments, not {}", args.len())));
        }
        let locals = usize::from(view.locals).max(args.len());
        let mut slots = HeapVec::new_in(heap);
        slots.try_reserve(locals + 4).map_err(memory(locals))?;
        slots.extend_from_slice(args);
        slots.resize(locals, Value::Unset);
        for cell in view.cells {
            let slot = slots.get_mut(usize::from(*cell)).ok_or(VmError::Code)?;
            *slot = Value::Variable(Variable::new(heap, slot.clone())?);
        }
        let caches = caches.map(|caches| caches.of(view.sites)).unwrap_or_default();
        Ok(Self { code, function, caches, next: 0, slots })
    }

    pub fn pop(&mut self) -> Result<Value<'a>, VmError> {
        self.slots.pop().ok_or(VmError::Code)
    }

    pub fn push(&mut self, value: Value<'a>) -> Result<(), VmError> {
        crate::value::push(&mut self.slots, value)
    }

    /// A callee with its arguments, on top of the stack.
    pub fn called(&self, args: usize) -> Result<(&Value<'a>, &[Value<'a>]), VmError> {
        let at = self.slots.len().checked_sub(args + 1).ok_or(VmError::Code)?;
        self.slots[at..].split_first().ok_or(VmError::Code)
    }

    /// Takes a callee and its arguments off the stack, and puts the value of the call there.
    pub fn finish_call(&mut self, args: usize, value: Value<'a>) -> Result<(), VmError> {
        let at = self.slots.len().checked_sub(args + 1).ok_or(VmError::Code)?;
        self.slots.truncate(at);
        self.push(value)
    }
}
