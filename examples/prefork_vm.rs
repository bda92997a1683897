//! A pre-fork server around a machine of one's own: `cargo run --example prefork_vm`.
//!
//! The parent loads the program and warms the machine up. Then each step makes pages that the workers share, or keeps them shared:
//!
//! ```text
//!   parent    load ─ finish ─▶ seal ─▶ collect ─▶ trim ─▶ fence ─▶ flush ─▶ fork ─┬─▶ wait ─▶ lift the fence
//!   worker                                                                        └─▶ work ─▶ assert ─▶ flush ─▶ _exit
//! ```
//!
//! A worker never lifts the fence, so its new objects go to pages that nobody shares. It leaves by `_exit`: destructors and buffers are the parent's.

use permacode::kit::Collect;
use permacode::{CodeArena, DualArena, Gc, HeapArena, Permanent};
use std::cell::Cell;
use std::error::Error;
use std::io::{self, Write};

/// A function: permanent code, which no worker copies.
#[derive(Permanent)]
struct Function<'a> {
    ops: &'a [Op],
    calls: &'a [&'a Function<'a>],
}

#[derive(Permanent, Clone, Copy)]
enum Op {
    Argument,
    Push(i64),
    Add,
    Multiply,
    /// Takes a value, and ends the function with 0 if it is 0.
    EndIfZero,
    /// Puts the value on the machine's list, as an object of the heap, and leaves it.
    Remember,
    Call(u8),
    /// Calls the function that it stands in.
    Recur,
}

#[derive(Collect)]
struct Remembered<'h> {
    value: i64,
    older: Option<Gc<'h, Remembered<'h>>>,
}

struct Machine<'h> {
    heap: &'h HeapArena,
    newest: Cell<Option<Gc<'h, Remembered<'h>>>>,
}

impl Machine<'_> {
    fn run(&self, function: &Function<'_>, argument: i64) -> Result<i64, Box<dyn Error>> {
        let mut stack: Vec<i64> = Vec::new();
        for op in function.ops {
            let mut pop = || stack.pop().ok_or("a function without a value");
            let value = match *op {
                Op::Argument => argument,
                Op::Push(value) => value,
                Op::Add => pop()?.wrapping_add(pop()?),
                Op::Multiply => pop()?.wrapping_mul(pop()?),
                Op::EndIfZero if pop()? == 0 => return Ok(0),
                Op::EndIfZero => continue,
                Op::Remember => {
                    let value = pop()?;
                    self.newest.set(Some(Gc::new(self.heap, Remembered { value, older: self.newest.get() })?));
                    value
                }
                Op::Call(number) => {
                    self.run(function.calls.get(usize::from(number)).ok_or("no such function")?, pop()?)?
                }
                Op::Recur => self.run(function, pop()?)?,
            };
            stack.push(value);
        }
        stack.pop().ok_or_else(|| "a function without a value".into())
    }

    /// Frees what is not on the list.
    fn collect(&self) -> Result<usize, permacode::Error> {
        // SAFETY: the list alone holds objects, and nobody has one while this runs. The closure only traces.
        Ok(unsafe { self.heap.collect(|marker| marker.trace(&self.newest)) }?.objects)
    }
}

/// `squares(n)`: the sum of the squares of 1 to n, each of which is remembered.
fn load(arena: &CodeArena) -> Result<&Function<'_>, permacode::Error> {
    let module = arena.load("arithmetic")?;
    let ops = module.alloc_slice_copy(&[Op::Argument, Op::Argument, Op::Multiply, Op::Remember])?;
    let square = module.alloc(Function { ops, calls: &[] })?;
    module.finish();
    let module = arena.load("main")?;
    let (n, rest) = ([Op::Argument, Op::EndIfZero], [Op::Argument, Op::Push(-1), Op::Add, Op::Recur, Op::Add]);
    let ops = [&n[..], &[Op::Argument, Op::Call(0)], &rest].concat();
    let (ops, calls) = (module.alloc_slice_copy(&ops)?, module.alloc_slice_copy(&[square])?);
    let squares = module.alloc(Function { ops, calls })?;
    module.finish();
    Ok(squares)
}

