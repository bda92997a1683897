//! Calls of permanent code write nothing: a child that makes a million of them copies no page of code, and none that the functions lie on.
//!
//! Invariant 3, seen from outside. The controls show that the measure sees what it should.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::handles::AtomicCodeSlot;
use permacode::{CodeArena, CodeRef, CodeSlot, Error, HeapArena, Loader, Permanent, Transients};
use permacode_witness::{copied, memory, watched};
use std::cell::Cell;
use std::hint::black_box;
use std::ops::Range;

const FUNCTIONS: usize = 2_000;
const CALLS: usize = 1_000_000;

#[derive(Permanent)]
struct Code<'a> {
    ops: &'a [u8],
    operands: &'a [u64],
}

fn lower<'x>(loader: &Loader<'x>, seed: u64) -> Result<&'x Code<'x>, Error> {
    loader.alloc(Code { ops: loader.alloc_slice_copy(b"+*r")?, operands: loader.alloc_slice_copy(&[seed, 3, 0])? })
}

/// What a call of the function that was made with `seed` returns.
fn result(seed: u64) -> u64 {
    seed * 3
}

fn run(code: &Code<'_>) -> u64 {
    let mut value = 0;
    for (op, operand) in black_box(code).ops.iter().zip(code.operands) {
        match op {
            b'+' => value += operand,
            b'*' => value *= operand,
            _ => return value,
        }
    }
    panic!("the code does not return");
}

/// Calls the functions in turn, a million calls in all.
fn call_all<F>(functions: &[F], call: impl Fn(&F) -> u64) {
    for (function, seed) in functions.iter().zip(0..).cycle().take(CALLS) {
        assert_eq!(call(function), result(seed % FUNCTIONS as u64));
    }
}

/// Values on pages that hold nothing else.
struct Pages<T> {
    at: *mut T,
    len: usize,
}

impl<T> Pages<T> {
    fn new(values: impl Iterator<Item = T>) -> Self {
        let values: Vec<T> = values.collect();
        let len = values.len();
        // SAFETY: new pages, at no particular address, as long as the values.
        let at = unsafe {
            let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            libc::mmap(std::ptr::null_mut(), len * size_of::<T>(), access, flags, -1, 0)
        };
        assert_ne!(at, libc::MAP_FAILED);
        let at = at.cast::<T>();
        for (index, value) in values.into_iter().enumerate() {
            // SAFETY: within the pages.
            unsafe { at.add(index).write(value) };
        }
        Self { at, len }
    }

    fn all(&self) -> &[T] {
        // SAFETY: that many values were written there.
        unsafe { std::slice::from_raw_parts(self.at, self.len) }
    }

    fn range(&self) -> Range<usize> {
        self.at.addr()..self.at.addr() + self.len * size_of::<T>()
    }

    /// How many there are.
    fn pages(&self) -> usize {
        self.range().len().div_ceil(permacode_witness::page())
    }
}

impl<T> Drop for Pages<T> {
    fn drop(&mut self) {
        // SAFETY: the values are dropped once, and then nobody refers to the pages.
        unsafe {
            std::ptr::slice_from_raw_parts_mut(self.at, self.len).drop_in_place();
            assert_eq!(libc::munmap(self.at.cast(), self.len * size_of::<T>()), 0);
        }
    }
}

/// Sealed functions, several hundred kilobytes of them.
fn sealed(arena: &CodeArena) -> Vec<&Code<'_>> {
    let loader = arena.load("functions").unwrap();
    let codes: Vec<_> = (0..FUNCTIONS as u64).map(|seed| lower(&loader, seed).unwrap()).collect();
    assert_eq!(loader.seal().unwrap().protection(), permacode::code::Protection::ReadOnly);
    codes
}

/// What a child that does `calls` has written to: bytes of code, and copied pages of code and of `functions`.
fn written(arena: &CodeArena, functions: Range<usize>, calls: impl FnOnce()) -> (u64, usize, usize) {
    let code = arena.address_range();
    let used = code.start..code.start + arena.stats().claimed;
    watched(calls, |pid| {
        let memory = memory(pid, code).unwrap();
        assert!(memory.resident() > 100_000, "the child reads its parent's code");
        (memory.private_dirty(), copied(pid, [used]).unwrap(), copied(pid, [functions]).unwrap())
    })
}

