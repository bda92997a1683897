//! What an arena holds and what it cost.

use super::code_pages::CodePages;
use super::sites::SiteCounter;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts of a [`CodeArena`](crate::CodeArena), all in bytes unless they say otherwise.
///
/// When no loader is open, `claimed = used + gaps + lost + tails`: no byte is unaccounted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Address space set aside for code.
    pub reserved: usize,
    /// Bytes of the pages that loaders have claimed.
    pub claimed: usize,
    /// Bytes of blocks in closed modules.
    pub used: usize,
    /// Zero bytes between blocks, for their alignment.
    pub gaps: usize,
    /// Zero bytes of slices that were given up because filling them failed.
    pub lost: usize,
    /// Zero bytes behind closed modules: the parked tail, paddings, and tails that were given up.
    pub tails: usize,
    /// Pages that hold bytes of closed modules.
    pub pages: usize,
    /// Pages that hold bytes of closed modules, or lie between, and are not sealed.
    pub unsealed: usize,
    /// Mappings of the kernel that the claimed pages make up.
    pub mappings: usize,
    /// Times that the system was asked to seal.
    pub seals: usize,
    /// System calls made for the arena, its creation included.
    pub system_calls: usize,
    /// Closed modules.
    pub modules: usize,
    /// Sites given out.
    pub sites: usize,
}

/// What is added up as modules close.
#[derive(Default)]
pub(super) struct Counters {
    used: AtomicUsize,
    gaps: AtomicUsize,
    lost: AtomicUsize,
    pages: AtomicUsize,
    modules: AtomicUsize,
}

impl Counters {
    /// Counts a module in, of `filled` bytes on `pages` pages that no module before it counted; `gaps` and `lost` of the bytes are no
    /// block's.
    pub(super) fn add(&self, filled: usize, gaps: usize, lost: usize, pages: usize) {
        self.used.fetch_add(filled - gaps - lost, Relaxed);
        self.gaps.fetch_add(gaps, Relaxed);
        self.lost.fetch_add(lost, Relaxed);
        self.pages.fetch_add(pages, Relaxed);
        self.modules.fetch_add(1, Relaxed);
    }

    pub(super) fn stats(&self, pages: &CodePages, sites: &SiteCounter) -> Stats {
        Stats {
            reserved: pages.len(),
            claimed: pages.claimed(),
            used: self.used.load(Relaxed),
            gaps: self.gaps.load(Relaxed),
            lost: self.lost.load(Relaxed),
            tails: pages.tails(),
            pages: self.pages.load(Relaxed),
            unsealed: pages.unsealed(),
            mappings: pages.mappings(),
            seals: pages.seals(),
            system_calls: pages.reservation().calls(),
            modules: self.modules.load(Relaxed),
            sites: sites.given(),
        }
    }
}
