//! Programs and their machine code lie on sealed pages, never writable and executable at once, and a fork copies none.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use common::{PRIMES, assemble, helpers, native, program};
use permacode::CodeArena;
use permacode::code::Protection;
use permacode::residency::Mapping;
use permacode_rbpf::{Helpers, Native};
use permacode_witness::{Child, End, copied};
use std::ops::Range;

fn span(bytes: &[u8]) -> Range<usize> {
    let range = bytes.as_ptr_range();
    range.start.addr()..range.end.addr()
}

fn permissions(bytes: &[u8]) -> String {
    Mapping::all(std::process::id(), span(bytes)).unwrap()[0].permissions.to_string()
}

fn store(address: usize) -> End {
    Child::run(|| {
        // SAFETY: none: the stray store that the kernel must stop.
        unsafe { core::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(0x90) };
        0
    })
    .unwrap()
}

#[test]
fn bytecode_is_read_only_and_machine_code_read_execute() {
    let arena = CodeArena::new().unwrap();
    let program = program(&arena, &assemble(PRIMES));
    let native = native(&arena, program);
    assert!(arena.contains(program.bytes()) && arena.contains(native.code()));
    assert_eq!((&*permissions(program.bytes()), &*permissions(native.code())), ("r--p", "r-xp"));
    assert_eq!(native.code().as_ptr().addr() % 64, 0);
    arena.assert_clean();
}

#[test]
fn nothing_in_the_process_is_writable_and_executable_at_any_time() {
    let none = |when: &str| {
        for mapping in Mapping::all(std::process::id(), 0..usize::MAX).unwrap() {
            let permissions = mapping.permissions;
            assert!(!(permissions.write && permissions.execute), "{when}: {:x?} {permissions}", mapping.range);
        }
    };
    let arena = CodeArena::new().unwrap();
    let program = program(&arena, &assemble(PRIMES));
    let machine_code = program.compile(&helpers()).unwrap();
    none("compiled");
    let native = Native::seal(arena.load_native("native").unwrap(), [&machine_code]).unwrap()[0];
    none("sealed");
    // SAFETY: the program reads its eight bytes.
    assert_eq!(unsafe { native.run(&mut 10u64.to_le_bytes()) }, 4);
}

#[test]
fn a_store_to_either_dies() {
    let arena = CodeArena::new().unwrap();
    let program = program(&arena, &assemble(PRIMES));
    let native = native(&arena, program);
    for address in [span(program.bytes()).start + 4, span(native.code()).end - 1] {
        assert_eq!(store(address), End::Signal { signal: libc::SIGSEGV, address });
    }
}

#[test]
fn machine_code_lies_anywhere() {
    let arena = CodeArena::new().unwrap();
    let program = program(&arena, &assemble(PRIMES));
    let one = program.compile(&helpers()).unwrap();
    let keep = vec![0u8; 1 << 20]; // so that the next buffer lies elsewhere
    let other = program.compile(&helpers()).unwrap();
    assert_eq!(one, other);
    drop(keep);
    let both = Native::seal(arena.load_native("twice").unwrap(), [&one, &other]).unwrap();
    assert_ne!(both[0].code().as_ptr(), both[1].code().as_ptr());
    for native in both {
        // SAFETY: the program reads its eight bytes.
        assert_eq!(unsafe { native.run(&mut 100u64.to_le_bytes()) }, 25);
    }
}

#[test]
fn children_run_both_and_copy_no_page() {
    for level in [Protection::ReadOnly, Protection::SealedFile] {
        let arena = CodeArena::builder().protection(level).build().unwrap();
        let program = program(&arena, &assemble(PRIMES));
        let native = native(&arena, program);
        let end = Child::run(|| {
            let interpreted = program.interpreter(&helpers()).unwrap().run(&mut 1000u64.to_le_bytes()).unwrap();
            // SAFETY: the program reads its eight bytes.
            let compiled = unsafe { native.run(&mut 1000u64.to_le_bytes()) };
            arena.assert_not_copied();
            let pages = [span(program.bytes()), span(native.code())];
            // A memory file's pages are mapped by those who touched them; nobody has a copy.
            let alone = if arena.refused().is_none() && level == Protection::SealedFile {
                0
            } else {
                copied(0, pages).unwrap()
            };
            i32::from((interpreted, compiled, alone) != (168, 168, 0))
        });
        assert_eq!(end.unwrap(), End::Code(0), "{level:?}");
    }
}

/// What the README says of rbpf's compiler: it calls helpers with a stack that is 8 bytes off.
#[test]
fn rbpf_calls_helpers_with_a_stack_that_is_not_aligned() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load_native("helper").unwrap();
    let code = loader.alloc(&[0x48, 0x89, 0xe0, 0xc3], 16).unwrap(); // mov rax, rsp; ret
    loader.seal().unwrap();
    // SAFETY: a function without arguments may be called with any; on this processor they are in registers.
    let helper: rbpf::Helper = unsafe { std::mem::transmute(code.as_ptr()) };
    let helpers = Helpers::new().with(1, helper);
    let machine_code = program(&arena, &assemble("call 1\nexit")).compile(&helpers).unwrap();
    let native = Native::seal(arena.load_native("native").unwrap(), [&machine_code]).unwrap()[0];
    // SAFETY: the program accesses no memory; the helper uses no stack.
    let stack = unsafe { native.run(&mut []) };
    assert_eq!(
        stack % 16,
        0,
        "at a function's first instruction the ABI asks for 8: was rbpf mended? Then change the README"
    );
}
