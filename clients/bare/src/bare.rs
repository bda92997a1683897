//! What `core` and `alloc` lack where there is no system: an entry, an allocator, an output and an end.
//!
//! ```text
//!   _start ──▶ entry ──▶ machine ──▶ arenas on OrdinaryPages ──▶ Memory, a static piece of 64 MiB that takes nothing back
//!                 └────▶ write(1, ..), exit(..)
//! ```
//!
//! The target `x86_64-unknown-none` knows no system. A Linux kernel can run its programs all the same, and this one says what it did by two of
//! that kernel's calls.

use crate::machine;
use core::alloc::{GlobalAlloc, Layout};
use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

// The stack pointer is a multiple of 16 here. The call makes it what a function expects.
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "call {entry}", "ud2", entry = sym entry);

extern "C" fn entry() -> ! {
    match machine::run() {
        Ok(text) => {
            let _ = writeln!(Output, "{text}");
            exit(0)
        }
        Err(error) => {
            let _ = writeln!(Output, "refused: {error}");
            exit(1)
        }
    }
}

#[panic_handler]
fn panicked(panic: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Output, "{panic}");
    exit(2)
}

/// The standard output, by Linux's call 1.
struct Output;

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the call reads as many bytes as there are, and changes the named registers only.
        unsafe {
            asm!("syscall", inlateout("rax") 1usize => _, in("rdi") 1usize, in("rsi") text.as_ptr(), in("rdx") text.len(),
                out("rcx") _, out("r11") _, options(nostack));
        }
        Ok(())
    }
}

/// Ends the process, by Linux's call 60.
fn exit(code: usize) -> ! {
    // SAFETY: the call does not return.
    unsafe { asm!("syscall", in("rax") 60usize, in("rdi") code, options(noreturn, nostack)) }
}

const BYTES: usize = 64 << 20;

#[global_allocator]
static MEMORY: Memory = Memory { bytes: UnsafeCell::new([0; BYTES]), taken: AtomicUsize::new(0) };

/// An allocator for one short run.
struct Memory {
    bytes: UnsafeCell<[u8; BYTES]>,
    taken: AtomicUsize,
}

// SAFETY: each byte is given out once, to whoever moved the counter past it.
unsafe impl Sync for Memory {}

// SAFETY: what is given out lies within the piece, is aligned as asked, and is nobody else's.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base: *mut u8 = self.bytes.get().cast();
        let place = |taken: usize| {
            let start = base.addr().checked_add(taken)?.checked_next_multiple_of(layout.align())? - base.addr();
            Some((start, start.checked_add(layout.size()).filter(|end| *end <= BYTES)?))
        };
        let taken = self.taken.fetch_update(Relaxed, Relaxed, |taken| place(taken).map(|(_, end)| end));
        match taken.ok().and_then(place) {
            // SAFETY: within the piece.
            Some((start, _)) => unsafe { base.add(start) },
            None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
