//! Sealing what is closed, and hardening what is sealed: the steps of code pages to the right of *closed*.
//!
//! ```text
//!   closed ──mprotect──▶ sealed ──a sealed memory file in its place──▶ replaced ──mseal──▶ fixed
//! ```
//!
//! Threads may take the same step for the same pages at once: the bytes are the same, marks are only ever added, and what the system
//! refuses because it is done already is no refusal. A stretch that is refused keeps nobody from the others.

use super::code_pages::CodePages;
use super::extent::Extent;
use super::hardening::Hardening;
use super::page_table::Mark;
use crate::error::PageError;
use crate::pages::HUGE;
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

impl CodePages {
    // ── sealing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Seals the pages of an extent that was left padded. Others may seal, replace and fix the same pages meanwhile.
    pub(super) fn seal_extent(&self, extent: &Extent) -> Result<(), PageError> {
        let pages = self.page().touched(extent.start()..extent.end());
        let mut refused = None;
        let mut from = pages.start;
        while let Some(stretch) = self.table.next_unsealed(from..pages.end) {
            from = stretch.end;
            refused = refused.or(self.seal(stretch).err());
        }
        refused.map_or_else(|| self.raise(pages), Err)
    }

    /// Makes the pages of an extent executable that was left padded, for its loader alone to seal. Whatever comes of it, others may seal
    /// them from then on.
    pub(super) fn seal_executable_extent(&self, extent: &Extent) -> Result<(), PageError> {
        let pages = self.page().touched(extent.start()..extent.end());
        if pages.is_empty() {
            return Ok(());
        }
        self.seals.fetch_add(1, Relaxed);
        // SAFETY: the loader that could write there is finished, and nobody else seals what is not marked as closed.
        let sealed = unsafe { self.reservation.seal_executable(self.reserved(self.page().span(pages.clone()))) };
        if sealed.is_ok() {
            self.table.set(Mark::Executable, pages.clone());
            self.table.seal(pages.clone());
        }
        self.table.set(Mark::Closed, pages.clone());
        sealed.and_then(|()| self.raise(pages))
    }

