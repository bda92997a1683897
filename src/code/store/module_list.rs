//! The modules that are finished, in that order.

use super::extent::ModuleRecord;
use super::record::{Published, Record};

/// The list of finished modules: appended to by compare-exchange, never shortened.
pub(in crate::code) struct Directory {
    first: Published<ModuleRecord>,
    /// A module near the end of the list, to begin the search for the end at. A hint: any module will do.
    recent: Published<ModuleRecord>,
}

impl Directory {
    /// # Safety
    ///
    /// 1. The directory becomes part of an arena.
    /// 2. Only modules of that arena are appended.
    pub(in crate::code) const unsafe fn new() -> Self {
        // SAFETY: the directory is part of an arena, and `append` is called with its modules only.
        unsafe { Self { first: Published::empty(), recent: Published::empty() } }
    }

    /// Appends a module whose record is complete.
    pub(in crate::code) fn append<'l>(&'l self, module: Record<'l, ModuleRecord>) {
        let mut end = match self.recent.get() {
            Some(recent) => recent,
            None => match self.first.set_if_empty(module) {
                Ok(()) => return self.recent.set(module),
                Err(first) => first,
            },
        };
        while let Err(next) = end.get().set_next(module) {
            end = next;
        }
        self.recent.set(module);
    }

    pub(in crate::code) fn first(&self) -> Option<Record<'_, ModuleRecord>> {
        self.first.get()
    }
}
