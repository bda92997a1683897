//! The home of code that threads share and count: what its regions have in common.
//!
//! ```text
//!   Arc { SharedHome { sites │ regions │ clear │ arena ─▶ Arc<CodeArena> } }
//!     ▲          ▲
//!     user       each SharedRegion, as long as it lives
//! ```

use super::site_boards::BoardRange;
use super::site_lease::SiteLease;
use crate::code::{CodeArena, Sites};
use crate::error::Error;
use crate::handles::region::boxed;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::mem;
use core::ops::Range;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Sites that are cleared at once.
const LONGEST: usize = 1 << 15;

/// A function that clears site numbers.
type Clear = Box<dyn Fn(Sites) + Send + Sync>;

/// A home of transient code that threads share: code of an evaluation that any thread may hold, run and free.
///
/// [`Owned::transient`](crate::Owned::transient) makes such code. Each has memory of its own, which the last owner frees. The home is
/// what they have in common: the arena whose names and site numbers they use, and site numbers that are used again. Make one for each program or
/// machine, in an [`Arc`]. When a home goes, its site numbers are for the next owner of transient code in the arena, of either kind.
///
/// For code of one thread use [`Transients`](crate::Transients): its handles are one word, and count without atomics.
///
/// ```
/// use permacode::owned::SharedHome;
/// use permacode::{CodeArena, Error, Owned, Permanent};
/// use std::sync::Arc;
/// use std::thread;
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
/// }
///
/// # fn main() -> Result<(), Error> {
/// let home = Arc::new(SharedHome::new(Arc::new(CodeArena::new()?)));
/// let code: Owned<Code<'static>> = Owned::transient(&home, |loader| {
///     loader.alloc(Code { name: loader.intern("<eval>")?, ops: loader.alloc_slice_copy(&[1, 2])? })
/// })?;
/// let other = code.clone();
/// thread::spawn(move || assert_eq!(other.get().ops, [1, 2])).join().unwrap();
/// assert_eq!(home.regions(), 1);
/// drop(code);
/// assert_eq!(home.regions(), 0);
/// # Ok(())
/// # }
/// ```
///
/// # Leaks
///
/// A [closure](Self::clearing) that owns code of its own home is a cycle, and keeps both.
pub struct SharedHome {
    arena: Arc<CodeArena>,
    sites: SiteLease,
    regions: AtomicUsize,
    clear: Option<Clear>,
}

// SAFETY: all that the boards have is atomic, or is written before others find it. Of the pool beside them only the home's maker and its last
// owner take notice. The rest is `Send` and `Sync`.
unsafe impl Send for SharedHome {}
// SAFETY: as above.
unsafe impl Sync for SharedHome {}

// A lowering function that panics leaves nothing behind, as one that fails. What `clearing` did not clear is cleared before it is used.
impl UnwindSafe for SharedHome {}
impl RefUnwindSafe for SharedHome {}

impl SharedHome {
    /// Makes a home of this arena, which the home and its code keep.
    ///
    /// ```
    /// use permacode::CodeArena;
    /// use permacode::owned::SharedHome;
    /// use std::sync::Arc;
    ///
    /// let home = Arc::new(SharedHome::new(Arc::new(CodeArena::new()?)));
    /// assert_eq!(home.regions(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// As many homes as an arena ever has at once, so many records in its ledger, of some 600 bytes each. Site numbers that an earlier home left are
    /// moved here, and back when the home goes. That costs 280 bytes for each 32 ranges, and an allocation.
    pub fn new(arena: Arc<CodeArena>) -> Self {
        Self { sites: SiteLease::new(&arena), arena, regions: AtomicUsize::new(0), clear: None }
    }

