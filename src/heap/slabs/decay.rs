//! The return of unused memory to the system: a policy, and what is learned about a program.
//!
//! ```text
//!   objects through slow paths ─▶ look ─┬─ 1 MiB of slabs used anew ──▶ magazines of idle classes go back to their slabs
//!                                       ├─ large objects left much ───▶ their memory goes, at once
//!                                       ├─ a window ends ─────────────▶ what was vacant through all of it goes
//!                                       ├─ the heap grew ─────────────▶ pages of sparse slabs go
//!                                       └─ ends of spans are many ────▶ they go
//! ```
//!
//! * Nothing is looked at on the fast path of an allocation or a free, and a step (`step.rs`) makes at most [`CALLS`] system calls.
//! * A window ends after half of the time that was chosen, or after so many objects. So what became vacant in the middle of one is gone
//!   when the next is over.
//! * What was returned and is used again is *regretted*. A program that takes and gives the same memory stops paying for it: after
//!   [`REGRETS`] such rounds as much may lie vacant as it needs. That is forgotten by halves, window by window.
//! * Pages of a sparse slab go when it was as sparse when the window before ended, and served nobody since. When a heap has grown by an eighth
//!   since they were looked for, they go at once.
//! * Regrets also make windows longer. A program that lets go of most of its memory is past what it regretted. If
//!   [`LET_GO`] times as much is dirty as is out, a window ends as early as if nothing was regretted.
//!
//! Amounts are in sixteenths of a slab, 4 KiB each.

use super::classes::{CLASSES, GRAIN};
use super::slab::GRAINS;
use crate::base::clock::SystemClock;
use core::cell::Cell;
use core::time::Duration;

/// System calls that a step makes at most.
pub(in crate::heap) const CALLS: usize = 256;
/// Objects through slow paths from one look to the next.
const LOOK: usize = 4096;
/// Slabs that are used anew until idle magazines are looked at: 1 MiB.
const ANEW: usize = 16;
/// The amount that lies vacant for good.
const KEPT: usize = (2 << 20) / GRAIN;
/// The amount that large objects may leave, after it was twice as much.
const KEPT_LARGE: usize = (4 << 20) / GRAIN;
/// The amount that may lie vacant because it was always used again.
const MOST_KEPT: usize = (256 << 20) / GRAIN;
/// Rounds that were regretted until a program is believed to need the memory.
const REGRETS: u32 = 16;
/// A window of regrets is doubled no more often than this.
const LONGEST: u32 = 6;
/// So many times what is out lies dirty when a program has let go of most of what it had.
const LET_GO: usize = 4;
/// The amount that ends of spans may take, if it is more than a sixteenth of all spans.
const TAILS: usize = (4 << 20) / GRAIN;
/// Slabs of classes that are new until sparse ones are looked for: 16 MiB, or an eighth.
const GROWN: usize = (16 << 20) / GRAIN / GRAINS;

/// The policy by which a heap gives unused memory back to the system by itself.
///
/// By default it is gone within 8 seconds, or 6 million allocations and frees that leave their fast path, whichever is sooner. All
/// policies return memory on slow paths only: a program that makes no call of its heap returns nothing. One that rests calls
/// [`HeapArena::idle`](crate::HeapArena::idle) before.
///
/// A heap learns from memory that it returned and that is used again at once. Such memory stays longer the next time, up to 64 times as long
/// while the program still uses a fifth of what it had.
///
/// | | what objects above 32 KiB leave | other memory |
/// | --- | --- | --- |
/// | `Now` | at once | at once |
/// | `After` | at once, if it is more than 8 MiB; 4 MiB stay | when nobody used it for so long; 2 MiB stay |
/// | `Never` | on request | on request |
///
/// ```
/// use permacode::HeapArena;
/// use permacode::heap::Decay;
/// use std::alloc::Layout;
/// use std::time::Duration;
///
/// let layout = Layout::new::<[u8; 64 << 20]>();
/// for (decay, more) in [(Decay::Now, 1), (Decay::After(Duration::from_secs(1)), 1), (Decay::Never, 0)] {
///     let heap = HeapArena::builder().decay(decay).build()?;
///     let object = heap.alloc(layout)?;
///     let calls = heap.stats().system_calls;
///     // SAFETY: live, of this layout, and not used any more.
///     unsafe { heap.free(object, layout) };
///     assert_eq!(heap.stats().system_calls - calls, more);
/// }
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decay {
    /// Memory goes as soon as nothing is in a slab of 64 KiB. A loop that takes and frees the same memory pays each time.
    Now,
    /// Memory goes when nobody used it for this long. 750,000 slow operations count as a second. It never goes before half of the time.
    After(Duration),
    /// Memory goes by [`trim`](crate::HeapArena::trim) and [`reset`](crate::HeapArena::reset) only.
    Never,
}

impl Default for Decay {
    /// `After` 8 seconds.
    fn default() -> Self {
        Self::After(Duration::from_secs(8))
    }
}

