//! A page source that watches another one, and fails on demand.

use super::reservations::Reservations;
use crate::error::PageCall;
use crate::pages::PageSource;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};

/// Pages of another source, watched. Every range and every transition is checked against the contract of
/// [`PageSource`], and any one call can be made to fail.
///
/// A call costs what the source's costs, and a look at its pages, one byte each; a reservation an allocation of as many bytes.
///
/// ```
/// use permacode::testing::Pages;
/// use permacode::{CodeArena, Error};
///
/// # fn main() -> Result<(), Error> {
/// let pages = Pages::system();
/// let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build()?;
/// let loader = arena.load("m")?;
/// pages.fail_nth(0); // the next call, whichever it is
/// assert!(matches!(loader.alloc([1u8; 20_000]), Err(Error::Pages(_))));
/// assert_eq!(loader.alloc([2u8; 20_000]), Ok(&[2; 20_000])); // nothing is lost
/// drop(loader);
/// drop(arena);
/// assert_eq!((pages.live(), pages.violations()), (0, 0));
/// # Ok(())
/// # }
/// ```
pub struct Pages {
    pub(super) source: Box<dyn PageSource>,
    pub(super) unaligned: bool,
    calls: AtomicUsize,
    /// Calls of `kind` until one fails; `usize::MAX`: none will.
    countdown: AtomicUsize,
    kind: AtomicU8,
    /// The [`Failure`] that comes then.
    failure: AtomicU8,
    failures: AtomicUsize,
    pub(super) violations: AtomicUsize,
    pub(super) reservations: Reservations,
}

/// Any call may fail, not one kind only.
const ANY: u8 = u8::MAX;

/// The way in which calls are made to fail.
#[derive(Clone, Copy)]
enum Failure {
    /// One call does nothing.
    Once,
    /// One call does half of its work.
    Halfway,
    /// Every call from that one on does nothing.
    Lasting,
}

impl Pages {
    /// Watched pages of the operating system.
    ///
    /// ```
    /// use permacode::{CodeArena, testing::Pages};
    ///
    /// let pages = Pages::system();
    /// let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build()?;
    /// assert_eq!(pages.calls(), arena.stats().system_calls);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
    pub fn system() -> Arc<Self> {
        Self::watching(Box::new(crate::pages::SystemPages))
    }

    /// Watched pages of ordinary memory.
    ///
    /// ```
    /// use permacode::{pages::PageSource, testing::Pages};
    ///
    /// let pages = Pages::ordinary();
    /// assert_eq!((pages.page_size(), pages.protects()), (4096, false));
    /// ```
    pub fn ordinary() -> Arc<Self> {
        Self::watching(Box::new(crate::pages::OrdinaryPages))
    }