    /// Pads the parked tail to its next page, and seals every page that is closed and not sealed. Returns how many. If the system
    /// refuses a stretch, the others are sealed all the same.
    pub(super) fn seal_closed(&self) -> Result<usize, PageError> {
        if let Some(run) = self.parked.take() {
            let (resume, padded) = (run.resume(), self.ceil(run.resume()));
            self.give_up(resume..padded);
            run.set_resume(padded);
            self.park(run);
        }
        let end = self.page().index(self.claimed());
        let (mut from, mut sealed, mut refused) = (0, 0, None);
        while let Some(stretch) = self.table.next_unsealed(from..end) {
            from = stretch.end;
            match self.seal(stretch.clone()).and_then(|pages| self.raise(stretch).map(|()| pages)) {
                Ok(pages) => sealed += pages,
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        if self.strict && self.level >= Hardening::MemFile {
            // What an earlier seal did not reach.
            refused = refused.or(self.replace_sealed().err());
        }
        refused.map_or(Ok(sealed), Err)
    }

    fn seal(&self, pages: Range<usize>) -> Result<usize, PageError> {
        self.seals.fetch_add(1, Relaxed);
        // SAFETY: closed pages: whoever could write there is finished. Sealing a sealed page again changes nothing, so two threads may
        // seal the same stretch. If this fails half-way, the pages stay closed and are tried again.
        let sealed = unsafe { self.reservation.seal(self.reserved(self.page().span(pages.clone()))) };
        // Another thread may have sealed them, and fixed them since: then the system refuses what is done already.
        if sealed.is_err() && !self.table.is_set(Mark::Sealed, pages.clone()) {
            sealed?;
        }
        self.table.seal(pages.clone());
        Ok(pages.len())
    }

    /// Makes sealed pages what the arena's seals are to reach beyond protection; an error only where that is wanted.
    fn raise(&self, pages: Range<usize>) -> Result<(), PageError> {
        let reached = if self.level >= Hardening::MemFile { self.replace_sealed_of(pages.clone()) } else { Ok(()) };
        // A memory file lies on small pages.
        if self.huge && !self.table.is_set(Mark::Replaced, pages.clone()) {
            self.collapse(pages);
        }
        if self.strict { reached } else { Ok(()) }
    }

    /// Asks that sealed pages lie on huge ones wherever a huge page's worth of them is sealed now: the huge pages that `pages` is part of,
    /// those in a row by one call, because the kernel empties a queue of each processor for every call.
    fn collapse(&self, pages: Range<usize>) {
        let bytes = self.page().span(pages);
        let around = bytes.start.saturating_sub(HUGE - 1)..(bytes.end + (HUGE - 1)).min(self.len);
        let part = self.huge_part(around);
        let sealed = |start: usize| self.table.is_set(Mark::Sealed, self.page().touched(start..start + HUGE));
        let mut start = part.start;
        while start < part.end {
            let end = (start..part.end).step_by(HUGE).find(|&huge| !sealed(huge)).unwrap_or(part.end);
            if start != end {
                // SAFETY: sealed pages. A refusal changes nothing but how fast it is.
                self.refusal.note(&unsafe { self.reservation.huge(self.reserved(start..end), true) });
            }
            start = end + HUGE;
        }
    }

    /// Shows each stretch of sealed pages, as offsets that ascend.
    #[cfg(all(feature = "residency", target_os = "linux"))]
    pub(super) fn each_sealed<E>(&self, mut show: impl FnMut(Range<usize>) -> Result<(), E>) -> Result<(), E> {
        let mut show = |stretch: Range<usize>| if stretch.is_empty() { Ok(()) } else { show(stretch) };
        let mut stretch = 0..0;
        for page in 0..self.page().index(self.claimed()) {
            let span = self.page().span(page..page + 1);
            if !self.table.is_set(Mark::Sealed, page..page + 1) {
                continue;
            }
            if stretch.end != span.start {
                show(core::mem::replace(&mut stretch, span.start..span.start))?;
            }
            stretch.end = span.end;
        }
        show(stretch)
    }

    // ── hardening ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Puts a sealed memory file in the place of sealed pages, which are alike in being executable.
    fn replace(&self, pages: Range<usize>, executable: bool) -> Result<(), PageError> {
        let replaced = self.put_file(pages, executable);
        self.refusal.note(&replaced);
        replaced
    }

    fn put_file(&self, pages: Range<usize>, executable: bool) -> Result<(), PageError> {
        // SAFETY: sealed pages. Two threads may replace the same ones: the bytes are the same.
        unsafe { self.reservation.replace(self.reserved(self.page().span(pages.clone())), executable) }?;
        self.table.replace(pages);
        Ok(())
    }

    /// Replaces all sealed pages that are not yet, by stretches. If the system refuses one, the others are replaced all the same.
    pub(super) fn replace_sealed(&self) -> Result<(), PageError> {
        self.replace_sealed_of(0..self.page().index(self.claimed()))
    }

    fn replace_sealed_of(&self, pages: Range<usize>) -> Result<(), PageError> {
        self.each_stretch(pages, Mark::Replaced, |pages, executable| self.replace(pages, executable))
    }

    /// Fixes all sealed pages that are not yet, after replacing each stretch anew as a whole, so that it is one mapping.
    ///
    /// # Safety
    ///
    /// The reservation is never released.
    pub(super) unsafe fn fix_sealed(&self) -> Result<(), PageError> {
        self.each_stretch(0..self.page().index(self.claimed()), Mark::Fixed, |pages, executable| {
            let as_one = self.put_file(pages.clone(), executable);
            // Where they were replaced before, only that they become one mapping was refused.
            if as_one.is_err() && !self.table.is_set(Mark::Replaced, pages.clone()) {
                self.refusal.note(&as_one);
                as_one?;
            }
            // SAFETY: sealed pages; the caller's promise.
            let fixed = unsafe { self.reservation.fix(self.reserved(self.page().span(pages.clone()))) };
            self.refusal.note(&fixed);
            fixed?;
            self.table.set(Mark::Fixed, pages);
            Ok(())
        })
    }

    /// Takes a step for every stretch of sealed pages that does not have a mark yet.
    fn each_stretch(
        &self,
        pages: Range<usize>,
        without: Mark,
        step: impl Fn(Range<usize>, bool) -> Result<(), PageError>,
    ) -> Result<(), PageError> {
        let (mut from, mut refused) = (pages.start, None);
        while let Some((stretch, executable)) = self.table.next_between(from..pages.end, Mark::Sealed, without) {
            from = stretch.end;
            if let Err(error) = step(stretch.clone(), executable) {
                // Another thread may have fixed a part of them, which cannot be replaced then: the rest is tried again.
                let left = self.table.next_between(stretch.clone(), Mark::Sealed, without);
                if left.as_ref().is_none_or(|(left, _)| *left != stretch) {
                    from = stretch.start;
                } else {
                    refused = refused.or(Some(error));
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Why a level that was asked for was last not reached.
    pub(super) fn refused(&self) -> Option<PageError> {
        self.refusal.get()
    }
}
