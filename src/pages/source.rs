//! The promises of a source of pages.

use super::step::Step;
use crate::error::{PageCall, PageError};
use core::ptr::NonNull;

/// A way to reserve, commit, seal and release pages.
///
/// Implement it to put an arena on memory of your own, or to watch or disturb the calls as
/// `testing::Pages` (feature `testing`) does. A code arena calls it when it loads and seals, a heap when it needs memory or returns some.
/// Lengths are in bytes, whole pages; what a call costs is the source's to say, as `SystemPages` does. The [module](super) shows the life
/// of a page: [`reserve`](Self::reserve), [`Commit`](Step::Commit), [`Seal`](Step::Seal), [`release`](Self::release).
///
/// ```
/// use permacode::pages::{OrdinaryPages, PageSource, Step};
/// use permacode::CodeArena;
/// use permacode::error::{PageCall, PageError};
/// # use std::{ptr::NonNull, sync::Arc};
///
/// /// Ordinary memory, but of 64 KiB pages.
/// struct LargePages;
///
/// // SAFETY: zeroed memory of the global allocator, aligned to 64 KiB; the rest is `OrdinaryPages`' own.
/// unsafe impl PageSource for LargePages {
///     fn page_size(&self) -> usize {
///         64 << 10
///     }
///     // and so on, by way of `OrdinaryPages`
/// #     fn protects(&self) -> bool {
/// #         false
/// #     }
/// #     fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
/// #         let layout = std::alloc::Layout::from_size_align(bytes, 64 << 10).expect("whole pages");
/// #         // SAFETY: an arena reserves at least a page.
/// #         let memory = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) });
/// #         memory.ok_or(PageError { call: PageCall::Reserve, bytes, code: 0 })
/// #     }
/// #     unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
/// #         // SAFETY: handed on.
/// #         unsafe { OrdinaryPages.apply(step, at, bytes) }
/// #     }
/// #     unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
/// #         let layout = std::alloc::Layout::from_size_align(bytes, 64 << 10).expect("whole pages");
/// #         // SAFETY: reserved above, with this layout.
/// #         unsafe { std::alloc::dealloc(at.as_ptr(), layout) };
/// #         Ok(())
/// #     }
/// }
///
/// let arena = CodeArena::builder().pages(Arc::new(LargePages)).build()?;
/// arena.load("m")?.alloc(1u8)?;
/// assert_eq!(arena.stats().claimed, 64 << 10); // one page
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # How much it must be able to give
///
/// A code arena reserves its [`reservation`](crate::code::CodeArenaBuilder::reservation) and a quarter more for records. Its page table takes nine
/// bytes a page. It reserves all of that by one call. A reservation of 1 MiB, the smallest that is tried where none is chosen, asks for some 1.4 MiB.
///
/// # Safety
///
/// * [`page_size`](Self::page_size) is a power of two and never changes. (From 64 bytes to 64 KiB: arenas refuse others.)
/// * What [`reserve`](Self::reserve) returned is `bytes` long, aligned to the page size, overlaps nothing else in the process, and stays
///   so until it is released.
/// * [`apply`](Self::apply) does what each [`Step`] that it takes says, and a refusal leaves nothing behind but what is said there.
/// * A call that unwinds leaves what a refusal leaves. (Better it does not: the memory that was asked for is lost then.)
/// * The memory is the process's own: after a fork, parent and child each have it as it was, and see nothing of the other's writes.
/// * No call uses an arena whose pages come from this source.
/// * No call takes a lock that a forked child could find taken for ever. (The global allocator may be used where it survives forks, as
///   glibc's does.)
pub unsafe trait PageSource: Send + Sync {
    /// The unit, in bytes, that every range is a multiple of: a power of two from 64 bytes to 64 KiB. Asked for only while an arena, a heap
    /// or a table is made.
    fn page_size(&self) -> usize;

    /// Returns `true` if a sealed page is protected by the hardware, and not only by the types of the crate.
    fn protects(&self) -> bool;

    /// Returns `true` if a reservation takes no memory until it is committed. Arenas, heaps and tables choose their default size by it.
    ///
    /// Unless it is implemented, a source that [protects](Self::protects) is taken to have addresses for nothing.
    fn reservation_is_free(&self) -> bool {
        self.protects()
    }

    /// Returns how many bytes this process may still reserve, or `None` where nothing limits that.
    ///
    /// A default reservation takes an eighth of it at most. Asked for once while an arena, a heap or a table of the default size is made.
    /// Unless it is implemented, the answer is `None`, and a default size that is refused is halved.
    ///
    /// ```
    /// use permacode::pages::{OrdinaryPages, PageSource};
    ///
    /// match OrdinaryPages.room() {
    ///     None => println!("no limit"),
    ///     Some(bytes) => println!("{bytes} bytes are left"), // `ulimit -v`
    /// }
    /// ```
    fn room(&self) -> Option<usize> {
        None
    }

