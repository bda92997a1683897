//! Sealed code in front of an arena's own: an image's. Where it lies, and what is asked of it.
//!
//! ```text
//!   front records │ head │ prefix: linked ┄ leaf │ the arena's own code pages ▶ ┄┄┄
//!                        ▲ first                 ▲ start
//! ```
//!
//! The pages of a prefix are there, read-only, before the first load. They are in no page table and no ledger, and the watermark begins
//! behind them: nothing of the arena's bookkeeping is built for them. What is in them is known by whoever put them there. This folder knows only
//! the two traits below.
//!
//! Invariants:
//!
//! 1. No page of a prefix is ever committed, written or given back by this folder. It may be replaced and fixed, as all sealed pages may.
//! 2. What a prefix says of its code never changes, but for its [`Protection`], which only rises.

use super::code_pages::CodePages;
use super::protection::Protection;
use crate::error::{Error, PageError};
use crate::pages::{Reservation, Sealable, Step};
use alloc::sync::Arc;
use core::any::Any;
use core::ops::Range;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::sync::atomic::{AtomicU8, Ordering::*};

/// Code that an arena is to begin with, before there is an arena.
///
/// # Safety
///
/// What [`place`](Self::place) returns keeps the promises of [`Prefix`].
pub(crate) unsafe trait Preface: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// Bytes, to be rounded up to pages of the arena.
    fn bytes(&self) -> usize;

    /// Bytes to be kept in front of it. They are no code: what is asked of the code is read there.
    fn head(&self) -> usize;

    /// The address that its first byte should have.
    fn wish(&self) -> Option<usize>;

    /// The address that its first byte must not have, if it is to lie elsewhere.
    fn shuns(&self) -> Option<usize>;

    /// The same code, without such a wish.
    fn elsewhere(&self) -> Arc<dyn Preface>;

    /// Puts the code into a reservation, at whole pages that nothing was done with.
    fn place(&self, reservation: &Reservation<Sealable>, place: PrefixPlace) -> Result<PrefixPlaced, Error>;
}

/// The place in a reservation for code in front of an arena's own.
#[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
pub(crate) struct PrefixPlace {
    /// Bytes in front of the code that are kept for it, whole pages.
    pub(crate) head: usize,
    pub(crate) code: Range<usize>,
}

/// Code that was put in front of an arena's own.
/// A signal handler may read it wherever this pointer is moved to, so it is no `Box`.
pub(crate) type PrefixPlaced = Arc<dyn Prefix>;

/// Code in front of an arena's own. Offsets are bytes from its beginning.
///
/// None of these calls takes a lock or allocates, so that a signal handler may ask.
///
/// # Safety
///
/// 1. The range of code that it was placed in is readable, and its bytes never change while the reservation is there.
/// 2. What [`interned`](Self::interned) returns lies in the range, and is UTF-8.
pub(crate) unsafe trait Prefix: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// The number of modules.
    fn modules(&self) -> u32;

    /// The name and the bytes of a module, which is one of these.
    fn module(&self, number: u32) -> (&str, usize);

    /// The module that an offset lies in, and the place in it.
    fn locate(&self, offset: usize) -> Option<(u32, usize)>;

    /// The name with this text.
    fn interned(&self, text: &str) -> Option<Range<usize>>;

    /// The block that an offset lies in, and its alignment, if no type says it.
    #[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
    fn aligned(&self, offset: usize) -> Option<(Range<usize>, usize)>;

    /// The number of sites, which are `0..n`, and the tag that they have.
    fn sites(&self) -> (u32, u16);

    /// Bytes of values.
    fn used(&self) -> usize;

    /// The parts, which ascend.
    fn parts(&self) -> &[PrefixPart];

    /// The value itself, for those who made it.
    #[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
    fn as_any(&self) -> &dyn Any;
}

/// Pages of a prefix that are alike.
pub(crate) struct PrefixPart {
    /// Whole pages, from the beginning of the prefix.
    range: Range<usize>,
    /// `true` for a file's pages. They are not replaced: nobody can write to them through such a mapping, and a copy would be this process's own.
    is_file: bool,
    level: AtomicU8,
}

const LEVELS: [Protection; 4] = [Protection::TypeOnly, Protection::ReadOnly, Protection::SealedFile, Protection::Fixed];

impl PrefixPart {
    #[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
    pub(crate) fn new(range: Range<usize>, is_file: bool, level: Protection) -> Self {
        Self { range, is_file, level: AtomicU8::new(level as u8) }
    }

    pub(in crate::code) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    pub(in crate::code) fn level(&self) -> Protection {
        LEVELS[usize::from(self.level.load(Acquire)).min(LEVELS.len() - 1)]
    }

    fn raise(&self, level: Protection) {
        self.level.fetch_max(level as u8, Release);
    }
}

impl CodePages {
    /// Replaces the parts of a prefix that lie in memory of this process's own by sealed memory files. The others go on if one is refused.
    pub(in crate::code) fn replace_prefix(&self, prefix: &dyn Prefix) -> Result<(), PageError> {
        let copies = prefix.parts().iter().filter(|part| !part.is_file && part.level() < Protection::SealedFile);
        self.each_part(copies, |part| {
            // SAFETY: sealed pages: the promise of `Prefix`. If two threads replace the same pages, both put the same bytes there.
            unsafe { self.apply_to_prefix(Step::Replace { executable: false }, part.range()) }?;
            part.raise(Protection::SealedFile);
            Ok(())
        })
    }

    /// Replaces the parts of a prefix that are copies, and fixes all.
    ///
    /// # Safety
    ///
    /// The reservation is never released.
    pub(in crate::code) unsafe fn fix_prefix(&self, prefix: &dyn Prefix) -> Result<(), PageError> {
        let replaced = self.replace_prefix(prefix);
        let loose = prefix.parts().iter().filter(|part| part.level() < Protection::Fixed);
        let fixed = self.each_part(loose, |part| {
            // SAFETY: sealed pages; the caller's promise.
            unsafe { self.apply_to_prefix(Step::Fix, part.range()) }?;
            // A file that is not sealed can change, however its mapping is fixed.
            if part.level() == Protection::SealedFile {
                part.raise(Protection::Fixed);
            }
            Ok(())
        });
        replaced.and(fixed)
    }

    fn each_part<'p>(
        &self,
        parts: impl Iterator<Item = &'p PrefixPart>,
        step: impl Fn(&PrefixPart) -> Result<(), PageError>,
    ) -> Result<(), PageError> {
        let mut refused = Ok(());
        for part in parts {
            let result = step(part);
            self.refusal.note(&result);
            refused = refused.and(result);
        }
        refused
    }
}
