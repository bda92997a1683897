//! Sizes and ranges of memory.

use std::ops::Range;

/// Bytes that no arena of these tests has: a terabyte, or a gigabyte where addresses have 32 bits.
pub const VAST: usize = 1 << if usize::BITS > 32 { 40 } else { 30 };

/// Returns the system's page size.
///
/// # Panics
///
/// The system has none.
#[cfg(unix)]
pub fn page() -> usize {
    // SAFETY: asks for a number, and takes none.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

/// Returns the addresses of a block.
pub fn span<T>(block: &[T]) -> Range<usize> {
    let range = block.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// Returns `true` if each of `bytes` is `byte`; quick in a debug build.
pub fn all(bytes: &[u8], byte: u8) -> bool {
    bytes.split_first().is_none_or(|(&first, rest)| first == byte && rest == &bytes[..rest.len()])
}
