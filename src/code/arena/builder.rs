//! Settings of an arena, chosen before it exists.

use super::arena::CodeArena;
use crate::code::store::{CodeStore, Ground, Preface, Protection, StoreOptions, StorePlan};
use crate::error::Error;
use crate::pages::{PageSource, Reserve, Source};
use alloc::sync::Arc;

/// Address space that an arena takes when nothing is said.
const RESERVATION: Reserve =
    Reserve { free: if usize::BITS >= 64 { 2 << 30 } else { 64 << 20 }, memory: 4 << 20, least: 1 << 20, share: 8 };

/// The code that each arena begins with, for tests of the whole library with arenas that are not empty.
#[cfg(permacode_begin_with_image)]
pub(crate) static BEGINNING: std::sync::OnceLock<fn() -> Option<Arc<dyn Preface>>> = std::sync::OnceLock::new();

/// Settings of a [`CodeArena`] to be made. Sizes are in bytes; choosing costs nothing, [`build`](Self::build) does.
///
/// ```
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = permacode::CodeArena::builder().reservation(64 << 20).limit(1 << 20).build()?;
/// let loader = arena.load("m")?;
/// assert!(loader.alloc_padded(&[], 1, 2 << 20).is_err()); // above the limit
/// assert!(loader.alloc_str("below it").is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct CodeArenaBuilder {
    reservation: Option<usize>,
    limit: Option<usize>,
    prefault: usize,
    protection: Protection,
    strict: bool,
    huge: bool,
    source: Source,
    preface: Option<Arc<dyn Preface>>,
    is_elsewhere: bool,
}

impl CodeArena {
    /// Makes an arena with the default reservation: 2 GiB of address space on 64-bit systems, 64 MiB on others.
    ///
    /// Under a limit on address space (`ulimit -v`) it is halved, until the arena takes at most an eighth of what is
    /// left. It does not go below 1 MiB. If the system refuses it without a limit, the arena takes an eighth of the
    /// largest size that can be had. [`address_space`](Self::address_space) says how much was granted.
    ///
    /// Costs two system calls and a question for the limit. The address space is free until it is used; half a MiB at most is writable from
    /// the beginning. The first load touches a page of records and page table, the first block one of code. Neither makes a call, nor does
    /// what else fits 16 KiB of code.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system grants no address space or no memory, or when an eighth of what is left is too little.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// assert_eq!(arena.stats().system_calls, 2);
    /// assert_eq!(arena.stats().claimed, 0); // code pages come with the first block
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a builder, to choose the reservation, a limit, or the source of pages. Costs nothing:
    /// [`build`](CodeArenaBuilder::build) makes the arena.
    ///
    /// ```
    /// let arena = permacode::CodeArena::builder().reservation(1 << 20).build()?;
    /// assert_eq!(arena.stats().reserved, 1 << 20);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn builder() -> CodeArenaBuilder {
        CodeArenaBuilder::new()
    }
}

impl CodeArenaBuilder {
    pub(in crate::code) fn new() -> Self {
        Self {
            reservation: None,
            limit: None,
            prefault: 0,
            protection: Protection::ReadOnly,
            strict: false,
            huge: false,
            source: Source::default(),
            #[cfg(not(permacode_begin_with_image))]
            preface: None,
            #[cfg(permacode_begin_with_image)]
            preface: BEGINNING.get().and_then(|beginning| beginning()),
            is_elsewhere: false,
        }
    }

