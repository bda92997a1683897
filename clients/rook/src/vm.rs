//! The machine: its parts, its stack, and its collector.
//!
//! ```text
//!   frames ──▶ function ──▶ CodeRef ──▶ code, on sealed pages or in a region of the heap
//!                 │                       │ Sites
//!                 ▼                       ▼
//!   stack ──▶ objects of the heap ◀── side tables: objects of texts, inline caches
//! ```
//!
//! Values that an operation works with stay on the stack until it is done. So between two operations nothing but the fields of [`Vm`] leads to
//! objects, and there it collects.

use crate::code::Code;
use crate::failure::Failure;
use crate::fault::{Fault, Kind};
use crate::frame::Frame;
use crate::module::Module;
use crate::output::Output;
use crate::settings::Settings;
use crate::value::Value;
use permacode::kit::{Machine, Pacer};
use permacode::side::{InlineCache, Version};
use permacode::{DualArena, Error, Gc, SideTable, Sites, Transients};
use std::cell::Cell;

/// The inline caches: each remembers a place, packed into a number.
pub(crate) type Caches<'a> = SideTable<'a, InlineCache<u32>>;
/// The objects of texts in code, each made when it is first needed.
pub(crate) type Strings<'a> = SideTable<'a, Cell<Option<Gc<'a, str>>>>;

/// A machine on arenas that live for `'a`.
pub struct Vm<'a> {
    pub(crate) arenas: &'a DualArena,
    pub(crate) transients: &'a Transients<'a>,
    pub(crate) caches: &'a Caches<'a>,
    pub(crate) strings: &'a Strings<'a>,
    pub(crate) settings: Settings,
    pub(crate) stack: Vec<Value<'a>>,
    pub(crate) frames: Vec<Frame<'a>>,
    /// The module whose globals every module sees.
    pub(crate) builtins: Gc<'a, Module<'a>>,
    pub(crate) modules: Vec<(String, Gc<'a, Module<'a>>)>,
    /// The classes of exceptions, in the order of [`Kind::ALL`].
    pub(crate) errors: [Value<'a>; Kind::ALL.len()],
    /// The exception for a refusal of memory, which is made before.
    pub(crate) memory_error: Value<'a>,
    /// Changes when a name begins to mean something else.
    pub(crate) version: Version,
    /// The next number of a class or a module.
    pub(crate) next_id: usize,
    pub(crate) fuel: u64,
    pub(crate) output: Output,
    pacer: Pacer,
}

impl Machine for Vm<'_> {
    type At<'a> = Vm<'a>;
}

impl<'a> Vm<'a> {
    /// Makes a machine, and runs the prelude.
    pub fn new(arenas: &'a DualArena, settings: Settings) -> Result<Self, Failure> {
        let caches = Caches::new(&arenas.code)?.keep()?;
        let strings = Strings::new(&arenas.code)?.keep()?;
        let clear = arenas.code.keep(move |sites: Sites| {
            caches.present(sites).iter().for_each(InlineCache::clear);
            strings.present(sites).iter().for_each(|entry| entry.set(None));
        })?;
        let transients = Transients::new(&arenas.code, &arenas.heap).clearing(clear).keep()?;
        let builtins = Module::new(&arenas.heap, 0, "prelude")?;
        let fuel = settings.fuel;
        let mut vm = Self {
            arenas,
            transients,
            caches,
            strings,
            settings,
            stack: Vec::new(),
            frames: Vec::new(),
            builtins,
            modules: Vec::new(),
            errors: [Value::Nil; Kind::ALL.len()],
            memory_error: Value::Nil,
            version: Version::FIRST,
            next_id: 1,
            fuel,
            output: Output::default(),
            pacer: Pacer::new(),
        };
        vm.start()?;
        Ok(vm)
    }

    // ── the stack ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn push(&mut self, value: Value<'a>) {
        self.stack.push(value);
    }

    pub(crate) fn pop(&mut self) -> Value<'a> {
        self.stack.pop().unwrap_or(Value::Absent)
    }

    /// The value that lies so many below the uppermost.
    pub(crate) fn peek(&self, below: usize) -> Value<'a> {
        self.stack[self.stack.len() - 1 - below]
    }

    /// Puts a value in the place of the uppermost ones.
    pub(crate) fn replace(&mut self, count: usize, value: Value<'a>) {
        self.stack.truncate(self.stack.len() - count);
        self.stack.push(value);
    }

    /// A number that no class or module had.
    pub(crate) fn new_id(&mut self) -> usize {
        self.next_id += 1;
        self.next_id
    }

    /// Takes operations for work that is more than one.
    pub(crate) fn charge(&mut self, work: usize) -> Result<(), Fault<'a>> {
        match self.fuel.checked_sub(work as u64) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => {
                self.fuel = 0;
                Err(Fault::Fuel)
            }
        }
    }

    /// The object of a text in code.
    pub(crate) fn text(&self, code: &Code<'_>, number: usize) -> Result<Value<'a>, Error> {
        let entry = &self.strings.of(code.strings)?[number];
        if let Some(text) = entry.get() {
            return Ok(Value::Text(text));
        }
        let text = Gc::copy_str(&self.arenas.heap, code.texts[number])?;
        entry.set(Some(text));
        Ok(Value::Text(text))
    }

    // ── the collector ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Collects if it is due. The machine calls it between two operations.
    pub(crate) fn safepoint(&mut self) -> Result<(), Error> {
        if let Some(then) = self.settings.collect_always {
            self.collect()?;
            then(&self.arenas.heap);
        } else if self.pacer.is_due(&self.arenas.heap) {
            self.collect()?;
        }
        Ok(())
    }

    /// Frees what the program does not reach any more, evaluated code included.
    pub(crate) fn collect(&mut self) -> Result<usize, Error> {
        // SAFETY:
        // 1. Objects that are used later are in these fields, or in objects that they lead to. `collect` is called between two operations, where
        //    `run`, `handle` and the callers of `call_global` hold no value and no handle of code that a field does not hold, too.
        // 2. The closure only traces.
        // 3. These are the only transients of the heap.
        let swept = unsafe {
            self.transients.collect(|marker| {
                marker.trace(&self.stack[..]);
                marker.trace(&self.frames[..]);
                marker.trace(&self.builtins);
                marker.trace_all(self.modules.iter().map(|(_, module)| module));
                marker.trace(&self.errors);
                marker.trace(&self.memory_error);
                marker.trace(self.strings);
            })
        };
        self.pacer.collected(&self.arenas.heap);
        Ok(swept?.objects)
    }
}