    /// Watched pages of any source.
    ///
    /// ```
    /// use permacode::{CodeArena, pages::OrdinaryPages, testing::Pages};
    ///
    /// let pages = Pages::watching(Box::new(OrdinaryPages));
    /// CodeArena::builder().pages(pages.clone()).build()?.load("m")?.alloc(1u8)?;
    /// assert!(pages.calls() > 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn watching(source: Box<dyn PageSource>) -> Arc<Self> {
        Arc::new(Self::new(source, false))
    }

    /// Watched pages whose reservations are never better aligned than asked: to one page, and never to two (soundness S4). Each
    /// costs two pages more of the source.
    ///
    /// ```
    /// use permacode::{CodeArena, pages::OrdinaryPages, testing::Pages};
    ///
    /// let pages = Pages::unaligned(Box::new(OrdinaryPages));
    /// let arena = CodeArena::builder().pages(pages).build()?;
    /// assert_eq!(arena.bookkeeping_ranges()[0].start % (2 * 4096), 4096); // where the reservation begins
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn unaligned(source: Box<dyn PageSource>) -> Arc<Self> {
        Arc::new(Self::new(source, true))
    }

    fn new(source: Box<dyn PageSource>, unaligned: bool) -> Self {
        Self {
            source,
            unaligned,
            calls: AtomicUsize::new(0),
            countdown: AtomicUsize::new(usize::MAX),
            kind: AtomicU8::new(ANY),
            failure: AtomicU8::new(Failure::Once as u8),
            failures: AtomicUsize::new(0),
            violations: AtomicUsize::new(0),
            reservations: Reservations::default(),
        }
    }

    /// Makes one call fail, after `after` more calls of any kind. A later call to this or the other `fail` functions replaces it.
    ///
    /// A single refusal is commonly made good: an arena asks again for less, does without huge pages, or leaves for later what may wait. So `Ok` is
    /// a right answer too, and [`failures`](Self::failures) says that the call was made. To see your program's errors, use
    /// [`fail_from`](Self::fail_from).
    ///
    /// ```
    /// use permacode::{CodeArena, Error};
    /// use permacode::error::PageCall;
    /// use permacode::testing::Pages;
    ///
    /// let pages = Pages::ordinary();
    /// pages.fail_nth(1); // reserving succeeds, the commit behind it does not
    /// let refused = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build();
    /// assert!(matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Commit));
    /// assert_eq!(pages.live(), 0); // nothing is left behind
    /// ```
    pub fn fail_nth(&self, after: usize) {
        self.arm(ANY, after, Failure::Once);
    }

    /// Makes one call of this kind fail, after `after` more of them. Releases and questions for what is resident are only handed on, and
    /// never made to fail.
    ///
    /// ```
    /// # use permacode::CodeArena;
    /// # use permacode::error::PageCall;
    /// # use permacode::testing::Pages;
    /// let pages = Pages::ordinary();
    /// let arena = CodeArena::builder().pages(pages.clone()).build()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc(1u8)?; // commits: that is not the call
    /// pages.fail_call(PageCall::Seal, 0);
    /// assert!(loader.seal().is_err());
    /// assert_eq!(arena.seal()?.pages, 1); // tried again
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn fail_call(&self, call: PageCall, after: usize) {
        self.arm(call as u8, after, Failure::Once);
    }

    /// As [`fail_call`](Self::fail_call), but the call does its work on the first half of its pages before it fails. A
    /// system that runs out of mappings does so (soundness S20).
    ///
    /// ```
    /// # use permacode::CodeArena;
    /// # use permacode::error::PageCall;
    /// # use permacode::testing::Pages;
    /// # let pages = Pages::ordinary();
    /// # let arena = CodeArena::builder().pages(pages.clone()).build()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc_slice_copy(&[1u8; 4 * 4096])?;
    /// pages.fail_call_halfway(PageCall::Seal, 0);
    /// assert!(loader.seal().is_err()); // two of the four pages were sealed
    /// assert_eq!(arena.seal()?.pages, 4); // all are tried again
    /// assert_eq!(pages.violations(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn fail_call_halfway(&self, call: PageCall, after: usize) {
        self.arm(call as u8, after, Failure::Halfway);
    }

    /// Makes every call of this kind fail, after `after` more of them, until you [`relent`](Self::relent). A system
    /// that is out of memory does so. A call that asks again for less is refused too.
    ///
    /// ```
    /// # use permacode::CodeArena;
    /// # use permacode::error::PageCall;
    /// # use permacode::testing::Pages;
    /// let pages = Pages::ordinary();
    /// let arena = CodeArena::builder().pages(pages.clone()).build()?;
    /// let loader = arena.load("m")?;
    /// pages.fail_calls_from(PageCall::Commit, 0);
    /// for _ in 0..3 {
    ///     assert!(loader.alloc_padded(&[], 1, 100_000).is_err());
    /// }
    /// pages.relent();
    /// assert!(loader.alloc_padded(&[], 1, 100_000).is_ok());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn fail_calls_from(&self, call: PageCall, after: usize) {
        self.arm(call as u8, after, Failure::Lasting);
    }

    /// Makes every call of any kind fail, after `after` more of them, until you [`relent`](Self::relent): from then on there is no memory. Nothing
    /// is made good by asking for less.
    ///
    /// Releases are never made to fail, so an arena that is dropped meanwhile leaves nothing behind.
    ///
    /// ```
    /// use permacode::{Error, HeapArena, testing::Pages};
    ///
    /// let pages = Pages::ordinary();
    /// let heap = HeapArena::builder().reservation(64 << 20).pages(pages.clone()).build()?;
    /// let layout = std::alloc::Layout::new::<[u8; 16 << 20]>();
    /// pages.fail_from(0);
    /// for _ in 0..3 {
    ///     assert!(matches!(heap.alloc(layout), Err(Error::Pages(_))));
    /// }
    /// pages.relent();
    /// assert!(heap.alloc(layout).is_ok());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn fail_from(&self, after: usize) {
        self.arm(ANY, after, Failure::Lasting);
    }

    /// Lets every call succeed again.
    ///
    /// ```
    /// # use permacode::{CodeArena, testing::Pages};
    /// let pages = Pages::ordinary();
    /// pages.fail_nth(0);
    /// pages.relent();
    /// assert!(CodeArena::builder().pages(pages).build().is_ok());
    /// ```
    pub fn relent(&self) {
        self.arm(ANY, usize::MAX, Failure::Once);
    }

    fn arm(&self, kind: u8, after: usize, failure: Failure) {
        self.countdown.store(usize::MAX, SeqCst);
        self.kind.store(kind, SeqCst);
        self.failure.store(failure as u8, SeqCst);
        self.countdown.store(after, SeqCst);
    }

    fn is(&self, failure: Failure) -> bool {
        self.failure.load(SeqCst) == failure as u8
    }

    /// Returns `true` if this call is one to fail.
    pub(super) fn fails(&self, call: PageCall) -> bool {
        self.calls.fetch_add(1, SeqCst);
        let kind = self.kind.load(SeqCst);
        if kind != ANY && kind != call as u8 {
            return false;
        }
        let then = if self.is(Failure::Lasting) { 0 } else { usize::MAX };
        let count = |left| (left != usize::MAX).then(|| if left == 0 { then } else { left - 1 });
        let fails = self.countdown.fetch_update(SeqCst, SeqCst, count) == Ok(0);
        self.failures.fetch_add(usize::from(fails), SeqCst);
        fails
    }

    /// Returns `true` if a call that fails does half of its work.
    pub(super) fn fails_halfway(&self) -> bool {
        self.is(Failure::Halfway)
    }

    /// Calls made so far, failed ones included, over all reservations; without releases and questions for what is resident.
    ///
    /// ```
    /// # use permacode::{CodeArena, testing::Pages};
    /// let pages = Pages::ordinary();
    /// let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build()?;
    /// assert_eq!(pages.calls(), 2); // reserve, and commit the first records and 16 KiB of code
    /// arena.load("m")?.alloc_slice_copy(&[1u8; 20_000])?;
    /// assert_eq!(pages.calls(), 3); // commit more
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    /// Calls that were made to fail, not those that the source refused.
    ///
    /// ```
    /// # use permacode::{CodeArena, testing::Pages};
    /// let pages = Pages::ordinary();
    /// pages.fail_nth(0);
    /// let refused = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build();
    /// assert!(refused.is_err());
    /// assert_eq!(pages.failures(), 1);
    /// ```
    pub fn failures(&self) -> usize {
        self.failures.load(SeqCst)
    }

    /// Counts the calls that broke the contract:
    ///
    /// - a range outside of any live reservation, or not of whole pages
    /// - write permission for a sealed page
    /// - a seal of a page that was never committed
    /// - a second release
    ///
    /// ```
    /// # use permacode::pages::{PageSource, Step};
    /// # use permacode::testing::Pages;
    /// let pages = Pages::ordinary();
    /// let at = pages.reserve(4096)?;
    /// // SAFETY: a reservation of ordinary memory, where a seal does nothing.
    /// unsafe { pages.apply(Step::Seal, at, 4096) }?; // never committed
    /// assert_eq!(pages.violations(), 1);
    /// # // SAFETY: the whole reservation, which nobody uses.
    /// # unsafe { pages.release(at, 4096) }?;
    /// # Ok::<(), permacode::error::PageError>(())
    /// ```
    pub fn violations(&self) -> usize {
        self.violations.load(SeqCst)
    }

    /// Reservations that are not released. Costs a step for each ever made.
    ///
    /// ```
    /// # use permacode::{CodeArena, testing::Pages};
    /// let pages = Pages::ordinary();
    /// let arena = CodeArena::builder().pages(pages.clone()).build()?;
    /// assert_eq!(pages.live(), 1);
    /// drop(arena);
    /// assert_eq!(pages.live(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn live(&self) -> usize {
        self.reservations.iter().filter(|reserved| reserved.live.load(SeqCst)).count()
    }
}
