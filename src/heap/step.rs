//! One look at what could go back to the system, on a slow path or when the program rests.

use super::arena::HeapArena;
use crate::error::Error;
use crate::heap::slabs::{CALLS, DIRTY, Decay, GRAIN, LARGE};

impl HeapArena {
    /// Counts objects that went through a slow path, and looks at what they left if it is time for that.
    #[inline]
    pub(super) fn spend(&self, objects: usize) {
        if self.slabs().decay.spend(objects) {
            self.look();
        }
    }

    #[cold]
    #[inline(never)]
    fn look(&self) {
        let decay = &self.slabs().decay;
        let goes_on = decay.begin();
        if decay.many_anew() {
            self.release_idle();
        }
        if goes_on && decay.policy() != Decay::Never && self.step().is_err() {
            decay.refused();
        }
    }

    /// Returns what is due, by at most so many system calls. What is left then is for the next look.
    fn step(&self) -> Result<(), Error> {
        let (slabs, decay) = (self.slabs(), &self.slabs().decay);
        let before = slabs.pages.calls();
        let stop = || slabs.pages.calls() - before >= CALLS;
        if decay.policy() == Decay::Now {
            slabs.purge(DIRTY, |_| stop())?;
        }
        if let Some(keep) = decay.large_due(slabs.vacancy.large.get()) {
            let excess = slabs.vacancy.large.get().saturating_sub(keep);
            slabs.purge(LARGE, |gone| gone >= excess || stop())?;
        }
        let window_ended = decay.window_ended(slabs.vacancy.dirty.get(), slabs.out_bytes.get() / GRAIN);
        if window_ended {
            self.release_idle();
            decay.has_tails(0, slabs.tail_grains.get());
        }
        let owed = decay.owed();
        if owed != 0 {
            decay.paid(slabs.purge(DIRTY, |gone| gone >= owed || stop())?);
        }
        if (window_ended || decay.has_grown(slabs.class_slabs.get())) && decay.sparse_from.get().is_none() {
            decay.look_for_sparse(slabs.class_slabs.get());
        }
        if let Some(from) = decay.sparse_from.take() {
            if slabs.is_sparse() {
                decay.sparse_from.set(slabs.thin_out(from, stop)?);
            }
        }
        if let Some(from) = decay.tails_from.take() {
            decay.tails_from.set(slabs.cut_tails(from, stop)?.0);
        }
        if stop() || decay.sparse_from.get().is_some() || decay.tails_from.get().is_some() {
            decay.hurry();
        }
        Ok(())
    }

    /// Empties the magazines of classes that were on no slow path for a while, so that their slabs serve others.
    fn release_idle(&self) {
        for class in self.slabs().decay.idle_classes() {
            self.flush(class);
            self.slabs().vacate_open(class);
        }
    }

    /// Returns memory that nobody uses to the system, because the program is about to rest: before it waits for input, a timer or a child.
    ///
    /// A heap returns memory when it is used; while the program waits, nothing looks. This call looks, as if it were time for it: memory
    /// beyond 2 MiB goes. It returns how many bytes stay that could go. While a program calls it again and again and uses the memory in
    /// between, they become more, so that it does not pay each time. So if many stay and the wait may be long, wait for some seconds first,
    /// and call it again. It does nothing under [`Decay::Never`].
    ///
    /// It is safe to call as often as you like. No object is touched.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<[u8; 7 << 20]>());
    /// let object = heap.alloc(layout)?;
    /// // SAFETY: 7 MiB, live, of this layout, and not used any more once it is freed.
    /// unsafe {
    ///     object.write_bytes(1, 7 << 20);
    ///     heap.free(object, layout);
    /// }
    /// assert!(heap.idle() <= 2 << 20);
    /// let calls = heap.stats().system_calls;
    /// assert!(heap.idle() <= 2 << 20);
    /// assert_eq!(heap.stats().system_calls, calls); // nothing new to return
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// A look at each of 88 classes and at the clock, and a flush of magazines that were not used since the last call.
    /// At most some 512 system calls, and none if there is nothing new to return.
    pub fn idle(&self) -> usize {
        let (slabs, decay) = (self.slabs(), &self.slabs().decay);
        if decay.policy() == Decay::Never {
            return 0;
        }
        self.release_idle();
        let before = slabs.pages.calls();
        let stop = || slabs.pages.calls() - before >= CALLS;
        let dirty = slabs.vacancy.dirty.get();
        let excess = dirty.saturating_sub(decay.rest(dirty));
        if slabs.purge(DIRTY, |gone| gone >= excess || stop()).and_then(|_| self.step()).is_err() {
            decay.refused();
        }
        slabs.vacancy.dirty.get() * GRAIN
    }
}
