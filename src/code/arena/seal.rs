//! Making a whole arena's code read-only, and harder to change than that.
//!
//! What happens to which pages is in `sealing.rs`; this is what a user calls.

use super::arena::CodeArena;
use crate::error::{Error, PageError};

impl CodeArena {
    /// Makes read-only whatever is finished and is not yet, and says how many tails open loaders still hold.
    ///
    /// Costs one system call for each stretch of pages that is not sealed, commonly one in all, and a load for each 16 MiB that are sealed
    /// already; with [`protection`](crate::code::CodeArenaBuilder::protection) or [`huge_pages`](crate::code::CodeArenaBuilder::huge_pages), what these
    /// cost besides. The rest of each module's last page is padded with zeros where nobody fills it. Short tails between the pages are given up, so that
    /// these are one mapping: at most a 64th of what is claimed. Any number of threads may call it at once. [`Module::seal`](crate::Module::seal) seals one
    /// module.
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

    /// Puts sealed memory files in the place of all sealed pages: [`Protection::SealedFile`](crate::code::Protection::SealedFile). References stay good,
    /// and whoever reads meanwhile reads the same bytes.
    ///
    /// With [`CodeArenaBuilder::protection`](crate::code::CodeArenaBuilder::protection) each seal does so by itself; this is for doing it once,
    /// after the last, or for trying again. Costs ten system calls, one more for each 16 KiB, and a copy for each stretch of sealed pages
    /// that is not replaced yet; a file for each of them, closed again. A mapping for each of them stays: many small seals make many (the kernel allows some
    /// 65,000), so seal rarely, or call this once in the end. Huge pages are given up: files lie on small ones, which a fork does not copy
    /// tables for. SECURITY.md says what can still be done to such pages, by the process, by others and by debuggers; kernels before 6.7
    /// need `/proc` for it.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] says which step the system refused. What was not replaced is protected as before; others are replaced all the same,
    /// and the call can be repeated.
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
        self.store().pages().replace_sealed().map_err(Error::Pages)
    }

    /// Makes what is sealed unchangeable for as long as the process and its children live:
    /// [`Protection::Fixed`](crate::code::Protection::Fixed). For an arena that was [leaked](Self::leak).
    ///
    /// Each stretch of sealed pages that is not fixed yet becomes one mapping, however many seals it took. A stretch that is fixed stays a
    /// mapping of its own, so call this rarely. Advice that the pages should have (`MADV_DONTDUMP`, say) is to be given afterwards: what
    /// was given before went with the mapping that it was given for. Costs what [`harden`](Self::harden) does, for what is hardened already
    /// too, and one system call more for each stretch. Bytes and mapping are fixed then, but not whether children inherit it
    /// (`MADV_DONTFORK`) nor whether reads die (`MADV_GUARD_INSTALL`): SECURITY.md has the whole table.
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
        // SAFETY: the arena lives as long as the process.
        unsafe { self.store().pages().fix_sealed() }.map_err(Error::Pages)
    }

    /// What was last refused of what was asked for: a level of hardening, or huge pages. `None` if nothing was. Costs a load.
    ///
    /// Without [`CodeArenaBuilder::strict`](crate::code::CodeArenaBuilder::strict) a seal succeeds when pages are protected, whatever was asked
    /// for beyond: this says what was refused, [`Module::protection`](crate::Module::protection) what holds.
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

/// What [`CodeArena::seal`] did, and what it had to leave: a count of pages and one of loaders. Two words, `Copy`.
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
