//! The memory of a store and the prefix in it: given back together, after everything that leads into it.
//!
//! With feature `fault-report` a signal handler may be looking at it then. If it may, nothing is given back. Mostly the process is about to
//! die. If its own handler lets it go on, the address space of one arena is lost. The same holds if the unwinder may read a table there.

use super::code_pages::CodePages;
#[cfg(all(feature = "fault-report", target_os = "linux"))]
use super::lookout::Posting;
use super::prefix::{Prefix, PrefixPlaced};
#[cfg(permacode_unwind_tables)]
use super::unwind_tables::UnwindTables;
use core::mem::ManuallyDrop;

pub(in crate::code) struct StoreMemory {
    /// The sealed code in front of the code pages, if there is some.
    prefix: ManuallyDrop<Option<PrefixPlaced>>,
    pages: ManuallyDrop<CodePages>,
    #[cfg(all(feature = "fault-report", target_os = "linux"))]
    posting: Posting,
    #[cfg(permacode_unwind_tables)]
    unwind_tables: UnwindTables,
}

impl StoreMemory {
    pub(super) fn new(prefix: Option<PrefixPlaced>, pages: CodePages) -> Self {
        Self {
            prefix: ManuallyDrop::new(prefix),
            pages: ManuallyDrop::new(pages),
            #[cfg(all(feature = "fault-report", target_os = "linux"))]
            posting: Posting::none(),
            #[cfg(permacode_unwind_tables)]
            // SAFETY: the memory is an arena's, and so is each table that `NativeModule` registers.
            unwind_tables: unsafe { UnwindTables::new() },
        }
    }

    #[inline]
    pub(super) fn pages(&self) -> &CodePages {
        &self.pages
    }

    #[inline]
    pub(super) fn prefix(&self) -> Option<&dyn Prefix> {
        self.prefix.as_deref()
    }

    #[cfg(all(feature = "fault-report", target_os = "linux"))]
    pub(super) fn prefix_placed(&self) -> Option<&PrefixPlaced> {
        self.prefix.as_ref()
    }

    #[cfg(all(feature = "fault-report", target_os = "linux"))]
    pub(super) fn posting(&self) -> &Posting {
        &self.posting
    }

    #[cfg(permacode_unwind_tables)]
    pub(super) fn unwind_tables(&self) -> &UnwindTables {
        &self.unwind_tables
    }
}

impl Drop for StoreMemory {
    fn drop(&mut self) {
        #[cfg(permacode_unwind_tables)]
        let is_read = !self.unwind_tables.end();
        #[cfg(not(permacode_unwind_tables))]
        let is_read = false;
        #[cfg(all(feature = "fault-report", target_os = "linux"))]
        let is_looked_at = !self.posting.end();
        #[cfg(not(all(feature = "fault-report", target_os = "linux")))]
        let is_looked_at = false;
        if is_read || is_looked_at {
            return;
        }
        // SAFETY: neither is used after this, nor dropped elsewhere.
        unsafe {
            ManuallyDrop::drop(&mut self.prefix);
            ManuallyDrop::drop(&mut self.pages);
        }
    }
}
