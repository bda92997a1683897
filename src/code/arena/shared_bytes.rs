//! Bytes that own their arena.

use super::arena::CodeArena;
use crate::error::Error;
use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;
use core::ops::Range;
use core::ptr::NonNull;

/// Bytes of a code arena, together with a share in the arena: for virtual machines that want an owner.
///
/// Cloning counts in the `Arc`, never in a code page. Bytes only, no typed references: a block may hold references to memory that is gone
/// when only the mapping is kept.
///
/// ```
/// use permacode::CodeArena;
/// use std::sync::Arc;
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = Arc::new(CodeArena::new()?);
/// let loader = arena.load("contract")?;
/// let code = loader.alloc_slice_copy(&[0x60u8, 0x01, 0x00])?;
/// loader.seal()?;
/// let shared = arena.share(code)?;
/// drop(arena);
/// assert_eq!(&shared[..], [0x60, 0x01, 0x00]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SharedBytes {
    bytes: NonNull<[u8]>,
    /// Keeps the mapping that `bytes` lie in.
    arena: Arc<CodeArena>,
}

// SAFETY: a shared reference to immutable bytes and an `Arc` of something `Send + Sync`.
unsafe impl Send for SharedBytes {}
// SAFETY: as above.
unsafe impl Sync for SharedBytes {}

impl CodeArena {
    /// Makes an owner for bytes of this arena. Costs one count in the `Arc`: no copy, no system call, no write to a
    /// code page.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] unless all the bytes lie in this arena. Empty bytes lie nowhere and may always be shared.
    ///
    /// ```
    /// use permacode::{CodeArena, Error};
    ///
    /// let arena = std::sync::Arc::new(CodeArena::new()?);
    /// let code = arena.load("m")?.alloc_slice_copy(&[1u8, 2, 3])?;
    /// assert_eq!(&arena.share(&code[1..])?[..], [2, 3]);
    /// assert!(matches!(arena.share(&[1, 2, 3]), Err(Error::Foreign)));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn share(self: &Arc<Self>, bytes: &[u8]) -> Result<SharedBytes, Error> {
        let (pages, address) = (self.store().pages(), bytes.as_ptr().addr());
        let holds = |range: &Range<usize>, start| range.contains(&start) && bytes.len() <= range.end - start;
        let in_prefix = self.store().in_prefix(address).is_some_and(|(_, start)| holds(&(0..pages.prefix()), start));
        let claimed = |start| pages.claimed_ranges().iter().any(|claimed| holds(claimed, start));
        let inside = in_prefix || pages.offset(address).is_some_and(claimed);
        if !bytes.is_empty() && !inside {
            return Err(Error::Foreign);
        }
        let bytes = if bytes.is_empty() { NonNull::from(&[]) } else { NonNull::from(bytes) };
        Ok(SharedBytes { bytes, arena: Arc::clone(self) })
    }
}

impl SharedBytes {
    /// Returns the arena that the bytes lie in. Costs nothing; cloning it counts.
    ///
    /// ```
    /// use permacode::CodeArena;
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let shared = arena.share(arena.load("m")?.alloc_str("code")?.as_bytes())?;
    /// assert!(Arc::ptr_eq(shared.arena(), &arena));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn arena(&self) -> &Arc<CodeArena> {
        &self.arena
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `share` was given a reference to these bytes, in a block that never changes (invariant 2), and the arena is kept alive.
        unsafe { self.bytes.as_ref() }
    }
}

impl AsRef<[u8]> for SharedBytes {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedBytes").field(&self.bytes.len()).finish()
    }
}
