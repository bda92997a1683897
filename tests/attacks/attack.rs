//! What a process can try on its own code.

use super::cell::PAGE;
use super::outside;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr;

/// Linux 6.13; on files 6.15.
const MADV_GUARD_INSTALL: i32 = 102;

type Within = fn(*mut u8) -> Result<(), i32>;

/// Who attacks.
pub(crate) enum From {
    /// The process itself, at an address.
    Within(Within),
    /// Its parent, by its number.
    Outside(fn(i32, usize) -> Result<(), i32>),
    /// The process itself, to its children's disadvantage.
    BeforeFork(Within),
}

pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) from: From,
}

const fn within(name: &'static str, act: Within) -> Attack {
    Attack { name, from: From::Within(act) }
}

pub(crate) static ATTACKS: [Attack; 23] = [
    within("a store through a pointer", |at| {
        // SAFETY: none: the store that the kernel must stop.
        unsafe { at.write_volatile(0xAA) };
        Ok(())
    }),
    within("`read(2)` into it", |at| {
        let file = File::open("/dev/zero").map_err(code)?;
        // SAFETY: none for the buffer: the kernel must refuse it.
        done(unsafe { libc::read(file.as_raw_fd(), at.cast(), 8) } as i64)
    }),
    within("`mprotect` to write, and a store", |at| {
        // SAFETY: whole pages; what follows is an attack.
        done(i64::from(unsafe { libc::mprotect(at.cast(), PAGE, libc::PROT_READ | libc::PROT_WRITE) }))?;
        // SAFETY: none: what is attacked.
        unsafe { at.write_volatile(0xAA) };
        Ok(())
    }),
    within("`mprotect` to no access", |at| {
        // SAFETY: whole pages; whoever reads there dies.
        done(i64::from(unsafe { libc::mprotect(at.cast(), PAGE, libc::PROT_NONE) }))
    }),
    within("`munmap`", |at| {
        // SAFETY: whole pages; whoever reads there dies.
        done(i64::from(unsafe { libc::munmap(at.cast(), PAGE) }))
    }),
    within("`mremap` to elsewhere", |at| {
        // SAFETY: whole pages; whoever reads there dies.
        done(unsafe {
            let elsewhere =
                libc::mmap(ptr::null_mut(), PAGE, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
            libc::mremap(at.cast(), PAGE, PAGE, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED, elsewhere)
        } as i64)
    }),
    within("`mremap` of other pages over it", |at| {
        // SAFETY: whole pages of the attacker's, put in the code's place.
        done(unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let other = libc::mmap(ptr::null_mut(), PAGE, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
            libc::mremap(other, PAGE, PAGE, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED, at)
        } as i64)
    }),
    within("`mmap(MAP_FIXED)` over it", |at| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: whole pages; what was there is lost.
        done(unsafe { libc::mmap(at.cast(), PAGE, libc::PROT_READ, flags, -1, 0) } as i64)
    }),
    within("`madvise(MADV_DONTNEED)`", |at| advise(at, libc::MADV_DONTNEED)),
    // The kernel takes such pages when it needs some: here it is asked to.
    within("`madvise(MADV_FREE)`, then a shortage of memory", |at| {
        advise(at, libc::MADV_FREE)?;
        advise(at, libc::MADV_PAGEOUT)
    }),
    within("`madvise(MADV_REMOVE)`", |at| advise(at, libc::MADV_REMOVE)),
    within("`madvise(MADV_GUARD_INSTALL)`", |at| advise(at, MADV_GUARD_INSTALL)),
    Attack {
        name: "`madvise(MADV_DONTFORK)`, then a fork",
        from: From::BeforeFork(|at| advise(at, libc::MADV_DONTFORK)),
    },
    Attack {
        name: "`madvise(MADV_WIPEONFORK)`, then a fork",
        from: From::BeforeFork(|at| advise(at, libc::MADV_WIPEONFORK)),
    },
    within("a write to `/proc/self/mem`", |at| {
        let file = OpenOptions::new().write(true).open("/proc/self/mem").map_err(code)?;
        file.write_all_at(&[0xAA; 8], at.addr() as u64).map_err(code)
    }),
    within("`process_vm_writev` to itself", |at| outside::write_vm(std::process::id() as i32, at.addr())),
    within("a second descriptor of its file: `write`", |at| {
        second(at)?.write_all_at(&[0xAA; 8], PAGE as u64).map_err(code)
    }),
    within("a second descriptor: a shared, writable mapping", |at| {
        let file = second(at)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at no particular address.
        let mapped = unsafe { libc::mmap(ptr::null_mut(), 2 * PAGE, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        done(mapped as i64)?;
        // SAFETY: mapped just now, writable.
        unsafe { mapped.cast::<u8>().add(PAGE).write_volatile(0xAA) };
        Ok(())
    }),
    within("a second descriptor: `ftruncate`", |at| second(at)?.set_len(0).map_err(code)),
    within("a second descriptor: `fallocate(FALLOC_FL_PUNCH_HOLE)`", |at| {
        let file = second(at)?;
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: a descriptor and numbers.
        done(i64::from(unsafe { libc::fallocate(file.as_raw_fd(), mode, 0, 2 * PAGE as i64) }))
    }),
    Attack { name: "its parent writes to `/proc/<pid>/mem`", from: From::Outside(outside::write_mem) },
    Attack { name: "its parent: `process_vm_writev`", from: From::Outside(outside::write_vm) },
    Attack { name: "its parent as a debugger: `PTRACE_POKEDATA`", from: From::Outside(outside::poke) },
];

impl Attack {
    /// Whether the kernel knows what is tried.
    pub(crate) fn known(&self) -> bool {
        !self.name.contains("GUARD") || {
            let file = File::open("/proc/self/exe").expect("this program");
            // SAFETY: a new mapping at no particular address, of which nothing is read.
            unsafe {
                let own = libc::mmap(ptr::null_mut(), PAGE, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd(), 0);
                libc::madvise(own, PAGE, MADV_GUARD_INSTALL) == 0
            }
        }
    }
}

fn advise(at: *mut u8, advice: i32) -> Result<(), i32> {
    // SAFETY: whole pages; what becomes of them is the question.
    done(i64::from(unsafe { libc::madvise(at.cast(), PAGE, advice) }))
}

/// The file that is mapped at an address, opened once more: by a descriptor that was left, or by way of its mapping.
fn second(at: *mut u8) -> Result<File, i32> {
    let open = |path| OpenOptions::new().read(true).write(true).open(path);
    for entry in std::fs::read_dir("/proc/self/fd").map_err(code)?.flatten() {
        if std::fs::read_link(entry.path()).is_ok_and(|path| path.to_string_lossy().contains("permacode")) {
            return open(entry.path()).map_err(code);
        }
    }
    let memory = permacode_witness::memory(0, at.addr()..at.addr() + 1).map_err(code)?;
    let range = &memory.mappings.first().ok_or(libc::ENOENT)?.range;
    open(format!("/proc/self/map_files/{:x}-{:x}", range.start, range.end).into()).map_err(code)
}

pub(crate) fn done(result: i64) -> Result<(), i32> {
    if result == -1 { Err(code(std::io::Error::last_os_error())) } else { Ok(()) }
}

pub(crate) fn code(error: std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(-1)
}
