//! Blocks that are filled after they are made: for code that another language lowers.

use super::loader::Loader;
use crate::error::Error;
use core::alloc::Layout;
use core::ptr::NonNull;

impl Loader<'_> {
    /// Allocates zeroed bytes that you fill afterwards, through the pointer. For lowering that is not written in Rust.
    ///
    /// The block is at the disposal of whoever has the pointer until the module is closed, or the evaluation of
    /// [transient](crate::Transients) code ends. Prefer [`alloc`](Self::alloc) and its kin: they need no `unsafe`.
    ///
    /// Writing to the block is sound under these conditions:
    ///
    /// 1. No write happens after the module was finished, sealed or dropped.
    /// 2. No reference to what is written was made before.
    ///
    /// # Errors
    ///
    /// As for [`alloc_padded`](Self::alloc_padded).
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// let module = arena.load("m")?;
    /// let block = module.alloc_zeroed(Layout::new::<[u32; 2]>())?.cast::<[u32; 2]>();
    /// // SAFETY: the module is open, and there is no reference yet.
    /// unsafe { block.write([block.read()[1], 7]) };
    /// module.seal()?;
    /// // SAFETY: nobody writes to it any more, and the arena stays.
    /// assert_eq!(unsafe { block.as_ref() }, &[0, 7]);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn alloc_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        let block = self.place_aligned(layout)?;
        if self.region().is_some() {
            // SAFETY: placed just now. Code pages are zero, and a region's memory may be used.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        Ok(block)
    }
}
