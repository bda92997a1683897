//! Panics and backtraces pass through frames of machine code whose module told the unwinder of a table.
//!
//! Whatever may end the process runs in a child: the unwinder ends it at a frame that it does not know.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri), not(permacode_ordinary_pages)))]

use gimli::write::{
    Address, CallFrameInstruction, CommonInformationEntry, EhFrame, EndianVec, FrameDescriptionEntry, FrameTable,
};
use gimli::{Encoding, Format, LittleEndian, X86_64};
use permacode::code::Protection;
use permacode::error::PageCall;
use permacode::pages::PooledPages;
use permacode::testing::Pages;
use permacode::{CodeArena, Error, Owned};
use permacode_witness::{Child, End, in_child};
use std::backtrace::Backtrace;
use std::panic::{catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

/// `push rbp; mov rbp, rsp; call rdi; pop rbp; ret`: calls the function that it is given.
const CALLS: [u8; 8] = [0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3];

type Function = extern "C-unwind" fn();
type Calls = extern "C-unwind" fn(Function);

/// The table of functions like [`CALLS`], with its end.
fn table(functions: &[&[u8]]) -> Vec<u8> {
    let encoding = Encoding { format: Format::Dwarf32, version: 1, address_size: 8 };
    let mut common = CommonInformationEntry::new(encoding, 1, -8, X86_64::RA);
    common.add_instruction(CallFrameInstruction::Cfa(X86_64::RSP, 8));
    common.add_instruction(CallFrameInstruction::Offset(X86_64::RA, -8));
    let mut table = FrameTable::default();
    let common = table.add_cie(common);
    for code in functions {
        let mut entry =
            FrameDescriptionEntry::new(Address::Constant(code.as_ptr().addr() as u64), code.len().try_into().unwrap());
        entry.add_instruction(1, CallFrameInstruction::CfaOffset(16)); // behind `push rbp`
        entry.add_instruction(1, CallFrameInstruction::Offset(X86_64::RBP, -16));
        entry.add_instruction(4, CallFrameInstruction::CfaRegister(X86_64::RBP)); // behind `mov rbp, rsp`
        entry.add_instruction(7, CallFrameInstruction::Cfa(X86_64::RSP, 8)); // behind `pop rbp`
        table.add_fde(common, entry);
    }
    let mut section = EhFrame(EndianVec::new(LittleEndian));
    table.write_eh_frame(&mut section).unwrap();
    let mut bytes = section.0.into_vec();
    bytes.extend([0; 4]);
    bytes
}

/// Loads the function, with its table or without.
fn load(arena: &CodeArena, with_table: bool) -> Result<Calls, Error> {
    let module = arena.load_native("calls")?;
    let code = module.alloc(&CALLS, 16)?;
    if with_table {
        let table = module.alloc(&table(&[code]), 8)?;
        // SAFETY: it describes this function as it is.
        unsafe { module.set_unwind_table(table) }?;
    }
    module.seal()?;
    // SAFETY: the bytes are a function of this type, executable since the seal.
    Ok(unsafe { std::mem::transmute::<*const u8, Calls>(code.as_ptr()) })
}

fn arena() -> CodeArena {
    CodeArena::builder().reservation(1 << 20).build().unwrap()
}

extern "C-unwind" fn panics() {
    resume_unwind(Box::new("through machine code")); // a panic that says nothing
}

extern "C-unwind" fn does_nothing() {}

/// Returns what a panic brought through machine code.
fn caught(calls: Calls) -> &'static str {
    let caught = catch_unwind(|| calls(panics)).expect_err("it panics");
    caught.downcast_ref::<&'static str>().copied().expect("with a word")
}

unsafe extern "C" {
    fn _Unwind_Find_FDE(pc: *const u8, bases: *mut [usize; 3]) -> *const u8;
}

/// The entry for an instruction, where the unwinder has one.
fn entry(pc: *const u8) -> Option<usize> {
    let mut bases = [0; 3];
    // SAFETY: a place for what the function says besides.
    let entry = unsafe { _Unwind_Find_FDE(pc, &mut bases) };
    (!entry.is_null()).then(|| entry.addr())
}

#[test]
fn a_panic_passes_through_machine_code_and_drops_what_it_passes() {
    struct Noted<'a>(&'a AtomicBool);
    impl Drop for Noted<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    in_child(|| {
        let arena = arena();
        let calls = load(&arena, true).unwrap();
        calls(does_nothing);
        let dropped = AtomicBool::new(false);
        let result = catch_unwind(|| {
            let _noted = Noted(&dropped);
            calls(panics);
        });
        assert!(result.is_err() && dropped.load(Relaxed));
        for _ in 0..100 {
            assert_eq!(caught(calls), "through machine code");
        }
    });
}

