//! The machine: frames that call each other. It reads code and writes none of it.
//!
//! A call within a program is no call of the machine's own, so how deep a program calls is a number, not a stack that overflows.

use crate::builtins::Builtin;
use crate::caches::Caches;
use crate::census::Census;
use crate::code::Code;
use crate::constants::Constants;
use crate::error::VmError;
use crate::frame::Frame;
use crate::globals::Globals;
use crate::look::Looked;
use crate::step::Exit;
use crate::value::{Generator, State, Value, push};
use crate::world::World;
use allocator_api2::vec::Vec as HeapVec;
use permacode::kit::Machine;
use permacode::{CodeRef, DualArena, HeapArena, HeapRc, Transients};
use std::cell::RefCell;

/// How many calls may be within each other.
pub const DEEPEST: usize = 1000;

pub struct Vm<'a> {
    pub world: World<'a>,
    pub(crate) frames: HeapVec<Activation<'a>, &'a HeapArena>,
    /// Who held what was counted, one entry for each use of `getrefcount`; kept if somebody asked for it.
    pub censuses: Option<Vec<Census>>,
}

/// A frame that runs, and what becomes of what it gives.
pub struct Activation<'a> {
    pub frame: Frame<'a>,
    pub gives: Gives<'a>,
}

/// What becomes of a frame's value.
pub enum Gives<'a> {
    /// It is the program's.
    Result,
    /// It takes the place of the callee and so many arguments on the caller's stack.
    Call(usize),
    /// An item for `next`, which was called with so many arguments.
    Next(HeapRc<'a, Generator<'a>>, usize),
    /// An item for a loop, which ends at that instruction.
    Loop(HeapRc<'a, Generator<'a>>, usize),
}

/// So that an [`Engine`](permacode::Engine) can own a machine with its arenas.
impl Machine for Vm<'_> {
    type At<'a> = Vm<'a>;
}

impl<'a> Vm<'a> {
    /// A machine with caches on two arenas: of a block, of an engine, or leaked ones.
    pub fn new(arenas: &'a DualArena) -> Result<Self, VmError> {
        let caches = Caches::new(&arenas.code)?;
        Ok(Self::at(caches.home(&arenas.heap)?, Some(caches), &arenas.heap))
    }

    /// A machine whose objects lie in `heap`. `home` should have the sites of transient code cleared in `caches`; without any, every name
    /// is looked up each time.
    pub fn at(home: &'a Transients<'a>, caches: Option<&'a Caches<'a>>, heap: &'a HeapArena) -> Self {
        let (globals, constants) = (Globals::new(heap), Constants::new(heap));
        let (machine, looked) = (caches.map_or(0, Caches::machine), Looked::default());
        let world = World { home, heap, globals, constants, caches, machine, looked, output: String::new() };
        Self { world, frames: HeapVec::new_in(heap), censuses: None }
    }