    /// Sets a closure that clears site numbers before they are used again. It is called with numbers whose code is gone and that new code is
    /// about to get, on the thread that makes the new code.
    ///
    /// Set it if you have side tables, or new code finds old code's entries in them: [`Transients::clearing`](crate::Transients::clearing)
    /// says more. Entries must be atomics, because any thread may call the closure. Entries with a `Cell`, such as an
    /// [`InlineCache`](crate::side::InlineCache), need a [`Home`](crate::handles::Home).
    ///
    /// If the closure panics, the numbers are cleared again before the next use. Numbers that are new are not cleared.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] when there is none for the closure.
    ///
    /// ```
    /// use permacode::owned::{OwnedSideTable, SharedHome};
    /// use permacode::{CodeArena, Error, Owned, Sites};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    ///
    /// # fn main() -> Result<(), Error> {
    /// let arena = Arc::new(CodeArena::new()?);
    /// let table: Arc<OwnedSideTable<AtomicU32>> = Arc::new(OwnedSideTable::new(&arena)?);
    /// let cleared = table.clone();
    /// let home = SharedHome::new(arena).clearing(move |sites: Sites| {
    ///     cleared.get().present(sites).iter().for_each(|entry| entry.store(0, Relaxed));
    /// })?;
    /// let home = Arc::new(home);
    /// for _ in 0..1000 {
    ///     let code: Owned<Sites> = Owned::transient(&home, |loader| loader.alloc(loader.sites(1)?))?;
    ///     assert_eq!(table.get().of(*code)?[0].swap(7, Relaxed), 0);
    /// }
    /// assert_eq!(home.arena().stats().sites, 16); // one range, used again and again
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// An object for what the closure owns. Later one call for each range that is used again, two for one of 65,536 numbers.
    pub fn clearing(mut self, clear: impl Fn(Sites) + Send + Sync + 'static) -> Result<Self, Error> {
        self.clear = Some(boxed(clear)?);
        Ok(self)
    }

    /// Returns the arena that names and site numbers come from, and that code is promoted to. Costs nothing.
    ///
    /// ```
    /// use permacode::owned::SharedHome;
    /// use permacode::{CodeArena, Owned};
    /// use std::sync::Arc;
    ///
    /// let home = Arc::new(SharedHome::new(Arc::new(CodeArena::new()?)));
    /// let code: Owned<u32> = Owned::transient(&home, |loader| loader.alloc(7))?;
    /// assert!(!home.arena().contains(code.get()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn arena(&self) -> &Arc<CodeArena> {
        &self.arena
    }

    /// Returns the number of regions that live: evaluations of which there is an owner, and those that are being made. Costs a load.
    ///
    /// ```
    /// use permacode::owned::SharedHome;
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let home = Arc::new(SharedHome::new(Arc::new(CodeArena::new()?)));
    /// let code: Owned<u32> = Owned::transient(&home, |loader| loader.alloc(7))?;
    /// let refused = Owned::<u32>::transient(&home, |_| Err(Error::Foreign));
    /// assert_eq!((home.regions(), refused.err()), (1, Some(Error::Foreign)));
    /// # drop(code);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn regions(&self) -> usize {
        self.regions.load(Relaxed)
    }

    // ── what regions need ───────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn add_region(&self) {
        self.regions.fetch_add(1, Relaxed);
    }

    pub(super) fn remove_region(&self) {
        self.regions.fetch_sub(1, Relaxed);
    }

    /// A range of at least `count` site numbers, cleared if it was used before.
    pub(super) fn take_sites(&self, count: usize) -> Result<TakenSites<'_>, Error> {
        let (range, used) = self.sites.take(&self.arena, count)?;
        let taken = TakenSites { home: self, range };
        if let (Some(clear), true) = (&self.clear, used) {
            taken.clear(clear);
        }
        Ok(taken)
    }

    /// Takes a range back.
    ///
    /// # Safety
    ///
    /// 1. The range came from this home.
    /// 2. Nobody uses its numbers any more.
    pub(super) unsafe fn give_back(&self, range: BoardRange) {
        // SAFETY: the caller's promise.
        unsafe { self.sites.give_back(range) };
    }
}

/// Site numbers that are nobody's yet; dropping them gives them back.
pub(super) struct TakenSites<'h> {
    home: &'h SharedHome,
    range: BoardRange,
}

impl TakenSites<'_> {
    fn clear(&self, clear: &Clear) {
        let Range { start, end } = self.range.numbers();
        for start in (start..end).step_by(LONGEST) {
            let len = LONGEST.min(end - start);
            clear(self.home.arena.site_counter().part(start as u32, len as u16));
        }
    }

    pub(super) fn range(&self) -> BoardRange {
        self.range
    }

    /// Leaves the numbers to whoever gives them back.
    pub(super) fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for TakenSites<'_> {
    fn drop(&mut self) {
        // SAFETY: 1. It was taken from there. 2. It was given to nobody.
        unsafe { self.home.give_back(self.range) };
    }
}

impl Drop for SharedHome {
    /// Leaves the site numbers that wait to the next owner of transient code in this arena.
    fn drop(&mut self) {
        // SAFETY: its only arena.
        unsafe { self.sites.end(&self.arena) };
    }
}

impl fmt::Debug for SharedHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedHome").field("regions", &self.regions()).finish_non_exhaustive()
    }
}
