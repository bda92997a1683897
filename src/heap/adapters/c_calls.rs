//! C's calls of a heap, in Rust's words: objects aligned to 16 bytes, freed and resized by their address alone.

use crate::heap::HeapArena;
use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::{self, NonNull};

/// The alignment that C expects of an allocation: `alignof(max_align_t)`.
const ALIGN: usize = 16;

#[inline]
pub(crate) fn c_layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), ALIGN).ok()
}

#[inline]
pub(crate) fn or_null(object: Option<NonNull<u8>>) -> *mut c_void {
    object.map_or(ptr::null_mut(), |object| object.as_ptr().cast())
}

impl HeapArena {
    /// # Safety
    ///
    /// `object` is null, foreign, or a live object of this heap that the caller gives up if this succeeds.
    #[inline]
    pub(crate) unsafe fn c_realloc(&self, object: *mut u8, new: usize) -> *mut c_void {
        let Some(new_layout) = c_layout(new) else { return ptr::null_mut() };
        if object.is_null() {
            return or_null(self.alloc(new_layout).ok());
        }
        let Some((live, old_layout)) = self.layout_at(object) else {
            self.foreign(object);
            return ptr::null_mut();
        };
        let live = self.slabs().own(live);
        // SAFETY: an object of this heap; its layout has its class, which is all that counts.
        let moved = unsafe {
            let moved = self.realloc_fast(live, old_layout, new_layout);
            moved.or_else(|| self.try_realloc(live, old_layout, new_layout).ok())
        };
        // If there is no smaller place it stays in its own. It is freed by its address, so nobody has to know.
        let stays = new_layout.size() <= old_layout.size() && object.addr() % ALIGN == 0;
        or_null(moved.or(if stays { Some(live) } else { None }))
    }

    /// # Safety
    ///
    /// `object` is null, foreign, or a live object of this heap that the caller gives up.
    #[inline]
    pub(crate) unsafe fn c_free(&self, object: *mut u8) {
        if object.is_null() {
            return;
        }
        match self.layout_at(object) {
            // SAFETY: an object of this heap; its layout has its class, which is all that counts.
            Some((live, layout)) => unsafe { self.free(live, layout) },
            None => self.foreign(object),
        }
    }
}
