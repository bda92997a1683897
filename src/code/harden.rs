//! Making a whole arena's code read-only, and harder to change than that.
//!
//! What happens to which pages is in `sealing.rs`; this is what a user calls.

use super::arena::CodeArena;
use crate::error::{Error, PageError};

impl CodeArena {
    /// Makes read-only whatever is finished and is not yet, and says how many tails open loaders still hold.
    ///
    /// Costs one system call for each stretch of pages that is not sealed, commonly one in all, and a load for each 16 MiB that are sealed
    /// already. The rest of the last page is padded with zeros. Any number of threads may call it at once.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system refused a stretch. The others are sealed all the same; nothing is lost, and the call can be
    /// repeated.
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
    pub fn seal(&self) -> Result<Sealed, Error> {
        let pages = self.pages().seal_closed()?;
        Ok(Sealed { pages, held: self.pages().held() })
    }

    /// Puts sealed memory files in the place of all sealed pages: [`Hardening::MemFile`](crate::Hardening::MemFile). References stay good,
    /// and whoever reads meanwhile reads the same bytes.
    ///
    /// With [`CodeArenaBuilder::hardening`](crate::CodeArenaBuilder::hardening) each seal does so by itself; this is for doing it once,
    /// after the last, or for trying again. Costs some eight system calls and a copy for each stretch of sealed pages that is not replaced
    /// yet; a file for each of them, closed again. A mapping for each of them stays: many small seals make many (the kernel allows some
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
    /// use permacode::{CodeArena, Hardening};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let text = loader.alloc_str("good for reading")?;
    /// let module = loader.seal()?;
    /// if arena.harden().is_ok() {
    ///     assert_eq!(module.hardening(), Hardening::MemFile);
    /// }
    /// assert_eq!(text, "good for reading");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn harden(&self) -> Result<(), Error> {
        self.pages().replace_sealed().map_err(Error::Pages)
    }

    /// Makes what is sealed unchangeable for as long as the process and its children live:
    /// [`Hardening::Forever`](crate::Hardening::Forever). For an arena that was [leaked](Self::leak).
    ///
    /// Each stretch of sealed pages that is not fixed yet becomes one mapping, however many seals it took. A stretch that is fixed stays a
    /// mapping of its own, so call this rarely. What advice the pages should have (core dumps) must be given before. Costs those of
    /// [`harden`](Self::harden), for what is hardened already too, and one system call more for each stretch. Bytes and mapping are fixed
    /// then, but not whether children inherit it (`MADV_DONTFORK`) nor whether reads die (`MADV_GUARD_INSTALL`): SECURITY.md has the whole
    /// table.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] says which step the system refused; [`Module::hardening`](crate::Module::hardening) says what holds. The call can
    /// be repeated.
    pub fn harden_forever(&'static self) -> Result<(), Error> {
        // SAFETY: the arena lives as long as the process.
        unsafe { self.pages().fix_sealed() }.map_err(Error::Pages)
    }

    /// What was last refused of what was asked for: a level of hardening, or huge pages. `None` if nothing was. Costs a load.
    ///
    /// Without [`CodeArenaBuilder::strict`](crate::CodeArenaBuilder::strict) a seal succeeds when pages are protected, whatever was asked
    /// for beyond: this says what was refused, [`Module::hardening`](crate::Module::hardening) what holds.
    pub fn refused(&self) -> Option<PageError> {
        self.pages().refused()
    }
}

/// What [`CodeArena::seal`] did, and what it had to leave: a count of pages and one of loaders.
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
pub struct Sealed {
    /// Pages that this call made read-only.
    pub pages: usize,
    /// Open loaders that fill the rest of a finished module's last page, which can only be sealed once they are closed. A loader that
    /// was forgotten, or whose thread is gone since a fork, counts for ever. Exact when nobody loads or seals meanwhile: a tail may change
    /// hands while it is counted.
    pub held: usize,
}