    /// Takes `bytes` of address space without access. Once for each arena, heap or table; more often where a default size is halved.
    ///
    /// # Errors
    ///
    /// Address space is exhausted or limited (`RLIMIT_AS`).
    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError>;

    /// Takes address space as [`reserve`](Self::reserve) does: at an address if all of the range is free there, and elsewhere if it is not. Once
    /// for each arena that begins with an [image](crate::image), which wishes to lie where its file was written for.
    ///
    /// It never takes the place of anything. Unless it is implemented, the wish is not heard.
    ///
    /// # Errors
    ///
    /// As for `reserve`. An address that is taken is none.
    ///
    /// ```
    /// use permacode::pages::{OrdinaryPages, PageSource};
    ///
    /// let wish = 0x4000_0000_0000_u64 as usize;
    /// let at = OrdinaryPages.reserve_near(4096, wish)?; // memory of the global allocator, wherever that is
    /// // SAFETY: one whole reservation of this source, used by nobody.
    /// unsafe { OrdinaryPages.release(at, 4096) }?;
    /// # Ok::<(), permacode::error::PageError>(())
    /// ```
    fn reserve_near(&self, bytes: usize, wish: usize) -> Result<NonNull<u8>, PageError> {
        let _ = wish;
        self.reserve(bytes)
    }

    /// Takes a step with a range. What it does and what a refusal may leave stands at each [`Step`].
    ///
    /// # Errors
    ///
    /// The system refuses, or the source does not have the step: [`Step::refuse`] says so.
    ///
    /// # Safety
    ///
    /// 1. The range is whole pages of one reservation of this source.
    /// 2. What the step's documentation asks for under *Safety* holds.
    ///
    /// ```
    /// use permacode::error::PageCall;
    /// use permacode::pages::{OrdinaryPages, PageSource, Step};
    ///
    /// let (page, base) = (OrdinaryPages.page_size(), OrdinaryPages.reserve(4096)?);
    /// // SAFETY: one whole reservation of this source, used only while it is committed, and not used any more once it is sealed.
    /// unsafe {
    ///     OrdinaryPages.apply(Step::Commit, base, page)?;
    ///     OrdinaryPages.apply(Step::Plain, base, page)?; // there are no others
    ///     base.write(7);
    ///     OrdinaryPages.apply(Step::Discard, base, page)?;
    ///     OrdinaryPages.apply(Step::Populate, base, page)?; // memory, and no other contents
    ///     assert_eq!(base.read(), 0);
    ///     base.write(7);
    ///     OrdinaryPages.apply(Step::Decommit, base, page)?;
    ///     OrdinaryPages.apply(Step::Commit, base, page)?;
    ///     assert_eq!(base.read(), 0);
    ///     OrdinaryPages.apply(Step::Seal, base, page)?;
    ///     for step in [Step::SealExecutable, Step::Replace { executable: false }, Step::Fix, Step::Huge { sealed: true }] {
    ///         assert_eq!(OrdinaryPages.apply(step, base, page), step.refuse(page)); // nothing there can do it
    ///     }
    ///     OrdinaryPages.release(base, page)?;
    /// }
    /// # Ok::<(), permacode::error::PageError>(())
    /// ```
    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError>;

    /// Counts the bytes of a range that are in physical memory now. `resident` of heaps and side tables asks for it.
    ///
    /// # Errors
    ///
    /// The source does not know; unless this is implemented, it does not.
    ///
    /// # Safety
    ///
    /// The range is whole pages of one reservation of this source.
    ///
    /// ```
    /// # #[cfg(all(target_os = "linux", not(permacode_ordinary_pages)))]
    /// # fn main() -> Result<(), permacode::error::PageError> {
    /// # use permacode::pages::{PageSource, Step, SystemPages};
    /// let page = SystemPages.page_size();
    /// let base = SystemPages.reserve(100 * page)?;
    /// // SAFETY: whole pages of a reservation of this source, committed before they are written to.
    /// unsafe {
    ///     SystemPages.apply(Step::Commit, base, 100 * page)?;
    ///     assert_eq!(SystemPages.resident(base, 100 * page)?, 0); // committed memory costs nothing until it is touched
    ///     base.write(1);
    ///     assert!(SystemPages.resident(base, 100 * page)? >= page);
    ///     SystemPages.apply(Step::Discard, base, 100 * page)?;
    ///     assert_eq!((SystemPages.resident(base, 100 * page)?, base.read()), (0, 0)); // given back, still readable
    ///     SystemPages.release(base, 100 * page)
    /// }
    /// # }
    /// # #[cfg(not(all(target_os = "linux", not(permacode_ordinary_pages))))]
    /// # fn main() {}
    /// ```
    unsafe fn resident(&self, _at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        Err(PageError { call: PageCall::Resident, bytes, code: 0 })
    }

    /// Gives a whole reservation back. Once, when its owner is dropped.
    ///
    /// # Errors
    ///
    /// The system refuses; the reservation stays mapped and is lost.
    ///
    /// # Safety
    ///
    /// `at` and `bytes` are one whole reservation of this source, which nobody uses any more.
    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError>;
}
