//! Sealing what is closed, and hardening what is sealed: the steps of code pages to the right of *closed*.
//!
//! ```text
//!   closed ──mprotect──▶ sealed ──a sealed memory file in its place──▶ replaced ──mseal──▶ fixed
//! ```
//!
//! Threads may take the same step for the same pages at once. The bytes are the same, and marks are only ever added. If
//! the system refuses a step because it is done already, that is no refusal. A stretch that is refused keeps nobody
//! from the others.

use super::code_pages::CodePages;
use super::extent::Extent;
use super::page_groups::PageFlag;
use super::protection::Protection;
use crate::base::page_range::PageRange;
use crate::error::PageError;
use crate::pages::{HUGE, Step};
use core::sync::atomic::Ordering::Relaxed;

impl CodePages {
    // ── sealing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Seals the pages of a finished extent that nobody writes to any more, and says how many. Others may seal, replace and fix the same pages
    /// meanwhile.
    pub(in crate::code) fn seal_extent(&self, extent: &Extent) -> Result<usize, PageError> {
        let pages = self.page().touched(extent.start()..extent.end());
        let (mut from, mut sealed, mut refused) = (pages.start(), 0, None);
        while let Some(stretch) = self.table.next_unsealed(pages.starting_at(from)) {
            from = stretch.end();
            match self.seal(stretch) {
                Ok(pages) => sealed += pages,
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused.map_or_else(|| self.raise(pages).map(|()| sealed), Err)
    }

    /// Pads what waits on the last page of a finished extent, so that it can be sealed. Returns `true` when no open loader writes to its pages.
    pub(in crate::code) fn settle(&self, extent: &Extent) -> bool {
        let pages = self.page().touched(extent.start()..extent.end());
        let last = pages.last();
        if !self.table.is_set(PageFlag::Closed, last) {
            self.pad(last);
        }
        self.table.is_set(PageFlag::Closed, pages)
    }

    /// Makes the pages of an extent executable that was left padded, for its loader alone to seal. Whatever comes of it, others may seal
    /// them from then on.
    pub(in crate::code) fn seal_executable_extent(&self, extent: &Extent) -> Result<(), PageError> {
        let pages = self.page().touched(extent.start()..extent.end());
        if pages.is_empty() {
            return Ok(());
        }
        self.seals.fetch_add(1, Relaxed);
        // SAFETY: only this module lies on these pages, and its loader, the only one that could write there, is finished. They are not
        // marked as closed yet, so no other thread seals them.
        let sealed = unsafe { self.apply_to_pages(Step::SealExecutable, pages) };
        if sealed.is_ok() {
            // SAFETY: the system has just made them so, and nobody can write there.
            unsafe {
                self.table.set(PageFlag::Executable, pages);
                self.table.seal(pages);
            }
        }
        // SAFETY: the loader is finished and its pages are shared with no other.
        unsafe { self.table.set(PageFlag::Closed, pages) };
        sealed.and_then(|()| self.raise(pages))
    }

    /// Pads the waiting tails to their next pages, and seals every page that is closed and not sealed. Returns how many. If the system
    /// refuses a stretch, the others are sealed all the same.
    pub(in crate::code) fn seal_closed(&self) -> Result<usize, PageError> {
        self.pad(PageRange::numbered(0..usize::MAX));
        self.close_gaps();
        let (mut sealed, mut refused) = (0, None);
        for pages in self.claimed_pages() {
            let mut from = pages.start();
            while let Some(stretch) = self.table.next_unsealed(pages.starting_at(from)) {
                from = stretch.end();
                match self.seal(stretch).and_then(|pages| self.raise(stretch).map(|()| pages)) {
                    Ok(pages) => sealed += pages,
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
        }
        if refused.is_none() && self.strict && self.level >= Protection::SealedFile {
            // Stretches that an earlier seal did not reach, up to the first that is refused again.
            refused = self.replace_until_refused().err();
        }
        refused.map_or(Ok(sealed), Err)
    }

    fn seal(&self, pages: PageRange) -> Result<usize, PageError> {
        self.seals.fetch_add(1, Relaxed);
        // SAFETY: `PageFlag::Closed`: every loader that could write there is finished, links included, and no tail is left there. Another thread
        // may seal the same stretch at once: what is read-only stays so. No executable page is among them, which this would take the right
        // to execute from: `seal_executable_extent` marks those as sealed before it marks them as closed, and `next_unsealed` reads the
        // marks in the other order. If this fails half-way, the pages stay closed and are tried again.
        let sealed = unsafe { self.apply_to_pages(Step::Seal, pages) };
        // Another thread may have sealed them, and fixed them since: then the system refuses what is done already.
        if sealed.is_err() && !self.table.is_set(PageFlag::Sealed, pages) {
            sealed?;
        }
        // SAFETY: closed pages, read-only since just now or since another thread sealed them.
        unsafe { self.table.seal(pages) };
        Ok(pages.len())
    }

    /// Makes sealed pages what the arena's seals are to reach beyond protection; an error only where that is wanted.
    fn raise(&self, pages: PageRange) -> Result<(), PageError> {
        let reached = if self.level >= Protection::SealedFile { self.replace_sealed_of(pages) } else { Ok(()) };
        // A memory file lies on small pages.
        if self.huge && !self.table.is_set(PageFlag::Replaced, pages) {
            self.collapse(pages);
        }
        if self.strict { reached } else { Ok(()) }
    }

    /// Asks the system to put sealed pages onto huge ones, where all of a huge page is sealed now. It looks at the huge
    /// pages that `pages` is part of. Those in a row are one call, because the kernel empties a queue of each processor
    /// for every call.
    fn collapse(&self, pages: PageRange) {
        let bytes = self.page().span(pages);
        let around = bytes.start.saturating_sub(HUGE - 1)..(bytes.end + (HUGE - 1)).min(self.len());
        let part = self.huge_part(around);
        let sealed = |start: usize| self.table.is_set(PageFlag::Sealed, self.page().touched(start..start + HUGE));
        let mut start = part.start;
        while start < part.end {
            let end = (start..part.end).step_by(HUGE).find(|&huge| !sealed(huge)).unwrap_or(part.end);
            if start != end {
                // SAFETY: all are marked as sealed, and advice changes how memory lies, not what it holds, also if another thread replaces
                // some of it meanwhile. A refusal changes nothing but how fast it is.
                self.refusal.note(&unsafe { self.apply(Step::Huge { sealed: true }, start..end) });
            }
            start = end + HUGE;
        }
    }

    /// Shows each stretch of sealed pages, as offsets that ascend.
    #[cfg(all(feature = "residency", target_os = "linux"))]
    pub(in crate::code) fn each_sealed<E>(
        &self,
        mut show: impl FnMut(core::ops::Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut show = |stretch: core::ops::Range<usize>| if stretch.is_empty() { Ok(()) } else { show(stretch) };
        let mut stretch = 0..0;
        for number in self.claimed_pages().into_iter().flat_map(PageRange::numbers) {
            let page = PageRange::numbered(number..number + 1);
            let span = self.page().span(page);
            if !self.table.is_set(PageFlag::Sealed, page) {
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
    fn replace(&self, pages: PageRange, executable: bool) -> Result<(), PageError> {
        let replaced = self.put_file(pages, executable);
        self.refusal.note(&replaced);
        replaced
    }

    fn put_file(&self, pages: PageRange, executable: bool) -> Result<(), PageError> {
        // SAFETY: `each_stretch` chose pages that are marked as sealed and alike in being executable. Nobody writes there any more, so if two
        // threads replace the same pages, both put the same bytes there.
        unsafe { self.apply_to_pages(Step::Replace { executable }, pages) }?;
        // SAFETY: replaced just now.
        unsafe { self.table.replace(pages) };
        Ok(())
    }

    /// Replaces all sealed pages that are not yet, by stretches. If the system refuses one, the others are replaced all the same.
    pub(in crate::code) fn replace_sealed(&self) -> Result<(), PageError> {
        let [front, back] = self.claimed_pages().map(|pages| self.replace_sealed_of(pages));
        front.and(back)
    }

    fn replace_sealed_of(&self, pages: PageRange) -> Result<(), PageError> {
        self.each_stretch(pages, PageFlag::Replaced, |pages, executable| self.replace(pages, executable))
    }

    /// Replaces sealed pages that are not yet replaced, up to the first stretch that the system refuses. It will hardly
    /// grant the others, and there may be one for each earlier seal.
    fn replace_until_refused(&self) -> Result<(), PageError> {
        self.claimed_pages().into_iter().try_for_each(|pages| {
            let mut from = pages.start();
            while let Some((stretch, _)) =
                self.table.next_between(pages.starting_at(from), PageFlag::Sealed, PageFlag::Replaced)
            {
                from = stretch.end();
                self.replace_sealed_of(stretch)?;
            }
            Ok(())
        })
    }

    /// Fixes all sealed pages that are not yet, after replacing each stretch anew as a whole, so that it is one mapping.
    ///
    /// # Safety
    ///
    /// The reservation is never released.
    pub(in crate::code) unsafe fn fix_sealed(&self) -> Result<(), PageError> {
        let fix = |pages: PageRange, executable| {
            let as_one = self.put_file(pages, executable);
            // If they were replaced before, the system only refused to make them one mapping.
            if as_one.is_err() && !self.table.is_set(PageFlag::Replaced, pages) {
                self.refusal.note(&as_one);
                as_one?;
            }
            // SAFETY: sealed pages; the caller's promise.
            let fixed = unsafe { self.apply_to_pages(Step::Fix, pages) };
            self.refusal.note(&fixed);
            fixed?;
            // SAFETY: fixed just now.
            unsafe { self.table.set(PageFlag::Fixed, pages) };
            Ok(())
        };
        let [front, back] = self.claimed_pages().map(|pages| self.each_stretch(pages, PageFlag::Fixed, fix));
        front.and(back)
    }

    /// Takes a step for every stretch of sealed pages that does not have a mark yet.
    fn each_stretch(
        &self,
        pages: PageRange,
        without: PageFlag,
        step: impl Fn(PageRange, bool) -> Result<(), PageError>,
    ) -> Result<(), PageError> {
        let (mut from, mut refused) = (pages.start(), None);
        while let Some((stretch, executable)) =
            self.table.next_between(pages.starting_at(from), PageFlag::Sealed, without)
        {
            from = stretch.end();
            if let Err(error) = step(stretch, executable) {
                // Another thread may have fixed a part of them, which cannot be replaced then: the rest is tried again.
                let left = self.table.next_between(stretch, PageFlag::Sealed, without);
                if left.as_ref().is_none_or(|(left, _)| *left != stretch) {
                    from = stretch.start();
                } else {
                    refused = refused.or(Some(error));
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Returns the last refusal of a level that was asked for.
    pub(in crate::code) fn refused(&self) -> Option<PageError> {
        self.refusal.get()
    }
}
