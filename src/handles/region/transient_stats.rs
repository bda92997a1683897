//! The counts of transient code.
#![forbid(unsafe_code)]

use crate::base::plural::plural;
use core::fmt;

/// Counts of [`Transients`](crate::Transients).
///
/// A snapshot of five numbers, made by [`Transients::stats`](crate::Transients::stats); keeping one costs nothing.
///
/// ```
/// use permacode::{CodeArena, CodeRef, HeapArena, Sites, Transients};
///
/// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
/// let transients = Transients::new(&arena, &heap);
/// let code: CodeRef<'_, Sites> = CodeRef::transient(&transients, |loader| loader.alloc(loader.sites(3)?))?;
/// let stats = transients.stats();
/// assert_eq!((stats.regions, stats.bytes, stats.sites, stats.free_sites), (1, 512, 16, 0));
/// assert_eq!(stats.to_string(), "1 region of 512 bytes, 1 made; 16 sites, 0 of them free");
/// drop(code);
/// let stats = transients.stats();
/// assert_eq!((stats.regions, stats.made, stats.sites, stats.free_sites), (0, 1, 16, 16)); // the numbers wait
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransientStats {
    /// Regions that are alive: a handle counts them, a copy patched from them keeps them, or a lowering function is filling them. Also
    /// those of which a handle was in an object that was swept, until the next [`sweep`](crate::Transients::sweep).
    pub regions: usize,
    /// Bytes of the heap that their blocks lie in, room included. Small objects beside them do not count. These are at
    /// most 56 bytes for each held part, a table for many parts, and one for each name and range of sites.
    pub bytes: usize,
    /// Regions made so far, those of lowering functions that failed included.
    pub made: u64,
    /// Site numbers taken from the arena, in use or not; they come in ranges of 16 to 65,536.
    pub sites: usize,
    /// Of these, the ones that wait to be used again.
    pub free_sites: usize,
}

impl fmt::Display for TransientStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { regions, bytes, made, sites, free_sites } = self;
        let (ending, site) = (plural(*regions), plural(*sites));
        write!(
            f,
            "{regions} region{ending} of {bytes} bytes, {made} made; {sites} site{site}, {free_sites} of them free"
        )
    }
}
