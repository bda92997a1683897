//! Bytes of a file, mapped where the kernel likes when somebody asks for them: a check, a copy, who asks an image without an arena.
//!
//! ```text
//!   trusted, at its window   begin read by one call │ tables and code mapped by the arena   nobody asks: never mapped here
//!   checked, moved, upper    the same               │ asked for: mapped once, for all       until the image is dropped
//! ```
//!
//! Invariant: the address is set once. Of two threads that ask first, one gives its mapping back.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering::*};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Bytes of a file, mapped when they are first asked for.
pub(super) struct FileBytes {
    offset: u64,
    len: usize,
    /// Null before somebody asks.
    at: AtomicPtr<u8>,
}

impl FileBytes {
    /// The `len` bytes of a file from an offset on, a multiple of a page.
    pub(super) fn new(offset: u64, len: usize) -> Self {
        Self { offset, len, at: AtomicPtr::new(ptr::null_mut()) }
    }

    /// All of them.
    ///
    /// # Safety
    ///
    /// It is the same file at each call. Its bytes do not change, and it does not become shorter, while this value lives.
    pub(super) unsafe fn get(&self, file: &File) -> io::Result<&[u8]> {
        let at = match NonNull::new(self.at.load(Acquire)) {
            Some(at) => at,
            None => self.map(file)?,
        };
        // SAFETY: mapped for as long as this value lives, readable, and unchanged by the caller's promise.
        Ok(unsafe { core::slice::from_raw_parts(at.as_ptr(), self.len) })
    }

    #[cold]
    fn map(&self, file: &File) -> io::Result<NonNull<u8>> {
        let offset = libc::off_t::try_from(self.offset).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
        // SAFETY: a new mapping at a place of the kernel's choice.
        let mapped = unsafe {
            libc::mmap(ptr::null_mut(), self.len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), offset)
        };
        let Some(at) = NonNull::new(mapped.cast::<u8>()).filter(|_| mapped != libc::MAP_FAILED) else {
            return Err(io::Error::last_os_error());
        };
        let first = self.at.compare_exchange(ptr::null_mut(), at.as_ptr(), AcqRel, Acquire);
        match first.map_or_else(NonNull::new, |_| None) {
            None => Ok(at),
            Some(other) => {
                // SAFETY: mapped right above, and nobody else knows of it.
                unsafe { libc::munmap(mapped, self.len) };
                Ok(other)
            }
        }
    }
}

impl Drop for FileBytes {
    fn drop(&mut self) {
        let at = *self.at.get_mut();
        if !at.is_null() {
            // SAFETY: this value's own mapping, which nobody refers to any more.
            unsafe { libc::munmap(at.cast(), self.len) };
        }
    }
}
