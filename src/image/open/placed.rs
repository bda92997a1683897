//! The code of an image in this process: at its window, shared, or elsewhere, with a linked half of its own.
//!
//! ```text
//!   at its window   ├───────── linked ─────────┼──────── leaf ────────┤   the file's pages, shared
//!   elsewhere       ├ copy, each mark moved ┄┄┄┼──────── leaf ────────┤   the linked half is this process's own
//! ```
//!
//! The window is reserved with its address as a hint, and compared. So nothing is ever replaced, whatever lies there (soundness S37). A flag for
//! that is not used: a sanitizer turns a refusal of it into a mapping at zero.

use super::bytes::FileBytes;
use super::neighbours;
use crate::image::format::{Header, ImageError, move_marked};
use crate::pages;
use alloc::string::String;
use core::fmt;
use core::ptr::NonNull;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// The reason why an image is not where it was written for, so that its linked half is this process's own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotShared {
    /// It was [asked for](crate::image::Image::open_elsewhere).
    Asked,
    /// Something lies there, such as the same image, opened a second time.
    WindowTaken {
        /// The first address of the window.
        window: usize,
        /// The mapping that lies there, as `/proc/self/maps` has it, if that can be read.
        by: Option<String>,
    },
    /// Pages are larger here than where the image was written. Both halves are copied.
    LargerPages {
        /// Bytes of a page here.
        here: usize,
        /// Bytes of a page there.
        there: usize,
    },
}

impl fmt::Display for NotShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("it was asked to be elsewhere"),
            Self::WindowTaken { window, by: Some(by) } => {
                write!(f, "the image was written for {window:#x}, where this lies: {by}")
            }
            Self::WindowTaken { window, by: None } => {
                write!(f, "the image was written for {window:#x}, where something else lies")
            }
            Self::LargerPages { here, there } => {
                write!(f, "pages have {here} bytes here, and {there} where the image was written")
            }
        }
    }
}

/// Mapped code.
pub(super) struct Placed {
    at: NonNull<u8>,
    len: usize,
    pub(super) why_not_shared: Option<NotShared>,
}

// SAFETY: nobody writes there once it is placed, and the mapping is this value's own.
unsafe impl Send for Placed {}
// SAFETY: as above.
unsafe impl Sync for Placed {}

impl Placed {
    /// Maps the code of an image that begins at an offset of a file: at its window if that can be had, and is wanted.
    ///
    /// # Safety
    ///
    /// The bytes of the image do not change while this value lives.
    pub(super) unsafe fn new(
        file: &File,
        offset: u64,
        header: &Header,
        bytes: &FileBytes,
        at_window: bool,
    ) -> Result<Self, ImageError> {
        let page = pages::page_of_system();
        let len = header.code().checked_next_multiple_of(page).ok_or(ImageError::TooLarge)?;
        let mut this = Self::reserve(if at_window { header.window } else { 0 }, len)?;
        let why = match () {
            () if header.page % page != 0 => Some(NotShared::LargerPages { here: page, there: header.page }),
            () if this.at.addr().get() == header.window => None,
            () if !at_window => Some(NotShared::Asked),
            () => {
                let by = neighbours::within(header.window..header.window + len);
                Some(NotShared::WindowTaken { window: header.window, by })
            }
        };
        let code = header.code_range();
        let file_at = |place: usize| offset + place as u64;
        match &why {
            // SAFETY: the reservation, which is this value's own.
            None => unsafe { this.share(0, header.code(), file, file_at(code.start)) }?,
            Some(NotShared::WindowTaken { .. } | NotShared::Asked) => {
                // SAFETY: as above.
                unsafe { this.share(header.linked, header.leaf, file, file_at(header.leaf_range().start)) }?;
                this.copy(0, header.linked, bytes.part(header.linked_range()), header, bytes)?;
            }
            Some(NotShared::LargerPages { .. }) => this.copy(0, len, bytes.part(code), header, bytes)?,
        }
        this.why_not_shared = why;
        Ok(this)
    }

    /// Takes address space, if it can be had at this address.
    fn reserve(window: usize, len: usize) -> Result<Self, ImageError> {
        let hint = core::ptr::without_provenance_mut(window);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping; the address is a wish that replaces nothing.
        let at = unsafe { libc::mmap(hint, len, libc::PROT_NONE, flags, -1, 0) };
        match NonNull::new(at.cast::<u8>()) {
            Some(reserved) if at != libc::MAP_FAILED => Ok(Self { at: reserved, len, why_not_shared: None }),
            _ => Err(refused("reserving the window of the image")),
        }
    }

    /// Maps bytes of the file over a part of the reservation. Whole pages.
    ///
    /// # Safety
    ///
    /// Nobody refers to that part.
    unsafe fn share(&mut self, from: usize, bytes: usize, file: &File, offset: u64) -> Result<(), ImageError> {
        if bytes == 0 {
            return Ok(());
        }
        assert!(from + bytes <= self.len, "within the reservation");
        let offset = libc::off_t::try_from(offset).map_err(|_| ImageError::TooLarge)?;
        // SAFETY: within this value's own reservation, of which the caller promises that nobody refers to it.
        let at = unsafe {
            let flags = libc::MAP_SHARED | libc::MAP_FIXED;
            libc::mmap(self.at.as_ptr().add(from).cast(), bytes, libc::PROT_READ, flags, file.as_raw_fd(), offset)
        };
        if at == libc::MAP_FAILED { Err(refused("mapping the code of the image")) } else { Ok(()) }
    }

    /// Copies code to the beginning of the reservation, and moves the addresses in it by the marks.
    fn copy(
        &mut self,
        from: usize,
        room: usize,
        code: &[u8],
        header: &Header,
        bytes: &FileBytes,
    ) -> Result<(), ImageError> {
        if room == 0 {
            return Ok(());
        }
        assert!(from + room <= self.len && code.len() <= room, "within the reservation");
        // SAFETY: within this value's own reservation.
        let protect = |access| unsafe { libc::mprotect(self.at.as_ptr().add(from).cast(), room, access) };
        if protect(libc::PROT_READ | libc::PROT_WRITE) != 0 {
            return Err(refused("making room for the image"));
        }
        // SAFETY: writable memory of this value's own, to which nobody refers yet.
        let copy = unsafe { core::slice::from_raw_parts_mut(self.at.as_ptr().add(from), code.len()) };
        copy.copy_from_slice(code);
        let moved = self.at.addr().get().wrapping_sub(header.window);
        move_marked(copy, bytes.part(header.marks_range()), moved);
        if protect(libc::PROT_READ) == 0 { Ok(()) } else { Err(refused("sealing the image")) }
    }

    /// The byte at an offset of the code, which is at most its length.
    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.len, "within the code");
        // SAFETY: within the mapping, or its end.
        unsafe { self.at.add(offset) }
    }

    /// Returns `true` if an address lies in the code.
    pub(super) fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.at.addr().get()) < self.len
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        // SAFETY: this value's own mapping, which nobody refers to any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.len) };
    }
}

fn refused(call: &'static str) -> ImageError {
    ImageError::system(call, &io::Error::last_os_error())
}
