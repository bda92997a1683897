//! The process ends as it would have without the report: of the same signal, at the same instruction, with the same core dump.

use super::alone::command;
use super::store;
use permacode::CodeArena;
use permacode_witness::{Child, End};
use std::mem;
use std::os::unix::process::CommandExt;
use std::ptr;

/// Sealed code, in an arena that reports only if it is asked to.
fn sealed(reports: bool) -> (CodeArena, usize) {
    let arena = CodeArena::new().unwrap();
    if reports {
        arena.report_faults().unwrap();
    }
    let module = arena.load("json").unwrap();
    let address = module.alloc_str("code").unwrap().as_ptr().addr();
    module.seal().unwrap();
    (arena, address)
}

/// Sets what the kernel does on `SIGSEGV`, whatever the standard library or a test's child installed.
fn action(action: libc::sighandler_t) {
    // SAFETY: the default action, or none.
    unsafe { libc::signal(libc::SIGSEGV, action) };
}

/// What a debugger sees of a process that dies: the instruction, the code and the address of each `SIGSEGV`, and how it ended.
fn traced(reports: bool, before: libc::sighandler_t) -> (Vec<(u64, i32, bool)>, End) {
    // In this process the address is the same as in its child.
    let (arena, address) = sealed(false);
    let child = Child::fork(|| {
        action(before);
        if reports {
            arena.report_faults().unwrap();
        }
        // SAFETY: the parent traces this process from here on, and waits for it to stop.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            libc::raise(libc::SIGSTOP);
        }
        store(address);
        0
    });
    let child = child.unwrap();
    let mut faults = Vec::new();
    loop {
        let mut status = 0;
        // SAFETY: a child of this process that is traced; the places are valid for what is asked. The last wait leaves it to `Child`.
        unsafe {
            let mut info: libc::siginfo_t = mem::zeroed();
            libc::waitid(libc::P_PID, child.pid() as u32, &mut info, libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT);
            if info.si_code == libc::CLD_KILLED || info.si_code == libc::CLD_DUMPED || info.si_code == libc::CLD_EXITED
            {
                return (faults, child.wait().unwrap());
            }
            assert_eq!(libc::waitpid(child.pid(), &mut status, 0), child.pid());
            let mut signal = libc::WSTOPSIG(status);
            if signal == libc::SIGSEGV {
                let mut registers: libc::user_regs_struct = mem::zeroed();
                let mut of_fault: libc::siginfo_t = mem::zeroed();
                libc::ptrace(libc::PTRACE_GETREGS, child.pid(), 0, &mut registers);
                libc::ptrace(libc::PTRACE_GETSIGINFO, child.pid(), 0, &mut of_fault);
                faults.push((registers.rip, of_fault.si_code, of_fault.si_addr().addr() == address));
            } else if signal == libc::SIGSTOP {
                signal = 0;
            }
            libc::ptrace(libc::PTRACE_CONT, child.pid(), 0, signal);
        }
    }
}

#[test]
fn the_last_thing_that_a_debugger_sees_is_the_store_itself() {
    for before in [libc::SIG_DFL, libc::SIG_IGN] {
        let (without, end_without) = traced(false, before);
        let (with, end_with) = traced(true, before);
        assert_eq!((without.len(), with.len()), (1, 2), "one for the report, one for the end: {with:?}");
        // A permission that lacks, at the address that was stored to.
        assert_eq!(without[0].1..=without[0].1, 2..=2);
        assert!(
            without
                .iter()
                .chain(&with)
                .all(|&(instruction, code, there)| { (instruction, code, there) == (without[0].0, 2, true) })
        );
        assert_eq!(end_with, end_without);
        assert!(matches!(end_with, End::Signal { signal: libc::SIGSEGV, .. }));
    }
}

#[test]
fn a_core_dump_is_written_if_one_would_have_been() {
    const REPORTS: &str = "PERMACODE_FAULT_REPORT_REPORTS";
    let ends = [false, true].map(|reports| {
        let folder = std::env::temp_dir().join(format!("permacode-core-{}-{reports}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let ended = command(
            || {
                action(libc::SIG_DFL);
                let (_arena, address) = sealed(std::env::var(REPORTS).is_ok_and(|reports| reports == "true"));
                store(address);
            },
            |command| {
                command.current_dir(&folder).env(REPORTS, reports.to_string());
                // SAFETY: a limit of the new process, raised as far as it may be.
                unsafe {
                    command.pre_exec(|| {
                        let mut limit: libc::rlimit = mem::zeroed();
                        libc::getrlimit(libc::RLIMIT_CORE, ptr::from_mut(&mut limit));
                        limit.rlim_cur = limit.rlim_max;
                        libc::setrlimit(libc::RLIMIT_CORE, ptr::from_ref(&limit));
                        Ok(())
                    });
                }
            },
        );
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(ended.lines().len(), usize::from(reports), "{}", ended.text);
        (ended.signal, ended.dumped)
    });
    let [without, with] = ends;
    assert_eq!(with, without);
    assert_eq!(with.0, Some(libc::SIGSEGV));
    if !without.1 {
        permacode_witness::skipped("a core dump", "this system writes none");
    }
}
