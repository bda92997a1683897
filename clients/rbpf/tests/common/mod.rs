//! Programs, and both ways to run them.
#![allow(dead_code)] // each test file uses a part

use permacode::CodeArena;
use permacode_rbpf::{Helpers, Native, Program};

/// How to count primes below r1's first word: nested loops, a division, memory.
pub const PRIMES: &str = "
    ldxdw r6, [r1]
    mov r0, 0
    mov r2, 2
    jge r2, r6, +10
    mov r3, 2
    jge r3, r2, +5
    mov r4, r2
    mod r4, r3
    jeq r4, 0, +3
    add r3, 1
    ja -6
    add r0, 1
    add r2, 1
    ja -11
    exit";

pub fn assemble(text: &str) -> Vec<u8> {
    rbpf::assembler::assemble(text).unwrap()
}

/// Adds its arguments, each with a weight, so that none can stand for another.
pub fn weigh(a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
    a.wrapping_add(b * 10).wrapping_add(c * 100).wrapping_add(d * 1000).wrapping_add(e * 10_000)
}

pub fn helpers() -> Helpers {
    Helpers::new().with(1, weigh)
}

/// A sealed program.
pub fn program<'a>(arena: &'a CodeArena, bytes: &[u8]) -> Program<'a> {
    let loader = arena.load("program").unwrap();
    let program = Program::place(&loader, bytes).unwrap();
    loader.seal().unwrap();
    program
}

/// The same, compiled and sealed.
pub fn native<'a>(arena: &'a CodeArena, program: Program<'_>) -> Native<'a> {
    let machine_code = program.compile(&helpers()).unwrap();
    Native::seal(arena.load_native("native").unwrap(), [&machine_code]).unwrap()[0]
}

/// Runs a program interpreted and compiled, each with its own copy of memory, and compares results and memories.
pub fn both(text: &str, memory: &[u8]) -> (u64, Vec<u8>) {
    let arena = CodeArena::new().unwrap();
    let program = program(&arena, &assemble(text));
    let (mut interpreted, mut compiled) = (memory.to_vec(), memory.to_vec());
    let result = program.interpreter(&helpers()).unwrap().run(&mut interpreted).unwrap();
    if cfg!(all(target_arch = "x86_64", unix)) {
        let native = native(&arena, program);
        // SAFETY: the interpreter has checked every access of the same run.
        let again = unsafe { native.run(&mut compiled) };
        assert_eq!((result, &interpreted), (again, &compiled), "interpreted and compiled differ: {text}");
    }
    (result, interpreted)
}
