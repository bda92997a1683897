//! The memory of a store and the prefix in it: given back together, after everything that leads into it.
//!
//! With feature `fault-report` a signal handler may be looking at it then. If it may, nothing is given back. Mostly the process is about to
//! die. If its own handler lets it go on, the address space of one arena is lost.

use super::code_pages::CodePages;
#[cfg(all(feature = "fault-report", target_os = "linux"))]
use super::lookout::Posting;
use super::prefix::{Prefix, PrefixPlaced};
use core::mem::ManuallyDrop;

pub(in crate::code) struct StoreMemory {
    /// The sealed code in front of the code pages, if there is some.
    prefix: ManuallyDrop<Option<PrefixPlaced>>,
    pages: ManuallyDrop<CodePages>,
    #[cfg(all(feature = "fault-report", target_os = "linux"))]
    posting: Posting,
}

impl StoreMemory {
    pub(super) fn new(prefix: Option<PrefixPlaced>, pages: CodePages) -> Self {
        Self {
            prefix: ManuallyDrop::new(prefix),
            pages: ManuallyDrop::new(pages),
            #[cfg(all(feature = "fault-report", target_os = "linux"))]
            posting: Posting::none(),
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
}

impl Drop for StoreMemory {
    fn drop(&mut self) {
        #[cfg(all(feature = "fault-report", target_os = "linux"))]
        if !self.posting.end() {
            return;
        }
        // SAFETY: neither is used after this, nor dropped elsewhere.
        unsafe {
            ManuallyDrop::drop(&mut self.prefix);
            ManuallyDrop::drop(&mut self.pages);
        }
    }
}