#[test]
fn without_a_table_a_panic_ends_the_process_there() {
    let end = Child::run(|| {
        let arena = arena();
        let calls = load(&arena, false).unwrap();
        calls(does_nothing);
        assert_eq!(entry((calls as *const u8).wrapping_add(5)), None);
        i32::from(caught(calls) == "through machine code")
    });
    assert_eq!(end.unwrap(), End::Signal { signal: libc::SIGABRT, address: 0 });
}

#[test]
fn a_backtrace_shows_who_called_the_machine_code() {
    static BELOW: AtomicBool = AtomicBool::new(false);
    static ABOVE: AtomicBool = AtomicBool::new(false);
    extern "C-unwind" fn below_the_machine_code() {
        let trace = Backtrace::force_capture().to_string();
        BELOW.store(trace.contains("below_the_machine_code"), Relaxed);
        ABOVE.store(trace.contains("above_the_machine_code"), Relaxed);
    }
    #[inline(never)]
    fn above_the_machine_code(calls: Calls) {
        calls(below_the_machine_code);
        std::hint::black_box(());
    }
    in_child(|| {
        let arena = arena();
        above_the_machine_code(load(&arena, false).unwrap());
        if !BELOW.load(Relaxed) {
            eprintln!("NOT SHOWN: names in a backtrace: this program has no symbols");
            return;
        }
        assert!(!ABOVE.load(Relaxed), "without a table the trace ends at machine code");
        above_the_machine_code(load(&arena, true).unwrap());
        assert!(ABOVE.load(Relaxed));
    });
}

/// A place for a debugger to stop at, below machine code.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C-unwind" fn permacode_stops_here() {
    std::hint::black_box(());
}

#[inline(never)]
fn above_what_gdb_passes(calls: Calls) {
    calls(permacode_stops_here);
    std::hint::black_box(());
}

#[test]
#[ignore = "the test below runs it"]
fn calls_for_gdb() {
    let arena = arena();
    let calls = load(&arena, true).unwrap();
    above_what_gdb_passes(calls);
    println!("called");
}

// It does not read tables that the unwinder was told of. It follows frame pointers.
#[test]
fn gdb_passes_machine_code_that_keeps_frame_pointers() {
    let program = std::env::current_exe().unwrap();
    let gdb = Command::new("gdb")
        .args([
            "-nx",
            "-q",
            "-batch",
            "-ex",
            "break permacode_stops_here",
            "-ex",
            "run",
            "-ex",
            "backtrace 9",
            "--args",
        ])
        .arg(program)
        .args(["unwind_tables::calls_for_gdb", "--exact", "--ignored", "--nocapture"])
        .output();
    let said = match gdb {
        Ok(gdb) => String::from_utf8_lossy(&gdb.stdout).into_owned() + &String::from_utf8_lossy(&gdb.stderr),
        Err(error) => return eprintln!("NOT SHOWN: gdb passes machine code: gdb: {error}"),
    };
    if !said.contains("hit Breakpoint 1") {
        return eprintln!("NOT SHOWN: gdb passes machine code: it could not stop the program: {said}");
    }
    let frames: Vec<&str> = said.lines().filter(|line| line.starts_with('#')).collect();
    assert!(frames[0].contains("permacode_stops_here"), "{said}");
    let above = frames.iter().position(|frame| frame.contains("above_what_gdb_passes"));
    // It has no name for the code, and may show a word of its stack as a frame.
    assert!(above.is_some_and(|above| frames[1..above].iter().all(|frame| frame.ends_with("?? ()"))), "{said}");
}

#[test]
fn one_table_serves_all_functions_of_a_module_at_every_level() {
    in_child(|| {
        for level in [Protection::ReadOnly, Protection::SealedFile] {
            let arena = CodeArena::builder().reservation(4 << 20).protection(level).build().unwrap();
            let module = arena.load_native("many").unwrap();
            let functions: Vec<&[u8]> = (0..500).map(|_| module.alloc(&CALLS, 16).unwrap()).collect();
            let table = module.alloc(&table(&functions), 8).unwrap();
            // SAFETY: it describes these functions as they are.
            unsafe { module.set_unwind_table(table) }.unwrap();
            assert_eq!(entry(functions[0].as_ptr()), None, "not before the seal");
            module.seal().unwrap();
            for code in functions {
                let found = entry(&raw const code[6]).expect("each has an entry");
                assert!(table.as_ptr_range().contains(&std::ptr::without_provenance(found)));
                // SAFETY: one of the functions.
                let calls = unsafe { std::mem::transmute::<*const u8, Calls>(code.as_ptr()) };
                assert_eq!(caught(calls), "through machine code");
            }
        }
    });
}

