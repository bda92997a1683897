//! Who holds an object: found by a walk over everything that a program can reach, to be compared with the count that was read.

use crate::error::VmError;
use crate::frame::Frame;
use crate::machine::{Gives, Vm};
use crate::value::{State, Value};
use permacode::CodeRef;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Where a reference to an object, or a handle of code, is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    Global,
    /// The function whose code it is.
    Slot,
    /// The generator object whose code it is.
    Generator,
    /// The frame of a generator that does not run now.
    SuspendedFrame,
    /// The frame of a call: its code, or the function that was called.
    Frame,
    Local,
    /// An argument of a call that is not over, on the caller's evaluation stack.
    Argument,
    /// The callee of such a call.
    Callee,
    /// The argument of `getrefcount` itself.
    Counted,
    /// Anything else on an evaluation stack.
    Stack,
    Item,
    /// A variable that functions share.
    Variable,
}

/// A count that was read, and who was found to hold what it counts.
#[derive(Clone, Debug)]
pub struct Census {
    pub count: Option<usize>,
    pub holders: BTreeMap<Holder, usize>,
    /// Handles of code were counted, not references to an object.
    pub of_code: bool,
}

impl Census {
    /// Looks for everybody who holds `subject`, the argument of a `getrefcount` that is being called.
    pub(crate) fn take<'a>(vm: &Vm<'a>, subject: &Value<'a>, args: usize) -> Result<Self, VmError> {
        let (count, of_code) = (subject.count(), matches!(subject, Value::Code(_)));
        let mut walk = Walk { vm, subject, holders: BTreeMap::new(), seen: HashSet::new(), found: Vec::new() };
        vm.world.globals.values().for_each(|value| walk.see(Holder::Global, value));
        for (index, activation) in vm.frames.iter().enumerate() {
            let called = match vm.frames.get(index + 1).map(|above| &above.gives) {
                None => Some(args),
                Some(Gives::Call(args) | Gives::Next(_, args)) => Some(*args),
                Some(Gives::Result | Gives::Loop(..)) => None,
            };
            let counts = index + 1 == vm.frames.len();
            walk.frame(&activation.frame, Holder::Frame, called, counts)?;
        }
        while let Some(value) = walk.found.pop() {
            walk.inside(&value)?;
        }
        Ok(Self { count, holders: walk.holders, of_code })
    }

    /// Whether as many holders were found as were counted; of what nobody counts, any number.
    pub fn is_complete(&self) -> bool {
        self.count.is_none_or(|count| count == self.holders.values().sum())
    }
}

struct Walk<'v, 'a> {
    vm: &'v Vm<'a>,
    subject: &'v Value<'a>,
    holders: BTreeMap<Holder, usize>,
    seen: HashSet<*const u8>,
    /// Objects that were not looked into yet.
    found: Vec<Value<'a>>,
}

impl<'a> Walk<'_, 'a> {
    fn note(&mut self, holder: Holder) {
        *self.holders.entry(holder).or_default() += 1;
    }

    fn see(&mut self, holder: Holder, value: &Value<'a>) {
        if self.subject.same(value) {
            self.note(holder);
        }
        if value.address().is_some_and(|address| self.seen.insert(address)) {
            self.found.push(value.clone());
        }
    }

    fn see_code(&mut self, holder: Holder, code: &CodeRef<'a, crate::code::Code<'a>>) -> Result<(), VmError> {
        let shown = Value::Code(self.vm.world.proxy(code.clone())?);
        if self.subject.same(&shown) {
            self.note(holder);
        }
        Ok(())
    }

    fn frame(&mut self, frame: &Frame<'a>, holder: Holder, called: Option<usize>, counts: bool) -> Result<(), VmError> {
        self.see_code(holder, &frame.code)?;
        frame.function.iter().for_each(|function| self.see(holder, &Value::Function(function.clone())));
        let callee = called.and_then(|args| frame.slots.len().checked_sub(args + 1));
        for (index, value) in frame.slots.iter().enumerate() {
            let place = match callee {
                _ if index < usize::from(frame.code.get().locals) => Holder::Local,
                Some(callee) if index == callee => Holder::Callee,
                Some(callee) if index > callee && counts => Holder::Counted,
                Some(callee) if index > callee => Holder::Argument,
                _ => Holder::Stack,
            };
            self.see(place, value);
        }
        Ok(())
    }

    fn inside(&mut self, value: &Value<'a>) -> Result<(), VmError> {
        match value {
            Value::List(list) => list.items.iter().for_each(|item| self.see(Holder::Item, item)),
            Value::Function(function) => {
                self.see_code(Holder::Slot, &function.code.get())?;
                function.captured.iter().for_each(|it| self.see(Holder::Variable, &Value::Variable(it.clone())));
            }
            Value::Generator(generator) => {
                self.see_code(Holder::Generator, &generator.code)?;
                if let State::Suspended(frame) = &*generator.state.borrow() {
                    self.frame(frame, Holder::SuspendedFrame, None, false)?;
                }
            }
            Value::Cursor(cursor) => {
                cursor.list.iter().for_each(|list| self.see(Holder::Stack, &Value::List(list.clone())));
            }
            Value::Variable(variable) => self.see(Holder::Variable, &variable.value.borrow()),
            _ => {}
        }
        Ok(())
    }
}

impl Holder {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Global => ("global variable", "global variables"),
            Self::Slot => ("function's slot", "functions' slots"),
            Self::Generator => ("generator", "generators"),
            Self::SuspendedFrame => ("generator's frame", "generators' frames"),
            Self::Frame => ("frame of a call", "frames of calls"),
            Self::Local => ("local variable", "local variables"),
            Self::Argument => ("argument on the caller's stack", "arguments on callers' stacks"),
            Self::Callee => ("callee on the caller's stack", "callees on callers' stacks"),
            Self::Counted => ("argument of getrefcount", "arguments of getrefcount"),
            Self::Stack => ("value on a stack", "values on stacks"),
            Self::Item => ("item", "items"),
            Self::Variable => ("shared variable", "shared variables"),
        }
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "{count} = ")?,
            None => f.write_str("not counted: ")?,
        }
        for (index, (holder, count)) in self.holders.iter().enumerate() {
            let (one, more) = match holder {
                // Wherever a program has code, it has a proxy, and that holds a handle.
                Holder::Counted if self.of_code => {
                    ("proxy as argument of getrefcount", "proxies as arguments of getrefcount")
                }
                holder => holder.words(),
            };
            let separator = if index == 0 { "" } else { " + " };
            write!(f, "{separator}{count} {}", if *count == 1 { one } else { more })?;
        }
        Ok(())
    }
}
