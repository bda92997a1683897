//! Pages: the only place that asks the system for memory.
//!
//! A [`PageSource`] is one way to get pages. [`SystemPages`] asks the system and can protect them. [`OrdinaryPages`] is
//! plain memory, for Miri and for platforms without a back end. [`PooledPages`] are the system's, for programs that
//! make arenas again and again. [`NamedPages`] are another source's, with a name that tools see. All logic above this folder sees only a reservation, and runs on any of them.
//!
//! ```text
//!            reserve                commit                  seal
//!   nothing ─────────▶ no access ───────────▶ read, write ────────▶ read only
//!      ▲                   ▲    ◀── decommit ──┘                        │
//!      └───── release ─────┴────────────── release ─────────────────────┘
//! ```
//!
//! Read only has levels: protected, replaced by a sealed memory file (`memory_file.rs`), fixed for ever.
//!
//! There is no arrow from *read only* back to *write* (invariant 4).
//!
//! A program that only uses arenas needs nothing of this. The life of a page, as an arena has it:
//!
//! ```
//! use permacode::pages::{OrdinaryPages, PageSource, Step};
//!
//! let (source, page) = (OrdinaryPages, OrdinaryPages.page_size());
//! let base = source.reserve(2 * page)?;
//! // SAFETY: whole pages of a reservation of this source; its first page is committed before it is used and not used when it is sealed.
//! unsafe {
//!     source.apply(Step::Commit, base, page)?;
//!     assert_eq!(base.read(), 0); // it reads as zeros
//!     base.write(7);
//!     source.apply(Step::Seal, base, page)?;
//!     assert_eq!(base.read(), 7); // a seal keeps the bytes; here it protects nothing, which `protects` says
//!     assert!(!source.protects());
//!     source.release(base, 2 * page)?; // all of it
//! }
//! # Ok::<(), permacode::error::PageError>(())
//! ```

#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod address_space;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod discard;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod leak_sanitizer;
#[cfg(all(feature = "std", target_os = "linux", any(feature = "image", not(any(miri, permacode_ordinary_pages)))))]
#[cfg_attr(any(miri, permacode_ordinary_pages), allow(dead_code))] // images alone use it then
mod memory_file;
mod named_pages;
mod ordinary;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod pool_slot;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod pooled;
mod reservation;
mod reserve;
mod source;
mod step;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod system;

pub use named_pages::NamedPages;
pub use ordinary::OrdinaryPages;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
pub use pooled::PooledPages;
pub(crate) use reservation::{Reservation, Sealable, Source, Writable};
pub(crate) use reserve::Reserve;
pub use source::PageSource;
pub use step::Step;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
pub use system::SystemPages;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri), not(permacode_ordinary_pages)))]
pub(crate) use system::keep_out_of_dumps;

/// Bytes of a huge page, where there are such: of most processors with small pages of 4 KiB. Elsewhere advice goes unheard.
pub(crate) const HUGE: usize = 2 << 20;

/// The source that an arena uses unless told otherwise: the system's pages where there is a back end, and ordinary memory elsewhere.
///
/// Name it where a source is put around another one, on whatever system.
///
/// ```
/// use permacode::pages::{DefaultPages, PageSource};
///
/// println!("sealed pages are protected here: {}", DefaultPages::default().protects());
/// ```
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
pub type DefaultPages = SystemPages;
/// The source that an arena uses unless told otherwise: the system's pages where there is a back end, and ordinary memory elsewhere.
#[cfg(not(all(unix, not(miri), not(permacode_ordinary_pages))))]
pub type DefaultPages = OrdinaryPages;

/// Ordinary memory is dumped with the rest.
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri), not(permacode_ordinary_pages))))]
pub(crate) fn keep_out_of_dumps(_base: core::ptr::NonNull<u8>, _bytes: usize) {}

/// Makes a memory file for an image of so many bytes, which a function writes, that nobody can change.
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn sealed_file(
    bytes: usize,
    write: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> std::io::Result<std::fs::File> {
    memory_file::sealed_file(bytes, memory_file::Holds::Image, write).map_err(|error| match error.code {
        0 => std::io::Error::other(error),
        code => std::io::Error::from_raw_os_error(code),
    })
}

/// Returns `true` if this process may write a file of so many bytes. A write beyond its limit would end it, by `SIGXFSZ`.
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn may_write(bytes: usize) -> bool {
    memory_file::may_be_as_long(bytes)
}

/// Opens a memory file anew so that it cannot be written to. Kernels before 6.7 map a sealed one by such a descriptor only.
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn read_only(file: &std::fs::File) -> Option<std::fs::File> {
    memory_file::read_only(file)
}

/// Returns `true` for a descriptor that cannot be written by.
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn is_read_only(file: &std::fs::File) -> bool {
    use std::os::fd::AsRawFd;
    // SAFETY: an open file; the command takes nothing and returns flags.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    flags >= 0 && flags & libc::O_ACCMODE == libc::O_RDONLY
}

/// Bytes of a page of the system.
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn page_of_system() -> usize {
    region::page::size()
}