// soundness S11, S13: the unwinder reads no table of an arena that is gone.
#[test]
fn a_table_is_taken_back_before_the_arena_goes() {
    in_child(|| {
        let pool = Arc::new(PooledPages::new(1).unwrap());
        for round in 0..200 {
            let arena = CodeArena::builder().reservation(64 << 10).pages(pool.clone()).build().unwrap();
            let calls = load(&arena, true).unwrap();
            let inside = (calls as *const u8).wrapping_add(5);
            assert!(entry(inside).is_some(), "{round}");
            assert_eq!(caught(calls), "through machine code");
            drop(arena);
            assert_eq!(entry(inside), None, "{round}");
            assert!(catch_unwind(|| resume_unwind(Box::new(round))).is_err());
        }
    });
}

#[test]
fn the_last_owner_of_code_takes_the_table_back() {
    in_child(|| {
        let arena = Arc::new(arena());
        let code: Owned<[u8]> = Owned::load_native(&arena, "calls", |module| {
            let code = module.alloc(&CALLS, 16)?;
            let table = module.alloc(&table(&[code]), 8)?;
            // SAFETY: it describes this function as it is.
            unsafe { module.set_unwind_table(table) }?;
            Ok::<_, Error>(code)
        })
        .unwrap();
        drop(arena);
        let inside = &raw const code[5];
        assert!(entry(inside).is_some());
        // SAFETY: the owned function.
        assert_eq!(caught(unsafe { std::mem::transmute::<*const u8, Calls>(code.as_ptr()) }), "through machine code");
        drop(code);
        assert_eq!(entry(inside), None);
    });
}

// soundness S20
#[test]
fn of_a_module_that_is_not_executable_the_unwinder_is_told_nothing() {
    in_child(|| {
        let pages = Pages::system();
        let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
        pages.fail_call(PageCall::SealExecutable, 0);
        assert!(matches!(load(&arena, true), Err(Error::Pages(error)) if error.call == PageCall::SealExecutable));
        // Dropped without a seal, and sealed read-only afterwards.
        let module = arena.load_native("dropped").unwrap();
        let code = module.alloc(&CALLS, 16).unwrap();
        let bytes = module.alloc(&table(&[code]), 8).unwrap();
        // SAFETY: it describes this function as it is.
        unsafe { module.set_unwind_table(bytes) }.unwrap();
        drop(module);
        arena.seal().unwrap();
        assert_eq!(entry(&raw const code[5]), None);
        load(&arena, true).unwrap();
        drop(arena);
        assert_eq!((pages.live(), pages.violations()), (0, 0));
    });
}

#[test]
fn a_table_is_refused_that_is_not_the_modules_or_has_no_end() {
    let arena = arena();
    let (module, other) = (arena.load_native("one").unwrap(), arena.load_native("other").unwrap());
    let code = module.alloc(&CALLS, 16).unwrap();
    let bytes = table(&[code]);
    let set = |table: &[u8]| {
        // SAFETY: refused, or true of the function.
        unsafe { module.set_unwind_table(table) }
    };
    assert_eq!(set(&bytes), Err(Error::Foreign), "not in the arena");
    assert_eq!(set(other.alloc(&bytes, 8).unwrap()), Err(Error::Foreign), "not in the module");
    let without_end = module.alloc(&bytes[..bytes.len() - 4], 8).unwrap();
    assert_eq!(set(without_end), Err(Error::UnwindTable { offset: bytes.len() - 4 }));
    let message = set(&[]).unwrap_err().to_string();
    assert_eq!(
        message,
        "the unwind table is wrong at byte 0: let its entries follow each other, and four bytes of zero end it"
    );
    let (first, second) = (module.alloc(&bytes, 8).unwrap(), module.alloc(&bytes, 8).unwrap());
    assert_eq!((set(first), set(second)), (Ok(()), Ok(())));
    in_child(move || {
        module.seal().unwrap();
        let found = entry(&raw const code[5]).unwrap();
        assert!(second.as_ptr_range().contains(&std::ptr::without_provenance(found)), "the last one counts");
    });
}

#[test]
fn children_have_their_parents_tables_and_give_them_back_for_themselves() {
    in_child(|| {
        let arena = arena();
        let calls = load(&arena, true).unwrap();
        in_child(|| {
            assert_eq!(caught(calls), "through machine code");
            let own = load(&arena, true).unwrap();
            assert_eq!(caught(own), "through machine code");
        });
        assert_eq!(caught(calls), "through machine code");
    });
}

// soundness S23
#[test]
fn threads_load_and_drop_tables_while_others_unwind() {
    in_child(|| {
        let kept = CodeArena::builder().reservation(8 << 20).build().unwrap();
        let done = AtomicBool::new(false);
        let calls = load(&kept, true).unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Relaxed) {
                        assert_eq!(caught(calls), "through machine code");
                    }
                });
            }
            let loading = [0; 2].map(|_| {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let own = arena();
                        let calls = load(&own, true).unwrap();
                        load(&kept, true).unwrap();
                        assert_eq!(caught(calls), "through machine code");
                    }
                })
            });
            let ended = loading.map(|thread| thread.join().is_ok());
            done.store(true, Relaxed);
            assert_eq!(ended, [true; 2]);
        });
    });
}