    /// Runs a program. After an error, what it defined until then is there.
    pub fn run(&mut self, program: CodeRef<'a, Code<'a>>) -> Result<Value<'a>, VmError> {
        let frame = Frame::new(program, None, &[], self.world.memory())?;
        let value = self.enter(frame, Gives::Result).and_then(|()| self.drive());
        while let Some(left) = self.frames.pop() {
            if let Gives::Next(generator, _) | Gives::Loop(generator, _) = left.gives {
                generator.state.replace(State::Finished);
            }
        }
        value
    }

    fn drive(&mut self) -> Result<Value<'a>, VmError> {
        loop {
            let top = self.frames.last_mut().ok_or(VmError::Code)?;
            match top.frame.run(&mut self.world)? {
                Exit::Call(args) => self.call(args)?,
                Exit::Item { end } => match top.frame.slots.last() {
                    Some(Value::Generator(generator)) => {
                        let generator = generator.clone();
                        self.resume(&generator.clone(), Gives::Loop(generator, end))?;
                    }
                    _ => return Err(VmError::Code),
                },
                Exit::Yield(item) => self.suspend(item)?,
                Exit::Return(value) => {
                    if let Some(result) = self.leave(value)? {
                        return Ok(result);
                    }
                }
            }
        }
    }

    /// The frame that runs.
    pub(crate) fn top(&mut self) -> Result<&mut Frame<'a>, VmError> {
        self.frames.last_mut().map(|activation| &mut activation.frame).ok_or(VmError::Code)
    }

    pub(crate) fn enter(&mut self, frame: Frame<'a>, gives: Gives<'a>) -> Result<(), VmError> {
        if self.frames.len() >= DEEPEST {
            return Err(VmError::Depth);
        }
        push(&mut self.frames, Activation { frame, gives })
    }

    fn call(&mut self, args: usize) -> Result<(), VmError> {
        let memory = self.world.memory();
        let (callee, values) = self.top()?.called(args)?;
        let frame = match callee {
            Value::Function(function) => Frame::new(function.code.get(), Some(function.clone()), values, memory)?,
            Value::Builtin(builtin) => {
                let builtin: Builtin = *builtin;
                return self.call_builtin(builtin, args);
            }
            other => return Err(VmError::Type(format!("{} cannot be called", other.kind()))),
        };
        if !frame.code.get().generator {
            return self.enter(frame, Gives::Call(args));
        }
        let code = frame.code.clone();
        let generator = Generator { code, state: RefCell::new(State::Suspended(frame)), heap: memory.heap };
        let generator = Value::Generator(HeapRc::new(memory.heap, generator)?);
        self.top()?.finish_call(args, generator)
    }

    /// Lets a generator go on to its next item.
    pub(crate) fn resume(&mut self, generator: &Generator<'a>, gives: Gives<'a>) -> Result<(), VmError> {
        match generator.state.replace(State::Running) {
            State::Running => Err(VmError::Value("the generator runs already")),
            State::Finished => {
                generator.state.replace(State::Finished);
                self.exhausted(&gives)
            }
            State::Suspended(frame) => {
                self.enter(frame, gives).inspect_err(|_| _ = generator.state.replace(State::Finished))
            }
        }
    }

    /// Tells whoever wanted an item that there is none.
    fn exhausted(&mut self, gives: &Gives<'a>) -> Result<(), VmError> {
        let frame = self.top()?;
        match gives {
            Gives::Next(_, args @ 2) => {
                let default = frame.slots.last().cloned().ok_or(VmError::Code)?;
                frame.finish_call(*args, default)
            }
            Gives::Next(..) => Err(VmError::Exhausted),
            Gives::Loop(_, end) => {
                frame.next = *end;
                frame.pop().map(drop)
            }
            Gives::Result | Gives::Call(_) => Err(VmError::Code),
        }
    }

    /// Puts the frame that runs back into its generator, and hands its item on.
    fn suspend(&mut self, item: Value<'a>) -> Result<(), VmError> {
        let Activation { frame, gives } = self.frames.pop().ok_or(VmError::Code)?;
        match gives {
            Gives::Next(generator, args) => {
                generator.state.replace(State::Suspended(frame));
                self.top()?.finish_call(args, item)
            }
            Gives::Loop(generator, _) => {
                generator.state.replace(State::Suspended(frame));
                self.top()?.push(item)
            }
            Gives::Result | Gives::Call(_) => Err(VmError::Code),
        }
    }

    /// Ends the frame that runs, its handle of the code with it. The program's value, if it was the program.
    fn leave(&mut self, value: Value<'a>) -> Result<Option<Value<'a>>, VmError> {
        let Activation { frame, gives } = self.frames.pop().ok_or(VmError::Code)?;
        drop(frame);
        match &gives {
            Gives::Result => return Ok(Some(value)),
            Gives::Call(args) => self.top()?.finish_call(*args, value)?,
            Gives::Next(generator, _) | Gives::Loop(generator, _) => {
                generator.state.replace(State::Finished);
                self.exhausted(&gives)?;
            }
        }
        Ok(None)
    }
}
