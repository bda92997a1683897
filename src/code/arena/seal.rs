//! Making a whole arena's code read-only, and harder to change than that.
//!
//! What happens to which pages is in `sealing.rs`; this is what a user calls.

use super::arena::CodeArena;
use crate::error::{Error, PageError};

impl CodeArena {
    /// Makes all finished code read-only that is not yet, and says how many tails open loaders still hold.
    ///
    /// Costs one system call for each stretch of unsealed pages, commonly one in all. It takes a load for each 16 MiB that
    /// are sealed already, and some for each 256 KiB that are not, waiting tails included. [`protection`](crate::code::CodeArenaBuilder::protection) and
    /// [`huge_pages`](crate::code::CodeArenaBuilder::huge_pages) cost more, as they say.
    ///
    /// The rest of each module's last page is padded with zeros, unless a loader fills it. Short tails between the
    /// pages are given up, so that the pages are one mapping. These are at most a 64th of what is claimed. Any number
    /// of threads may call it at once. [`Module::seal`](crate::Module::seal) seals one module.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system refused a stretch, or, with [`strict`](crate::code::CodeArenaBuilder::strict), to harden one. The others
    /// are sealed all the same; nothing is lost, and the call can be repeated.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// for name in ["a", "b"] {
    ///     arena.load(name)?.alloc_str(name)?; // dropping a loader finishes its module
    /// }
    /// assert_eq!(arena.seal()?.pages, 1); // both on one page
    /// assert_eq!(arena.seal()?.pages, 0); // nothing left to do
    /// assert_eq!(arena.stats().seals, 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn seal(&self) -> Result<SealReport, Error> {
        let pages = self.store().pages().seal_closed()?;
        Ok(SealReport { pages, held: self.store().pages().held() })
    }

    /// Puts sealed memory files in the place of all sealed pages:
    /// [`Protection::SealedFile`](crate::code::Protection::SealedFile). References stay good, and a reader meanwhile
    /// reads the same bytes.
    ///
    /// With [`CodeArenaBuilder::protection`](crate::code::CodeArenaBuilder::protection) each seal does so by itself.
    /// Call this to do it once, after the last seal, or to try again.
    ///
    /// Each stretch of sealed pages that is not replaced yet costs a copy and twelve system calls. Each 16 KiB after the first
    /// costs one more. A mapping for each stretch stays. The kernel allows some 65,000, so seal rarely, or call this once
    /// in the end. Huge pages are given up: memory files lie on small ones, for which a fork copies no tables.
    ///
    /// SECURITY.md says what the process, others and debuggers can still do to such pages. Kernels before 6.7 need
    /// `/proc` for it.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] says which step the system refused. Pages that were not replaced are protected as before.
    /// Others are replaced all the same, and the call can be repeated.
    ///
    /// ```
    /// use permacode::CodeArena;
    /// use permacode::code::Protection;
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let text = loader.alloc_str("good for reading")?;
    /// let module = loader.seal()?;
    /// if arena.harden().is_ok() {
    ///     assert_eq!(module.protection(), Protection::SealedFile);
    /// }
    /// assert_eq!(text, "good for reading");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn harden(&self) -> Result<(), Error> {
        let pages = self.store().pages();
        let prefix = self.store().prefix().map_or(Ok(()), |prefix| pages.replace_prefix(prefix));
        pages.replace_sealed().and(prefix).map_err(Error::Pages)
    }

    /// Makes sealed code unchangeable for as long as the process and its children live:
    /// [`Protection::Fixed`](crate::code::Protection::Fixed). For an arena that was [leaked](Self::leak).
    ///
    /// Each stretch of sealed pages that is not fixed yet becomes one mapping, however many seals it took. A stretch
    /// that is fixed stays a mapping of its own, so call this rarely. Give advice about the pages (`MADV_DONTDUMP`,
    /// say) afterwards: earlier advice goes with the earlier mapping.
    ///
    /// Costs as much as [`harden`](Self::harden), also for what is hardened already, and one system call more for each
    /// stretch. Bytes and mapping are fixed then. Inheritance (`MADV_DONTFORK`) and access (`MADV_GUARD_INSTALL`) are
    /// not. SECURITY.md has the whole table.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] says which step the system refused; [`Module::protection`](crate::Module::protection) says what holds. The call can
    /// be repeated.
    ///
    /// ```
    /// use permacode::CodeArena;
    /// use permacode::code::Protection;
    /// use permacode::error::PageCall;
    ///
    /// let arena = CodeArena::new()?.leak();
    /// let loader = arena.load("m")?;
    /// let text: &'static str = loader.alloc_str("for ever")?;
    /// let module = loader.seal()?;
    /// match arena.harden_forever() {
    ///     Ok(()) => assert_eq!(module.protection(), Protection::Fixed),
    ///     // A kernel before 6.10 has no `mseal`: the memory file holds.
    ///     Err(permacode::Error::Pages(error)) if error.call == PageCall::Fix => assert_eq!(module.protection(), Protection::SealedFile),
    ///     Err(_) => assert_eq!(module.protection(), Protection::ReadOnly), // no memory file either: in a sandbox, perhaps
    /// }
    /// assert_eq!(text, "for ever");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn harden_forever(&'static self) -> Result<(), Error> {
        let pages = self.store().pages();
        // SAFETY: the arena lives as long as the process.
        unsafe {
            let prefix = self.store().prefix().map_or(Ok(()), |prefix| pages.fix_prefix(prefix));
            pages.fix_sealed().and(prefix).map_err(Error::Pages)
        }
    }

    /// Returns the last refusal of something that was asked for: a level of protection, or huge pages. `None` if
    /// nothing was refused. Costs a load.
    ///
    /// Without [`CodeArenaBuilder::strict`](crate::code::CodeArenaBuilder::strict) a seal succeeds when pages are
    /// protected, even if a higher level was refused. This says which one was, and
    /// [`Module::protection`](crate::Module::protection) which one holds.
    ///
    /// ```
    /// use permacode::CodeArena;
    /// use permacode::code::Protection;
    /// use permacode::error::PageCall;
    /// use permacode::pages::OrdinaryPages;
    ///
    /// let pages = std::sync::Arc::new(OrdinaryPages); // cannot be replaced by memory files
    /// let arena = CodeArena::builder().pages(pages).protection(Protection::SealedFile).build()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc(1u8)?;
    /// assert_eq!(arena.refused(), None);
    /// assert_eq!(loader.seal()?.protection(), Protection::TypeOnly);
    /// assert_eq!(arena.refused().map(|error| error.call), Some(PageCall::Replace));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn refused(&self) -> Option<PageError> {
        self.store().pages().refused()
    }
}

/// The result of [`CodeArena::seal`]: a count of sealed pages, and one of loaders that still hold some. Two words,
/// `Copy`.
///
/// ```
/// let arena = permacode::CodeArena::new()?;
/// arena.load("first")?.alloc_str("first")?;
/// let loader = arena.load("second")?;
/// loader.alloc_str("goes on behind it, on the same page")?;
/// let sealed = arena.seal()?;
/// assert_eq!((sealed.pages, sealed.held), (0, 1));
/// loader.finish();
/// let sealed = arena.seal()?;
/// assert_eq!((sealed.pages, sealed.held), (1, 0));
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealReport {
    /// Pages that this call made read-only.
    pub pages: usize,
    /// Open loaders that fill the rest of a finished module's last page, which can only be sealed once they are closed. A loader that
    /// was forgotten, or whose thread is gone since a fork, counts for ever. Exact when nobody loads or seals meanwhile: a tail may change
    /// hands while it is counted.
    pub held: usize,
}
