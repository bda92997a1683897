//! How a function holds its code, and what a call does with that.
//!
//! A call makes a frame that holds the code for itself, runs it, and lets go of it: while it runs, the function's code may be replaced.

use crate::code::{Code, run};
use permacode::handles::AtomicCodeSlot;
use permacode::{CodeArena, CodeRef, CodeSlot};
use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*, fence};

pub(crate) trait Holder {
    fn call(&self) -> u64;
}

/// Calls each function `rounds` times.
#[inline(never)]
pub(crate) fn calls<H: Holder>(functions: &[H], rounds: usize) -> u64 {
    let mut sum = 0u64;
    for _ in 0..rounds {
        for function in functions {
            sum = sum.wrapping_add(function.call());
        }
    }
    sum
}

impl Holder for &Code<'_> {
    #[inline(always)]
    fn call(&self) -> u64 {
        run(self)
    }
}

impl Holder for CodeRef<'_, Code<'_>> {
    #[inline(always)]
    fn call(&self) -> u64 {
        let frame = self.clone();
        run(frame.get())
    }
}

impl Holder for CodeSlot<'_, Code<'_>> {
    #[inline(always)]
    fn call(&self) -> u64 {
        let frame = self.get();
        run(frame.get())
    }
}

/// A slot that is asked for permanent code first, and for a handle only if it has none.
pub(crate) struct Asked<'a>(pub(crate) CodeSlot<'a, Code<'a>>);

impl Holder for Asked<'_> {
    #[inline(always)]
    fn call(&self) -> u64 {
        match self.0.permanent() {
            Some(code) => run(code),
            None => self.0.call(),
        }
    }
}

impl Holder for AtomicCodeSlot<'_, Code<'_>> {
    #[inline(always)]
    fn call(&self) -> u64 {
        run(self.get())
    }
}

/// A code object with its count before it, in ordinary memory, as CPython's.
#[repr(C)]
pub(crate) struct Counted<'a> {
    count: Cell<usize>,
    code: Code<'a>,
}

impl<'a> Counted<'a> {
    pub(crate) fn new(code: Code<'a>) -> Box<Self> {
        Box::new(Self { count: Cell::new(1), code })
    }

    #[inline(always)]
    fn leave(&self) {
        self.count.set(self.count.get() - 1);
        if self.count.get() == 0 {
            gone();
        }
    }
}

/// Where a holder would free its code. Nobody comes here: each function keeps a count.
#[cold]
#[inline(never)]
fn gone() {
    unreachable!("a function's own count");
}

impl Holder for Box<Counted<'_>> {
    #[inline(always)]
    fn call(&self) -> u64 {
        self.count.set(self.count.get() + 1);
        let value = run(&self.code);
        self.leave();
        value
    }
}

/// Code that is counted unless it lies in the arena, told by its address.
pub(crate) struct Ranged<'a> {
    pub(crate) arena: &'a CodeArena,
    pub(crate) code: NonNull<Code<'a>>,
}

impl<'a> Ranged<'a> {
    #[inline(always)]
    fn counted(&self) -> Option<&Counted<'a>> {
        // SAFETY: code that is not in the arena lies in a `Counted`.
        (!self.arena.contains(self.code.as_ptr()))
            .then(|| unsafe { self.code.byte_sub(std::mem::offset_of!(Counted<'_>, code)).cast().as_ref() })
    }
}

impl Holder for Ranged<'_> {
    #[inline(always)]
    fn call(&self) -> u64 {
        if let Some(counted) = self.counted() {
            counted.count.set(counted.count.get() + 1);
        }
        // SAFETY: the code lives as long as its holder.
        let value = run(unsafe { self.code.as_ref() });
        if let Some(counted) = self.counted() {
            counted.leave();
        }
        value
    }
}

/// As [`Counted`], for threads.
#[repr(C)]
pub(crate) struct Atomic<'a> {
    count: AtomicUsize,
    code: Code<'a>,
}

impl<'a> Atomic<'a> {
    pub(crate) fn new(code: Code<'a>) -> Box<Self> {
        Box::new(Self { count: AtomicUsize::new(1), code })
    }
}

impl Holder for Box<Atomic<'_>> {
    #[inline(always)]
    fn call(&self) -> u64 {
        self.count.fetch_add(1, Relaxed);
        let value = run(&self.code);
        if self.count.fetch_sub(1, Release) == 1 {
            fence(Acquire);
            gone();
        }
        value
    }
}

impl Holder for Rc<Code<'_>> {
    #[inline(always)]
    fn call(&self) -> u64 {
        let frame = Rc::clone(self);
        run(&frame)
    }
}

impl Holder for Arc<Code<'_>> {
    #[inline(always)]
    fn call(&self) -> u64 {
        let frame = Arc::clone(self);
        run(&frame)
    }
}
