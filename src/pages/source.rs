//! What a source of pages promises.

use crate::error::{PageCall, PageError};
use core::ptr::NonNull;

/// A way to reserve, commit, seal and release pages.
///
/// Implement it to put an arena on memory of your own, or to watch or disturb the calls as
/// `testing::Pages` (feature `testing`) does. Calls come from loads and seals, never from an allocation that still has room.
/// Lengths are in bytes, whole pages; what a call costs is the source's to say, as `SystemPages` does. The [module](super) shows the life
/// of a page: [`reserve`](Self::reserve), [`commit`](Self::commit), [`seal`](Self::seal), [`release`](Self::release).
///
/// ```
/// use permacode::pages::{OrdinaryPages, PageSource};
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
/// #     unsafe fn commit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
/// #         // SAFETY: handed on.
/// #         unsafe { OrdinaryPages.commit(at, bytes) }
/// #     }
/// #     unsafe fn populate(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
/// #         // SAFETY: handed on.
/// #         unsafe { OrdinaryPages.populate(at, bytes) }
/// #     }
/// #     unsafe fn seal(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
/// #         // SAFETY: handed on.
/// #         unsafe { OrdinaryPages.seal(at, bytes) }
/// #     }
/// #     unsafe fn decommit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
/// #         // SAFETY: handed on.
/// #         unsafe { OrdinaryPages.decommit(at, bytes) }
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
/// bytes a page. It is one call. A reservation of 1 MiB, the smallest that is tried where none is chosen, asks for some 1.4 MiB.
///
/// # Safety
///
/// * [`page_size`](Self::page_size) is a power of two and never changes. (From 64 bytes to 64 KiB: arenas refuse others.)
/// * What [`reserve`](Self::reserve) returned is `bytes` long, aligned to the page size, overlaps nothing else in the process, and stays
///   so until it is released.
/// * After [`commit`](Self::commit) succeeds the range is readable and writable, and it reads as zeros where nothing was written. It may be
///   called again on pages that are committed, even while other threads read and write there, and keeps what they hold. Pages that a refused
///   `discard` or a `decommit` took access from have it again, and hold whatever the refusal left, or zeros.
/// * [`seal`](Self::seal) leaves the bytes as they are, whether it succeeds or fails; a failed one may have taken write permission
///   from a part of the range. It may be called again on sealed and on half-sealed pages, also by two threads at once.
/// * [`decommit`](Self::decommit) makes the range read as zeros at its next commit. It may be called on pages whose commit failed.
/// * The memory is the process's own: after a fork, parent and child each have it as it was, and see nothing of the other's writes.
/// * No call uses an arena whose pages come from this source.
/// * No call takes a lock that a forked child could find taken for ever. (The global allocator may be used where it survives forks, as
///   glibc's does.)
pub unsafe trait PageSource: Send + Sync {
    /// The unit, in bytes, that every range is a multiple of: a power of two from 64 bytes to 64 KiB. Asked for only while an arena, a heap
    /// or a table is made.
    fn page_size(&self) -> usize;

    /// Whether a sealed page is protected by the hardware, or only by the types of the crate.
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

    /// Makes a range readable and writable. Once for each run of code pages, for each part of an arena's records, of a heap or of a table.
    ///
    /// # Errors
    ///
    /// Memory or mappings are exhausted or limited; a part of the range may have become writable.
    ///
    /// # Safety
    ///
    /// The range is whole pages of one reservation of this source, none of them sealed.
    unsafe fn commit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError>;