    /// Sets the address space for code, in bytes, rounded up to whole pages. A quarter of it is reserved in addition
    /// for the arena's records.
    ///
    /// A module takes some 200 bytes of records and its name, an interned name 56. Many tiny modules or names may fill
    /// that quarter. Records then go on in the last code pages that no loader has claimed, unless machine code lies
    /// there. The arena is full when code and records meet. A block is then refused with [`Error::Exhausted`], a record
    /// with [`Error::Bookkeeping`].
    ///
    /// It never grows, and costs nothing until it is used: half a MiB at most is writable from the beginning, whatever its size. A size
    /// chosen here is not halved when the system refuses it.
    ///
    /// ```
    /// let arena = permacode::CodeArena::builder().reservation((1 << 20) - 1).build()?;
    /// assert_eq!(arena.stats().reserved, 1 << 20); // whole pages
    /// assert_eq!(arena.stats().claimed, 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn reservation(mut self, bytes: usize) -> Self {
        self.reservation = Some(bytes);
        self
    }

    /// Limits the bytes of code pages that loaders may claim, rounded down to whole pages. A block that would exceed it
    /// is refused with [`Error::Limit`].
    ///
    /// ```
    /// use permacode::{CodeArena, Error};
    ///
    /// let arena = CodeArena::builder().limit(64 << 10).build()?;
    /// let refused = arena.load("m")?.alloc_slice_copy(&[0u8; (64 << 10) + 1]);
    /// assert!(matches!(refused, Err(Error::Limit { limit: 65_536, .. })));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// Populates code pages when the arena is made, so that loading takes no page fault for them. The bytes are rounded
    /// up to whole pages.
    ///
    /// For a program that knows how much it will load. Costs two system calls, up to 16 KiB one. The pages are claimed and resident from then on,
    /// used or not, and count towards the [`limit`](Self::limit).
    ///
    /// ```
    /// let arena = permacode::CodeArena::builder().prefault(64 << 10).build()?;
    /// let before = arena.stats().system_calls;
    /// arena.load("m")?.alloc_slice_copy(&[0u8; 60_000])?;
    /// assert_eq!(arena.stats().system_calls, before); // its pages were there
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn prefault(mut self, bytes: usize) -> Self {
        self.prefault = bytes;
        self
    }

    /// Sets the level that each seal is to reach: [`Protection::ReadOnly`] unless you choose another one. A lower level
    /// is taken as it is. [`Protection::Fixed`] means [`Protection::SealedFile`], until you call
    /// [`CodeArena::harden_forever`].
    ///
    /// Above protection a seal costs some twelve system calls, one more for each 16 KiB, a copy and a mapping for each
    /// stretch of pages. If the system refuses a level, sealing still succeeds, unless [`strict`](Self::strict) is set.
    /// [`Module::protection`](crate::Module::protection) says which level holds, and [`CodeArena::refused`] why.
    ///
    /// ```
    /// use permacode::CodeArena;
    /// use permacode::code::Protection;
    ///
    /// let arena = CodeArena::builder().protection(Protection::SealedFile).build()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc(1u8)?;
    /// let module = loader.seal()?;
    /// match arena.refused() {
    ///     None => assert_eq!(module.protection(), Protection::SealedFile),
    ///     Some(refusal) => eprintln!("{refusal}"), // in a sandbox, perhaps
    /// }
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn protection(mut self, level: Protection) -> Self {
        self.protection = level;
        self
    }

    /// Makes a seal that does not reach the [level](Self::protection) an error. Its pages are protected all the same, and the module is
    /// finished.
    ///
    /// Costs nothing. The error is [`Error::Pages`], which says which step the system refused.
    ///
    /// ```
    /// use permacode::{CodeArena, Error};
    /// use permacode::code::Protection;
    ///
    /// let arena = CodeArena::builder().protection(Protection::SealedFile).strict().build()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc(1u8)?;
    /// match loader.seal() {
    ///     Ok(module) => assert_eq!(module.protection(), Protection::SealedFile),
    ///     Err(error) => assert!(matches!(error, Error::Pages(_))), // in a sandbox, perhaps
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Asks for huge pages, from some 4 MiB of a module or some 20 MiB of code on. Loaders then claim pages up to the
    /// end of a huge page. Sealed code is collapsed onto huge pages where the kernel can (Linux 6.1).
    ///
    /// They take page faults away while code is loaded and in each forked child, and entries of the TLB while it runs.
    ///
    /// - Loaders that are open at once share what was claimed.
    /// - Machine code lies on small pages until it is sealed.
    /// - Code that is [hardened](Self::protection) above `ReadOnly` lies on small pages again.
    /// - If the system has no huge pages, nothing changes, and [`CodeArena::refused`] says so. If its memory is in
    ///   pieces, finding some may take longer than small pages would have taken.
    ///
    /// It costs memory: up to 2 MiB behind the last block are resident. It also costs one system call for each claim,
    /// and one for each seal that completes a huge page.
    ///
    /// ```
    /// let arena = permacode::CodeArena::builder().huge_pages().build()?;
    /// arena.load("m")?.alloc_slice_copy(&[1u8; 5 << 20])?;
    /// arena.seal()?;
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn huge_pages(mut self) -> Self {
        self.huge = true;
        self
    }

    /// Sets the source of pages: [`OrdinaryPages`](crate::pages::OrdinaryPages), a source for tests, or one of your
    /// own.
    ///
    /// Costs an indirect call for each call to the source. Where a reservation [is memory](PageSource::reservation_is_free), the default
    /// is 4 MiB.
    ///
    /// ```
    /// use permacode::{CodeArena, pages::OrdinaryPages};
    ///
    /// let arena = CodeArena::builder().pages(std::sync::Arc::new(OrdinaryPages)).build()?;
    /// assert_eq!(arena.stats().reserved, 4 << 20);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn pages(mut self, source: Arc<dyn PageSource>) -> Self {
        self.source = Source::Custom(source);
        self
    }

    /// Has the arena begin with code that is there already.
    #[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
    pub(crate) fn preface(mut self, preface: Arc<dyn Preface>) -> Self {
        self.preface = Some(preface);
        self
    }

    /// Has that code lie anywhere but where it wishes to.
    #[cfg_attr(not(all(feature = "image", target_os = "linux", target_pointer_width = "64")), allow(dead_code))]
    pub(crate) fn preface_elsewhere(mut self) -> Self {
        self.is_elsewhere = true;
        self
    }

    /// Makes the arena.
    ///
    /// Costs two system calls; up to two more with [`prefault`](Self::prefault), and what an image costs.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for a reservation that no address space holds, [`Error::Limit`] or [`Error::Exhausted`] for a prefault above
    /// them, [`Error::Pages`] when the system refuses. So it is with [`strict`](Self::strict), if an image was copied and does not reach the
    /// [level](Self::protection). [`Error::NoParent`] for an image that stands on another one. Nothing is left behind then.
    ///
    /// ```
    /// use permacode::{CodeArena, Error};
    ///
    /// let refused = CodeArena::builder().reservation(usize::MAX).build();
    /// assert!(matches!(refused, Err(Error::TooLarge { len: usize::MAX, .. })));
    /// ```
    pub fn build(mut self) -> Result<CodeArena, Error> {
        if self.is_elsewhere {
            self.preface = self.preface.map(|preface| preface.elsewhere());
        }
        let ground = match self.reservation {
            Some(bytes) => self.ground(bytes)?,
            None => {
                // An image has its own size, whatever is left: that is halved which comes behind it.
                let len = |bytes| self.plan(bytes).map(|plan| plan.own());
                RESERVATION.granted(&self.source, len, |bytes| self.ground_or_smaller(bytes))?
            }
        };
        let options = StoreOptions { limit: self.limit, level: self.protection, strict: self.strict, huge: self.huge };
        CodeArena::new_in(ground, options, self.prefault)
    }

    fn plan(&self, bytes: usize) -> Result<StorePlan, Error> {
        let [head, prefix] = self.preface.as_ref().map_or([0; 2], |preface| [preface.head(), preface.bytes()]);
        let plan = CodeStore::plan(bytes, [head, prefix], self.source.page_size()?);
        plan.ok_or(Error::TooLarge { len: bytes.saturating_add(head).saturating_add(prefix), element: 1 })
    }

    fn ground(&self, bytes: usize) -> Result<Ground, Error> {
        let (source, plan) = (self.source.clone(), self.plan(bytes)?);
        match &self.preface {
            None => Ground::new(source, plan),
            Some(preface) => Ground::with_prefix(source, plan, &**preface),
        }
    }

    /// As [`ground`](Self::ground), or smaller where that lets a prefix lie where it wishes to: something may lie close behind it.
    fn ground_or_smaller(&self, bytes: usize) -> Result<Ground, Error> {
        // A source of the user's own may keep what is tried.
        if let (Some(preface), Source::Default) = (&self.preface, &self.source) {
            let mut size = bytes;
            while size >= RESERVATION.least {
                if let Some(ground) = Ground::at_wish(self.source.clone(), self.plan(size)?, &**preface)? {
                    return Ok(ground);
                }
                size /= 2;
            }
        }
        self.ground(bytes)
    }
}

impl Default for CodeArenaBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for CodeArenaBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CodeArenaBuilder")
            .field("reservation", &self.reservation)
            .field("limit", &self.limit)
            .field("prefault", &self.prefault)
            .field("protection", &self.protection)
            .finish_non_exhaustive()
    }
}