#[test]
fn calls_through_slots_of_permanent_code_write_neither_code_nor_slot() {
    let arena = CodeArena::new().unwrap();
    let slots = Pages::new(sealed(&arena).into_iter().map(|code| CodeSlot::new(CodeRef::new(code))));
    let calls = || {
        call_all(slots.all(), |slot| {
            let frame = slot.get();
            run(frame.get())
        });
        call_all(slots.all(), |slot| run(slot.permanent().unwrap()));
    };
    assert!(slots.pages() > 3);
    assert_eq!(written(&arena, slots.range(), calls), (0, 0, 0));
}

#[test]
fn calls_through_slots_that_threads_share_write_neither_code_nor_slot() {
    let arena = CodeArena::new().unwrap();
    let slots = Pages::new(sealed(&arena).into_iter().map(AtomicCodeSlot::new));
    let shared = slots.all();
    let calls = || {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| call_all(shared, |slot| run(slot.get())));
            }
        });
    };
    assert_eq!(written(&arena, slots.range(), calls), (0, 0, 0));
}

#[test]
fn handles_of_permanent_code_are_cloned_and_dropped_without_a_write() {
    let arena = CodeArena::new().unwrap();
    let handles = Pages::new(sealed(&arena).into_iter().map(CodeRef::new));
    let calls = || {
        call_all(handles.all(), |handle| {
            let frame = handle.clone();
            let generator = frame.clone();
            drop(frame);
            run(generator.get())
        });
        let held: Vec<_> = handles.all().to_vec();
        assert!(held.iter().all(|handle| handle.count().is_none()));
    };
    assert_eq!(written(&arena, handles.range(), calls), (0, 0, 0));
}

// A slot's own page is written by what writes it, a replacement; the code is not.
#[test]
fn replacing_permanent_code_writes_the_slot_and_no_code() {
    let arena = CodeArena::new().unwrap();
    let codes = sealed(&arena);
    let slots = Pages::new(codes.iter().map(|&code| CodeSlot::new(CodeRef::new(code))));
    let replaces = || {
        let old = slots.all()[0].replace(CodeRef::new(codes[1]));
        assert_eq!((run(old.get()), run(slots.all()[0].get().get())), (result(0), result(1)));
    };
    assert_eq!(written(&arena, slots.range(), replaces), (0, 0, 1));
}

// The control: what counts in its object, as most interpreters do, has every page of its objects copied.
#[test]
fn a_count_in_the_code_object_copies_every_page_of_code() {
    struct Counted<'a> {
        count: Cell<usize>,
        code: Code<'a>,
    }
    let arena = CodeArena::new().unwrap();
    let codes = sealed(&arena).into_iter().map(|code| Code { ops: code.ops, operands: code.operands });
    let objects = Pages::new(codes.map(|code| Counted { count: Cell::new(1), code }));
    let calls = || {
        call_all(objects.all(), |object| {
            object.count.set(object.count.get() + 1);
            let value = run(&object.code);
            object.count.set(object.count.get() - 1);
            value
        });
    };
    assert!(objects.pages() > 15);
    assert_eq!(written(&arena, objects.range(), calls), (0, 0, objects.pages()));
}

// And transient code, which is counted: in the heap, and nowhere else.
#[test]
fn calls_of_transient_code_write_to_the_heap_alone() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    sealed(&arena);
    let transients = Transients::new(&arena, &heap);
    let slots = Pages::new((0..FUNCTIONS as u64).map(|seed| {
        let code: Result<CodeRef<'_, Code<'_>>, Error> = CodeRef::transient(&transients, |loader| lower(loader, seed));
        CodeSlot::new(code.unwrap())
    }));
    let calls = || {
        call_all(slots.all(), |slot| {
            let frame = slot.get();
            run(frame.get())
        });
    };
    let (code, objects) = (arena.address_range(), heap.address_range());
    let (code, functions, counts) = watched(calls, |pid| {
        let dirty = |range| memory(pid, range).unwrap().private_dirty();
        (dirty(code), copied(pid, [slots.range()]).unwrap(), dirty(objects))
    });
    assert_eq!((code, functions), (0, 0));
    assert!(counts > (FUNCTIONS * size_of::<usize>()) as u64, "{counts}");
}