/// Serves so many requests in each of so many workers. Returns the exit codes of the workers: 0 for one that copied no code.
#[cfg(target_os = "linux")]
fn serve(workers: usize, requests: i64) -> Result<Vec<i32>, Box<dyn Error>> {
    let arenas = DualArena::new()?;
    let (squares, machine) = (load(&arenas.code)?, Machine { heap: &arenas.heap, newest: Cell::new(None) });
    machine.run(squares, 500)?; // warm up: what workers need anyway is made once
    machine.newest.set(None);
    machine.run(squares, 100)?;

    arenas.code.seal()?; // no page of code can be written to
    println!("{} objects were garbage", machine.collect()?); // so that no worker frees them in pages that it shares
    arenas.heap.trim()?; // and none inherits memory that nobody uses
    arenas.heap.fence(); // new objects share no page with old ones
    io::stdout().flush()?; // else each worker would write what waits in the buffer

    let work = |number: usize| -> Result<(), Box<dyn Error>> {
        let mut last = 0;
        for request in 1..=requests {
            last = machine.run(squares, request)?;
            if request % 50 == 0 {
                machine.collect()?; // it marks beside the objects, and writes to none
            }
        }
        arenas.code.assert_not_copied(); // while the parent lives; for tests
        let (copied, sealed) = arenas.code.residency()?.copied();
        println!(
            "worker {number}: {requests} requests, the last sum is {last}; copied {copied} of {sealed} bytes of code"
        );
        Ok(io::stdout().flush()?)
    };
    let mut children = Vec::new();
    for number in 0..workers {
        // SAFETY: the child runs what follows in this arm, and ends without a return.
        match unsafe { libc::fork() } {
            -1 => return Err(io::Error::last_os_error().into()),
            0 => {
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(number)));
                let code = i32::from(!matches!(ended, Ok(Ok(()))));
                // SAFETY: ends the child at once; destructors and buffers are the parent's.
                unsafe { libc::_exit(code) }
            }
            child => children.push(child),
        }
    }
    let mut codes = Vec::new();
    for child in children {
        let mut status = 0;
        // SAFETY: a child of this process, and a place for its status.
        unsafe { libc::waitpid(child, &mut status, 0) };
        codes.push(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 });
    }
    arenas.heap.lift_fence(); // only here, and only if the parent forks no more
    Ok(codes)
}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn Error>> {
    let codes = serve(4, 200)?;
    if codes.iter().all(|&code| code == 0) { Ok(()) } else { Err(format!("workers ended with {codes:?}").into()) }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("which pages a worker has copied is known on Linux only");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_remembers_what_its_code_says_and_frees_the_rest() {
        let arenas = DualArena::new().unwrap();
        let (squares, machine) = (load(&arenas.code).unwrap(), Machine { heap: &arenas.heap, newest: Cell::new(None) });
        assert_eq!(machine.run(squares, 10).unwrap(), 385);
        assert_eq!(machine.newest.get().map(|newest| newest.value), Some(1));
        machine.newest.set(None);
        machine.run(squares, 3).unwrap();
        assert_eq!((machine.collect().unwrap(), arenas.heap.stats().objects), (10, 3));
        let oldest = machine.newest.get().and_then(|newest| newest.older?.older);
        assert_eq!(oldest.map(|oldest| oldest.value), Some(9));
        let broken = Function { ops: &[Op::Add], calls: &[] };
        assert!(machine.run(&broken, 1).is_err() && machine.run(&Function { ops: &[], calls: &[] }, 1).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn workers_serve_and_copy_no_code() {
        assert_eq!(serve(3, 100).unwrap(), [0; 3]);
    }
}
