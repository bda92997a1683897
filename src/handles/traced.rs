//! The marks that a collection sets of code, by its handles.

use super::code_ref::CodeRef;
use crate::code::Permanent;
use crate::heap::HeapArena;

impl<T: Permanent> CodeRef<'_, T> {
    /// Marks what [`mark`](Self::mark) marks, for a collection of `heap` whose marks are all its own. It writes to no region on that heap.
    pub(crate) fn mark_in(&self, heap: &HeapArena) {
        if let Some(region) = self.region() {
            region.mark_in(heap);
        }
    }
}
