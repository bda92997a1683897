//! A process that has so much memory and no more.

use crate::{Child, End, status};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What held a child to its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A memory cgroup, of the first version or the second: the kernel kills what takes more.
    Cgroup,
    /// Nothing: the most that it had at once was read when it was done (`VmHWM`).
    HighWater,
}

/// Runs `body` in a child that may have `bytes` of memory. How it ended, the most memory that it had, and what held it to that.
///
/// Where this process may make a memory cgroup, the child is in one. Elsewhere the child is let run, and the number says whether it would
/// have been killed.
///
/// # Errors
///
/// The system refuses a process.
pub fn in_memory_of(bytes: usize, body: impl FnOnce()) -> io::Result<(End, usize, Bound)> {
    let (group, most) = (Group::new(bytes), Shared::new()?);
    let end = Child::run(|| {
        if let Some(group) = &group {
            group.enter().expect("this process may not enter a cgroup that its parent has made");
        }
        body();
        most.set(status("VmHWM"));
        0
    })?;
    Ok(match group {
        Some(group) => (end, group.most().unwrap_or(most.get()), Bound::Cgroup),
        None => (end, most.get(), Bound::HighWater),
    })
}

/// A cgroup of this process's own, taken away when it is dropped.
struct Group {
    path: PathBuf,
    second: bool,
}

impl Group {
    fn new(bytes: usize) -> Option<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("permacode-{}-{}", std::process::id(), MADE.fetch_add(1, Relaxed));
        for (root, second) in [("/sys/fs/cgroup/memory", false), ("/sys/fs/cgroup", true)] {
            let path = Path::new(root).join(&name);
            if fs::create_dir(&path).is_err() {
                continue;
            }
            let group = Self { path, second };
            let limit = if second { "memory.max" } else { "memory.limit_in_bytes" };
            if fs::write(group.path.join(limit), bytes.to_string()).is_ok() {
                return Some(group);
            }
        }
        None
    }

    fn enter(&self) -> io::Result<()> {
        fs::write(self.path.join("cgroup.procs"), std::process::id().to_string())
    }

    fn most(&self) -> Option<usize> {
        let most = if self.second { "memory.peak" } else { "memory.max_usage_in_bytes" };
        fs::read_to_string(self.path.join(most)).ok()?.trim().parse().ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel may need a moment to find that it is empty.
        for _ in 0..100 {
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// A number that a child tells its parent.
struct Shared(*mut usize);

impl Shared {
    fn new() -> io::Result<Self> {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at no particular address.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<usize>(), access, flags, -1, 0) };
        if page == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self(page.cast())) }
    }

    fn set(&self, number: usize) {
        // SAFETY: the page stays mapped as long as `self`; the parent reads when the child has ended.
        unsafe { self.0.write_volatile(number) };
    }

    fn get(&self) -> usize {
        // SAFETY: as above.
        unsafe { self.0.read_volatile() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the page that `new` mapped, which only this value refers to in this process.
        unsafe { libc::munmap(self.0.cast(), size_of::<usize>()) };
    }
}
