//! The contents of an arena and their cost, in numbers.

use crate::base::plural::plural;
use crate::code::store::CodeStore;
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;

/// Counts of a [`CodeArena`](crate::CodeArena), all in bytes unless they say otherwise.
///
/// When no loader is open, `claimed = used + gaps + lost + tails`: no byte is unaccounted for. The code of an image that the arena began with counts
/// as loaded and sealed. What is between its values and behind them counts as gaps. A copy of the counts
/// that [`CodeArena::stats`](crate::CodeArena::stats) found. That call says what finding costs.
///
/// ```
/// let arena = permacode::CodeArena::new()?;
/// let loader = arena.load("m")?;
/// loader.alloc(1u8)?;
/// loader.alloc(2u32)?;
/// loader.seal()?;
/// let stats = arena.stats();
/// assert_eq!((stats.used, stats.gaps, stats.pages, stats.unsealed), (5, 3, 1, 0));
/// assert_eq!(stats.claimed, stats.used + stats.gaps + stats.lost + stats.tails);
/// assert!(stats.to_string().starts_with("5 bytes of code in 1 module on 1 page"));
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeStats {
    /// Address space set aside for code. Less than it was where very many records took a part of it.
    pub reserved: usize,
    /// Bytes of the pages that loaders have claimed: data from the front of [the address range](crate::CodeArena::address_range), machine code
    /// from its back.
    pub claimed: usize,
    /// Bytes of them that were claimed for machine code, from the back.
    pub native: usize,
    /// Bytes of blocks in closed modules.
    pub used: usize,
    /// Zero bytes between blocks, for their alignment.
    pub gaps: usize,
    /// Zero bytes of slices that were given up because filling them failed.
    pub lost: usize,
    /// Zero bytes behind closed modules: tails that wait for a loader, paddings, and tails that were given up. Where a claim failed and could
    /// not be given back, because another one lay behind it already, address space without access is among them.
    pub tails: usize,
    /// Pages that hold bytes of closed modules.
    pub pages: usize,
    /// Pages that hold bytes of closed modules, or lie between, and are not sealed.
    pub unsealed: usize,
    /// Mappings of the kernel that the claimed pages and the first 16 KiB make up, all taken to be accessible. A
    /// mapping is a stretch of pages that are alike in being sealed, executable and hardened. Each file of a hardened
    /// stretch is one of its own.
    ///
    /// - Not counted: mappings that advice about huge pages makes, the rest of the reservation, the records and the
    ///   page table.
    /// - A failed claim that could not be given back has no access, but is not told apart.
    /// - If threads harden the same pages at once, the count may be off.
    pub mappings: usize,
    /// Times that the page source was asked to seal, refusals included.
    pub seals: usize,
    /// Calls to the page source made for the arena, its creation included. Most are one system call on the system's
    /// pages. A decommit is two, and asking for residency is one for each 4 MiB, so this can undercount.
    pub system_calls: usize,
    /// Closed modules.
    pub modules: usize,
    /// Sites given out.
    pub sites: usize,
}

impl CodeStats {
    pub(super) fn of(store: &CodeStore) -> Self {
        let (pages, counters) = (store.pages(), store.counters());
        let (claimed, native) = pages.claimed();
        // An image's code is sealed, and all of it was claimed when the arena was made.
        let prefix =
            store.prefix().map_or((0, 0, 0), |prefix| (prefix.used(), prefix.modules() as usize, prefix.parts().len()));
        let (used_before, modules_before, mappings_before) = prefix;
        Self {
            reserved: pages.prefix() + pages.len(),
            claimed: pages.prefix() + claimed,
            native,
            used: used_before + counters.used.load(Relaxed),
            gaps: pages.prefix().saturating_sub(used_before) + counters.gaps.load(Relaxed),
            lost: counters.lost.load(Relaxed),
            tails: pages.tails(),
            pages: pages.page().index(pages.prefix()) + counters.pages.load(Relaxed),
            unsealed: pages.unsealed(),
            mappings: mappings_before + pages.mappings(),
            seals: pages.seals(),
            system_calls: pages.reservation().calls(),
            modules: modules_before + counters.modules.load(Relaxed),
            sites: store.sites().given(),
        }
    }
}

impl fmt::Display for CodeStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reserved, claimed, native, used, gaps, lost, tails, .. } = self;
        let Self { pages, unsealed, mappings, seals, system_calls, modules, sites, .. } = self;
        write!(f, "{used} bytes of code in {modules} module{} on {pages} page{}", plural(*modules), plural(*pages))?;
        write!(f, ", {unsealed} unsealed; {claimed} of {reserved} bytes claimed, {native} of them for machine code")?;
        write!(
            f,
            "; {gaps} bytes in gaps, {lost} lost, {tails} in tails; {mappings} mapping{}, {seals} seal{}",
            plural(*mappings),
            plural(*seals)
        )?;
        write!(f, ", {system_calls} system call{}, {sites} site{}", plural(*system_calls), plural(*sites))
    }
}