/// A source of time.
#[derive(Clone, Copy, Default)]
pub(in crate::heap) enum Clock {
    /// The system, which has none on some platforms.
    #[default]
    System,
    /// A test.
    Given(fn() -> Duration),
}

impl Clock {
    /// Time since some moment. Without a clock none passes: windows end by what is done alone.
    fn now(self, system: &SystemClock) -> Duration {
        match self {
            Self::Given(now) => now(),
            Self::System => system.elapsed(),
        }
    }
}

/// A heap's memory of its own past.
pub(in crate::heap) struct DecayState {
    policy: Decay,
    clock: Clock,
    system: SystemClock,
    /// Objects until the next look.
    left: Cell<usize>,
    /// Looks that are left out because the system refused.
    pause: Cell<u32>,
    /// Slabs used anew since idle magazines were looked at.
    anew: Cell<usize>,
    /// For each class, whether it was on a slow path since then.
    busy: [Cell<bool>; CLASSES],
    /// When the window began, the objects through slow paths since, and how often its length is doubled.
    began: Cell<Duration>,
    objects: Cell<u64>,
    doubled: Cell<u32>,
    /// The least that was dirty in the window, and what is still to be returned of an earlier one.
    low: Cell<usize>,
    owed: Cell<usize>,
    /// Returned by the last window's end, and by the last step for large objects.
    returned: Cell<usize>,
    returned_large: Cell<usize>,
    /// Used again since then.
    regretted: Cell<usize>,
    regretted_large: Cell<usize>,
    regrets: Cell<u32>,
    /// The amount that large objects may leave.
    keep: Cell<usize>,
    /// Slabs of classes when sparse ones were looked for, and where that goes on.
    looked: Cell<usize>,
    pub(in crate::heap) sparse_from: Cell<Option<usize>>,
    rested_only: Cell<bool>,
    pub(in crate::heap) tails_from: Cell<Option<usize>>,
}

impl DecayState {
    pub(in crate::heap) fn new(policy: Decay, clock: Clock) -> Self {
        let policy = if policy == Decay::After(Duration::ZERO) { Decay::Now } else { policy };
        Self {
            policy,
            clock,
            system: SystemClock::default(),
            left: Cell::new(LOOK),
            pause: Cell::new(0),
            anew: Cell::new(0),
            busy: [const { Cell::new(false) }; CLASSES],
            began: Cell::new(Duration::ZERO),
            objects: Cell::new(0),
            doubled: Cell::new(0),
            low: Cell::new(0),
            owed: Cell::new(0),
            returned: Cell::new(0),
            returned_large: Cell::new(0),
            regretted: Cell::new(0),
            regretted_large: Cell::new(0),
            regrets: Cell::new(0),
            keep: Cell::new(KEPT_LARGE),
            looked: Cell::new(0),
            sparse_from: Cell::new(None),
            rested_only: Cell::new(false),
            tails_from: Cell::new(None),
        }
    }

    pub(in crate::heap) fn policy(&self) -> Decay {
        self.policy
    }

    // ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Counts objects that went through a slow path. Returns `true` if it is time for a look.
    #[inline]
    pub(in crate::heap) fn spend(&self, objects: usize) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(objects));
        left <= objects
    }

    /// Has the next slow path look.
    pub(in crate::heap) fn hurry(&self) {
        // The look will count as many as if it came when it was due.
        self.objects.set(self.objects.get().wrapping_sub(self.left.replace(0) as u64));
    }

    /// A class was on a slow path.
    #[inline]
    pub(in crate::heap) fn class_used(&self, class: usize) {
        self.busy[class].set(true);
    }

    /// A class took a slab.
    pub(in crate::heap) fn slab_used(&self) {
        self.anew.set(self.anew.get() + 1);
        if self.anew.get() >= ANEW {
            self.hurry();
        }
    }

    /// Returned memory was used again.
    pub(in crate::heap) fn used_again(&self, grains: usize) {
        self.regretted.set(self.regretted.get() + grains);
        self.regretted_large.set(self.regretted_large.get() + grains);
    }

    /// Slabs were taken, and so much is dirty now.
    pub(in crate::heap) fn vacant_now(&self, dirty: usize) {
        self.low.set(self.low.get().min(dirty));
        self.owed.set(self.owed.get().min(dirty));
    }

    /// Slabs became vacant.
    pub(in crate::heap) fn became_vacant(&self, dirty: usize, large: usize) {
        let due = match self.policy {
            Decay::Now => dirty > 0,
            Decay::After(_) => large > 2 * self.keep.get(),
            Decay::Never => false,
        };
        if due {
            self.hurry();
        }
    }

    /// Spans have so much, and behind their ends so much may be resident.
    pub(in crate::heap) fn has_tails(&self, spans: usize, tails: usize) {
        if tails > TAILS.max(spans / 16) && self.policy != Decay::Never && self.tails_from.get().is_none() {
            self.tails_from.set(Some(0));
            self.hurry();
        }
    }

    // ── what is due at a look ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// Begins a look. Returns `false` if it is left out.
    pub(in crate::heap) fn begin(&self) -> bool {
        self.left.set(LOOK);
        let pause = self.pause.get();
        self.pause.set(pause.saturating_sub(1));
        self.objects.set(self.objects.get().wrapping_add(LOOK as u64));
        pause == 0
    }

    /// The system refused to take memory: ask again later.
    pub(in crate::heap) fn refused(&self) {
        self.pause.set(64);
        self.owed.set(0);
    }

    /// Returns `true` if enough slabs were used anew to look for idle classes.
    pub(in crate::heap) fn many_anew(&self) -> bool {
        self.anew.get() >= ANEW
    }

    /// The classes that were on no slow path since this was asked before.
    pub(in crate::heap) fn idle_classes(&self) -> impl Iterator<Item = usize> {
        self.anew.set(0);
        (0..CLASSES).filter(|&class| !self.busy[class].replace(false))
    }

    /// Learns whether what went before was used again, now that so much lies there.
    fn learn(&self, lies: usize) {
        let (returned, regretted) = (self.returned_large.replace(0), self.regretted_large.replace(0));
        let regrets = match returned {
            0 => self.regrets.get(),
            _ if 2 * regretted >= returned => (self.regrets.get() + 1).min(2 * REGRETS),
            _ => self.regrets.get().saturating_sub(1),
        };
        self.regrets.set(regrets);
        if regrets >= REGRETS {
            self.keep.set(lies.clamp(self.keep.get(), MOST_KEPT));
        }
    }

    /// Returns the amount that may stay of what large objects left; `None` if all of it may.
    pub(in crate::heap) fn large_due(&self, large: usize) -> Option<usize> {
        if large <= 2 * self.keep.get() {
            return None;
        }
        self.learn(large);
        let keep = self.keep.get();
        let due = large > 2 * keep;
        self.returned_large.set(if due { large - keep } else { 0 });
        due.then_some(keep)
    }

    /// Returns the amount that may stay dirty now that the program rests.
    pub(in crate::heap) fn rest(&self, dirty: usize) -> usize {
        if dirty <= KEPT {
            return KEPT;
        }
        self.learn(dirty);
        let keep = if self.regrets.get() >= REGRETS { self.keep.get() } else { KEPT };
        self.returned_large.set(dirty.saturating_sub(keep));
        keep
    }

    /// Ends the window if it is over; `true` then. So much is dirty now, and so much is out.
    pub(in crate::heap) fn window_ended(&self, dirty: usize, out: usize) -> bool {
        let Decay::After(time) = self.policy else { return false };
        let now = self.clock.now(&self.system);
        let shortest = time / 2;
        let length = shortest.saturating_mul(1 << self.doubled.get());
        // As many objects as a busy program has in that time, at 750,000 a second.
        let objects = if dirty > LET_GO * out { shortest } else { length }.as_micros() * 3 / 4;
        if now.saturating_sub(self.began.get()) < length && u128::from(self.objects.get()) < objects {
            return false;
        }
        let was_regretted = self.returned.get() != 0 && 2 * self.regretted.replace(0) >= self.returned.get();
        let doubled = self.doubled.get();
        self.doubled.set(if was_regretted { (doubled + 1).min(LONGEST) } else { doubled.saturating_sub(1) });
        self.regrets.set(self.regrets.get() / 2);
        self.keep.set((self.keep.get() / 2).max(KEPT_LARGE));
        let owed = self.low.get().saturating_sub(KEPT);
        self.returned.set(owed);
        self.owed.set(owed);
        self.low.set(dirty);
        self.began.set(now);
        self.objects.set(0);
        true
    }

    /// Returns the amount that is still to be returned.
    pub(in crate::heap) fn owed(&self) -> usize {
        self.owed.get()
    }

    /// So much was returned of what was owed.
    pub(in crate::heap) fn paid(&self, grains: usize) {
        self.owed.set(self.owed.get().saturating_sub(grains));
    }

    /// Returns `true` if classes have so many slabs more that sparse ones should be looked for.
    pub(in crate::heap) fn has_grown(&self, class_slabs: usize) -> bool {
        let looked = self.looked.get();
        class_slabs >= looked + GROWN.max(looked / 8)
    }

    /// Sparse slabs are looked for from the first on: when the heap has not grown, those that rested.
    pub(in crate::heap) fn look_for_sparse(&self, class_slabs: usize, rested_only: bool) {
        self.looked.set(class_slabs);
        self.sparse_from.set(Some(0));
        self.rested_only.set(rested_only);
    }

    /// Returns `true` if of sparse slabs only those go that rested.
    pub(in crate::heap) fn rested_only(&self) -> bool {
        self.rested_only.get()
    }
}