    /// Gives committed pages their physical memory now instead of at their first touch. Their contents do not change. Asked for by
    /// [`CodeArenaBuilder::prefault`](crate::code::CodeArenaBuilder::prefault) alone.
    ///
    /// # Errors
    ///
    /// Memory is exhausted; the range stays committed.
    ///
    /// # Safety
    ///
    /// The range is whole pages, all of them committed and not sealed.
    unsafe fn populate(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError>;

    /// Makes a range read-only for good. Once for each stretch of pages that is sealed.
    ///
    /// # Errors
    ///
    /// The system refuses to split a mapping (`vm.max_map_count`) or refuses outright; a part of the range may have changed.
    ///
    /// # Safety
    ///
    /// The range is whole pages, all of them committed, and nobody writes there from now on.
    unsafe fn seal(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError>;

    /// Makes a range read-only and executable for good, and the processor's instruction cache see its bytes.
    ///
    /// # Errors
    ///
    /// As for [`seal`](Self::seal); a hardened system refuses outright. A source that cannot do it says so, as this does unless it is
    /// implemented.
    ///
    /// # Safety
    ///
    /// As for [`seal`](Self::seal).
    ///
    /// ```
    /// # use permacode::pages::{OrdinaryPages, PageSource};
    /// let (page, base) = (OrdinaryPages.page_size(), OrdinaryPages.reserve(4096)?);
    /// // SAFETY: the whole reservation, committed, to which nobody writes.
    /// let refused = unsafe { OrdinaryPages.commit(base, page).and_then(|()| OrdinaryPages.seal_executable(base, page)) };
    /// assert_eq!(refused.unwrap_err().call, permacode::error::PageCall::SealExecutable);
    /// # // SAFETY: the whole reservation, which nobody uses.
    /// # unsafe { OrdinaryPages.release(base, page) }?;
    /// # Ok::<(), permacode::error::PageError>(())
    /// ```
    unsafe fn seal_executable(&self, _at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        Err(PageError { call: PageCall::SealExecutable, bytes, code: 0 })
    }

    /// Puts memory that nobody can change, with the same bytes, in the place of sealed pages. Whoever reads there meanwhile reads these
    /// bytes. Asked for by [`CodeArena::harden`](crate::CodeArena::harden) and seals above protection, once for each stretch of pages.
    ///
    /// # Errors
    ///
    /// The system refuses one of the steps; the pages are then sealed as before. A source that cannot do it says so, as this does unless it
    /// is implemented.
    ///
    /// # Safety
    ///
    /// The range is whole pages, all of them sealed, and executable ones only if `executable`.
    unsafe fn replace(&self, _at: NonNull<u8>, bytes: usize, _executable: bool) -> Result<(), PageError> {
        Err(PageError { call: PageCall::Replace, bytes, code: 0 })
    }

    /// Forbids every change of the mapping of sealed pages: they cannot be released any more. Asked for by
    /// [`CodeArena::harden_forever`](crate::CodeArena::harden_forever) alone, once for each stretch of pages.
    ///
    /// # Errors
    ///
    /// The system refuses; the pages are as before. A source that cannot do it says so, as this does unless it is implemented.
    ///
    /// # Safety
    ///
    /// The range is whole pages, all of them sealed, of a reservation that is never released.
    ///
    /// ```
    /// # use permacode::error::PageCall;
    /// # use permacode::pages::{OrdinaryPages, PageSource};
    /// let (page, base) = (OrdinaryPages.page_size(), OrdinaryPages.reserve(4096)?);
    /// // SAFETY: the whole reservation, committed and sealed; it is released, but no call here succeeds.
    /// let refused = unsafe {
    ///     OrdinaryPages.commit(base, page).and_then(|()| OrdinaryPages.seal(base, page))?;
    ///     [OrdinaryPages.replace(base, page, false), OrdinaryPages.fix(base, page), OrdinaryPages.huge(base, page, true)]
    /// };
    /// assert_eq!(refused.map(|result| result.unwrap_err().call), [PageCall::Replace, PageCall::Fix, PageCall::Huge]);
    /// # // SAFETY: the whole reservation, which nobody uses.
    /// # unsafe { OrdinaryPages.release(base, page) }?;
    /// # Ok::<(), permacode::error::PageError>(())
    /// ```
    unsafe fn fix(&self, _at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        Err(PageError { call: PageCall::Fix, bytes, code: 0 })
    }

    /// Asks that a range lie on huge pages: for what is committed, at its first touch; for what is sealed, now. Asked for where a builder's
    /// choice says so. The example of [`fix`](Self::fix) shows what a source says that has none.
    ///
    /// # Errors
    ///
    /// The system refuses, or has none to give; nothing changes. A source that has none says so, as this does unless it is implemented.
    ///
    /// # Safety
    ///
    /// The range is whole pages of one reservation of this source, all of them committed or all sealed.
    unsafe fn huge(&self, _at: NonNull<u8>, bytes: usize, _sealed: bool) -> Result<(), PageError> {
        Err(PageError { call: PageCall::Huge, bytes, code: 0 })
    }

    /// Asks that a range lie on small pages, even where the system uses huge ones unasked; takes an earlier wish for [huge](Self::huge) ones
    /// back. A heap asks for it when it is made, and before it gives a part of a huge page back, so that the system does not make one again.
    ///
    /// # Errors
    ///
    /// The system refuses; nothing changes. A source that never uses huge pages unasked has nothing to do, as this does unless it is
    /// implemented.
    ///
    /// # Safety
    ///
    /// The range is whole pages of one reservation of this source, none of them sealed.
    ///
    /// ```
    /// # use permacode::pages::{OrdinaryPages, PageSource};
    /// let (page, base) = (OrdinaryPages.page_size(), OrdinaryPages.reserve(4096)?);
    /// // SAFETY: the whole reservation, of which nothing is sealed, and which nobody uses.
    /// unsafe {
    ///     OrdinaryPages.plain(base, page)?; // there are no others
    ///     OrdinaryPages.release(base, page)?;
    /// }
    /// # Ok::<(), permacode::error::PageError>(())
    /// ```
    unsafe fn plain(&self, _at: NonNull<u8>, _bytes: usize) -> Result<(), PageError> {
        Ok(())
    }

    /// Gives the memory of a range back and takes its access away; the address space stays reserved. Asked for when a commit of code pages
    /// was refused.
    ///
    /// # Errors
    ///
    /// The system refuses to split a mapping; the range may keep its access.
    ///
    /// # Safety
    ///
    /// The range is whole pages, none of them sealed, and nobody holds a reference into it.
    ///
    /// ```
    /// # use permacode::pages::{OrdinaryPages, PageSource};
    /// let (page, base) = (OrdinaryPages.page_size(), OrdinaryPages.reserve(4096)?);
    /// // SAFETY: whole pages of a reservation of this source, used only while they are committed.
    /// unsafe {
    ///     OrdinaryPages.commit(base, page)?;
    ///     base.write(7);
    ///     OrdinaryPages.decommit(base, page)?;
    ///     OrdinaryPages.commit(base, page)?;
    ///     OrdinaryPages.populate(base, page)?; // memory, and no other contents
    ///     assert_eq!(base.read(), 0);
    ///     OrdinaryPages.release(base, page)?;
    /// }
    /// # Ok::<(), permacode::error::PageError>(())
    /// ```
    unsafe fn decommit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError>;

    /// Gives the memory of a range back and keeps its access: it reads as zeros from now on. Asked for by heaps and side tables, when they are
    /// trimmed or reset, and by heaps on their own. The example of [`resident`](Self::resident) uses it.
    ///
    /// Unless it is implemented, a [`decommit`](Self::decommit) and a [`commit`](Self::commit), which is what a system does that gives memory
    /// back together with its access.
    ///
    /// # Errors
    ///
    /// The system refuses. Then the contents of the range are unspecified, and a part of it may have lost its access: its owner commits it
    /// before it is used again. (Windows takes the access away first, and may refuse to give it back.)
    ///
    /// # Safety
    ///
    /// The range is whole pages, all of them committed and not sealed, and nobody relies on what they hold.
    unsafe fn discard(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: whole pages, not sealed, and nobody relies on what they hold.
        unsafe {
            self.decommit(at, bytes)?;
            self.commit(at, bytes)
        }
    }

    /// How many bytes of a range are in physical memory now. Asked for by `resident` of heaps and side tables.
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
    /// # use permacode::pages::{PageSource, SystemPages};
    /// let page = SystemPages.page_size();
    /// let base = SystemPages.reserve(100 * page)?;
    /// // SAFETY: whole pages of a reservation of this source, committed before they are written to.
    /// unsafe {
    ///     SystemPages.commit(base, 100 * page)?;
    ///     assert_eq!(SystemPages.resident(base, 100 * page)?, 0); // committed memory costs nothing until it is touched
    ///     base.write(1);
    ///     assert!(SystemPages.resident(base, 100 * page)? >= page);
    ///     SystemPages.discard(base, 100 * page)?;
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
