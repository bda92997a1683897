//! The locks of a cache: a byte of one file for each name.
//!
//! ```text
//!   .lock   │ ┄┄┄┄ │5f3a…│ ┄┄┄┄┄┄┄┄┄ │81c0…│ ┄┄   no byte is ever written: the file is empty, and stays
//!                    ▲ locked by one open file, not by a process: threads exclude each other too
//! ```
//!
//! The kernel unlocks when the last descriptor of an open file is closed, so when its process dies. A child that was forked meanwhile keeps
//! the descriptor. So a lock that is done with is unlocked by a call, not by closing the file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file of a folder's locks, opened once.
pub(super) struct Locks(File);

/// A lock that is held.
pub(super) struct Held<'l> {
    locks: &'l Locks,
    slot: u64,
}

impl Locks {
    pub(super) const FILE: &'static str = ".lock";

    /// Opens the file, and makes it if there is none. Others may not open it: whoever does can lock it.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        options.open(folder.join(Self::FILE)).map(Self)
    }

    /// Takes a lock; `None` if another has it.
    ///
    /// # Errors
    ///
    /// The file system has no locks.
    pub(super) fn try_hold(&self, slot: u64) -> io::Result<Option<Held<'_>>> {
        match self.set(libc::F_WRLCK, slot) {
            Ok(()) => Ok(Some(Held { locks: self, slot })),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set(&self, kind: libc::c_int, slot: u64) -> io::Result<()> {
        let wrong = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let lock = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: libc::off_t::try_from(slot).map_err(wrong)?,
            l_len: 1,
            l_pid: 0,
        };
        // SAFETY: an open file, and a description of a range that lives during the call.
        let set = unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // If it is refused, the lock goes with the file.
        let _ = self.locks.set(libc::F_UNLCK, self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use permacode_witness::{Child, End};
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("permacode-locks-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn one_open_file_holds_a_lock_and_others_hold_other_locks() {
        let folder = folder("one");
        let (ours, theirs) = (Locks::open(&folder).unwrap(), Locks::open(&folder).unwrap());
        let held = ours.try_hold(7).unwrap().unwrap();
        assert!(theirs.try_hold(7).unwrap().is_none());
        let other = theirs.try_hold((1 << 62) - 1).unwrap();
        assert!(other.is_some() && ours.try_hold((1 << 62) - 1).unwrap().is_none());
        drop(held);
        assert!(theirs.try_hold(7).unwrap().is_some());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_lock_goes_with_the_process_that_holds_it() {
        let folder = folder("gone");
        let ours = Locks::open(&folder).unwrap();
        let end = Child::run(|| {
            let theirs = Locks::open(&folder).unwrap();
            let held = theirs.try_hold(7).unwrap().unwrap();
            std::mem::forget(held);
            // SAFETY: ends this process as `kill -9` does.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            0
        });
        assert_eq!(end.unwrap(), End::Signal { signal: libc::SIGKILL, address: 0 });
        assert!(ours.try_hold(7).unwrap().is_some());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_lock_that_is_done_with_is_free_though_a_forked_child_keeps_the_file() {
        let folder = folder("forked");
        let (ours, theirs) = (Locks::open(&folder).unwrap(), Locks::open(&folder).unwrap());
        let held = ours.try_hold(7).unwrap().unwrap();
        let child = Child::fork(|| {
            std::thread::sleep(std::time::Duration::from_secs(600));
            0
        });
        drop(held);
        drop(ours);
        assert!(theirs.try_hold(7).unwrap().is_some());
        drop(child);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
