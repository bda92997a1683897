//! A page source that watches another one, and fails on demand.

use crate::error::{PageCall, PageError};
use crate::pages::PageSource;
use core::iter;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;

/// Pages of another source, watched: every range and every transition is checked against the contract of [`PageSource`], and any one
/// call can be made to fail.
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
/// assert!(matches!(loader.alloc(1u8), Err(Error::Pages(_))));
/// assert_eq!(loader.alloc(2u8), Ok(&2)); // nothing is lost
/// drop(loader);
/// drop(arena);
/// assert_eq!((pages.live(), pages.violations()), (0, 0));
/// # Ok(())
/// # }
/// ```
pub struct Pages {
    source: Box<dyn PageSource>,
    unaligned: bool,
    calls: AtomicUsize,
    /// Calls of `kind` until one fails; `usize::MAX`: none will.
    countdown: AtomicUsize,
    kind: AtomicU8,
    halfway: AtomicBool,
    failures: AtomicUsize,
    violations: AtomicUsize,
    /// Every reservation ever made, newest first. Only added to, so that a forked child never waits.
    reservations: AtomicPtr<Reserved>,
}

/// Any call may fail, not one kind only.
const ANY: u8 = u8::MAX;
/// `ENOMEM` on every Unix: what the system says when it has no memory or no mappings left.
const NO_MEMORY: i32 = 12;

const NO_ACCESS: u8 = 0;
const COMMITTED: u8 = 1;
const SEALED: u8 = 2;
/// A failed seal may have reached it: it may be read-only.
const PERHAPS_SEALED: u8 = 3;
/// Another call that failed half-way may have reached it.
const UNKNOWN: u8 = 4;

/// A reservation and the state of each of its pages.
struct Reserved {
    base: usize,
    /// Bytes of the source's reservation that lie before `base`.
    skipped: usize,
    states: Box<[AtomicU8]>,
    live: AtomicBool,
    next: *mut Self,
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
    #[cfg(all(unix, not(miri)))]
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
    /// assert_eq!(arena.address_range().start % (2 * 4096), 4096);
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
            halfway: AtomicBool::new(false),
            failures: AtomicUsize::new(0),
            violations: AtomicUsize::new(0),
            reservations: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Makes one call fail, after `after` more calls of any kind. A later call to this or the other `fail` functions replaces it.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, PageCall, testing::Pages};
    ///
    /// let pages = Pages::ordinary();
    /// pages.fail_nth(1); // reserving succeeds, the commit behind it does not
    /// let refused = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build();
    /// assert!(matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Commit));
    /// assert_eq!(pages.live(), 0); // nothing is left behind
    /// ```
    pub fn fail_nth(&self, after: usize) {
        self.arm(ANY, after, false);
    }

    /// Makes one call of this kind fail, after `after` more of them. Releases, advice and questions for what is resident are
    /// only handed on, and never made to fail.
    ///
    /// ```
    /// # use permacode::{CodeArena, PageCall, testing::Pages};
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
        self.arm(call as u8, after, false);
    }

    /// As [`fail_call`](Self::fail_call), but the call does its work on the first half of its pages before it fails: what a system
    /// does that runs out of mappings (soundness S20).
    ///
    /// ```
    /// # use permacode::{CodeArena, PageCall, testing::Pages};
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
        self.arm(call as u8, after, true);
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
        self.arm(ANY, usize::MAX, false);
    }

    fn arm(&self, kind: u8, after: usize, halfway: bool) {
        self.countdown.store(usize::MAX, SeqCst);
        self.kind.store(kind, SeqCst);
        self.halfway.store(halfway, SeqCst);
        self.countdown.store(after, SeqCst);
    }

    /// Calls made so far, failed ones included, over all reservations; without releases, advice and questions for what is
    /// resident.
    ///
    /// ```
    /// # use permacode::{CodeArena, testing::Pages};
    /// let pages = Pages::ordinary();
    /// let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build()?;
    /// assert_eq!(pages.calls(), 2); // reserve, and commit the first records
    /// arena.load("m")?.alloc(1u8)?;
    /// assert_eq!(pages.calls(), 3); // commit the first run
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

    /// Calls that broke the contract: a range outside of any live reservation or not of whole pages, write permission for a sealed page,
    /// a seal of a page that was never committed, a second release.
    ///
    /// ```
    /// # use permacode::{pages::PageSource, testing::Pages};
    /// let pages = Pages::ordinary();
    /// let at = pages.reserve(4096)?;
    /// // SAFETY: a reservation of ordinary memory, where a seal does nothing.
    /// unsafe { pages.seal(at, 4096) }?; // never committed
    /// assert_eq!(pages.violations(), 1);
    /// # // SAFETY: the whole reservation, which nobody uses.
    /// # unsafe { pages.release(at, 4096) }?;
    /// # Ok::<(), permacode::PageError>(())
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
        self.reservations().filter(|reserved| reserved.live.load(SeqCst)).count()
    }

    fn reservations(&self) -> impl Iterator<Item = &Reserved> {
        let at = |raw: *mut Reserved| {
            // SAFETY: null or a box that `note` leaked into the list, which only `Drop` takes back.
            unsafe { raw.as_ref() }
        };
        iter::successors(at(self.reservations.load(SeqCst)), move |reserved| at(reserved.next))
    }

    fn note(&self, base: NonNull<u8>, skipped: usize, pages: usize) {
        let states = (0..pages).map(|_| AtomicU8::new(NO_ACCESS)).collect();
        let next = self.reservations.load(SeqCst);
        let node = Reserved { base: base.addr().get(), skipped, states, live: AtomicBool::new(true), next };
        let node = Box::into_raw(Box::new(node));
        let mut next = next;
        while let Err(now) = self.reservations.compare_exchange(next, node, SeqCst, SeqCst) {
            next = now;
            // SAFETY: the node is not in the list yet, so nobody else sees it.
            unsafe { (*node).next = now };
        }
    }

    /// Whether this call is the one to fail.
    fn fails(&self, call: PageCall) -> bool {
        self.calls.fetch_add(1, SeqCst);
        let kind = self.kind.load(SeqCst);
        if kind != ANY && kind != call as u8 {
            return false;
        }
        let count = |left| (left != usize::MAX).then(|| if left == 0 { usize::MAX } else { left - 1 });
        let fails = self.countdown.fetch_update(SeqCst, SeqCst, count) == Ok(0);
        self.failures.fetch_add(usize::from(fails), SeqCst);
        fails
    }

    /// The states of the pages in a range; a violation where there are none.
    fn states(&self, at: NonNull<u8>, bytes: usize) -> &[AtomicU8] {
        let (page, at) = (self.page_size(), at.addr().get());
        let whole = at % page == 0 && bytes % page == 0 && bytes != 0;
        self.reservations()
            .filter(|reserved| whole && reserved.live.load(SeqCst) && reserved.base <= at)
            .find_map(|reserved| reserved.states.get((at - reserved.base) / page..(at - reserved.base + bytes) / page))
            .unwrap_or_else(|| self.violation())
    }

    fn violation(&self) -> &[AtomicU8] {
        self.violations.fetch_add(1, SeqCst);
        &[]
    }

    /// Makes a call on a range: checked against `legal`, failed on demand, written down as `after`.
    fn call(
        &self,
        call: PageCall,
        (at, bytes): (NonNull<u8>, usize),
        legal: impl Fn(u8) -> bool,
        after: impl Fn(u8) -> u8,
        forward: impl FnOnce(usize) -> Result<(), PageError>,
    ) -> Result<(), PageError> {
        let states = self.states(at, bytes);
        if !states.iter().all(|state| legal(state.load(SeqCst))) {
            self.violation();
        }
        let fails = self.fails(call);
        let pages = match fails {
            true if self.halfway.load(SeqCst) => bytes / self.page_size() / 2,
            true => 0,
            false => bytes / self.page_size(),
        };
        if pages != 0 {
            forward(pages * self.page_size())?;
        }
        let unknown = if call == PageCall::Seal { PERHAPS_SEALED } else { UNKNOWN };
        for (index, state) in states.iter().enumerate() {
            let now = state.load(SeqCst);
            state.store(
                if index < pages {
                    after(now)
                } else if fails && pages != 0 && after(now) != now {
                    unknown
                } else {
                    now
                },
                SeqCst,
            );
        }
        if fails { Err(PageError { call, bytes, code: NO_MEMORY }) } else { Ok(()) }
    }

    /// What is reserved of the source for `bytes`, so that a badly aligned part can be handed out.
    fn reserved(&self, bytes: usize) -> usize {
        if self.unaligned { bytes.saturating_add(2 * self.page_size()) } else { bytes }
    }
}

// SAFETY: the source watched keeps the contract, and every call is forwarded as it is, or not at all and then reported as failed. An
// unaligned reservation is a part of a larger one. Nothing here locks.
unsafe impl PageSource for Pages {
    fn page_size(&self) -> usize {
        self.source.page_size()
    }

    fn protects(&self) -> bool {
        self.source.protects()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        if self.fails(PageCall::Reserve) {
            return Err(PageError { call: PageCall::Reserve, bytes, code: NO_MEMORY });
        }
        let (base, page) = (self.source.reserve(self.reserved(bytes))?, self.page_size());
        let skipped = match base.addr().get() % (2 * page) {
            _ if !self.unaligned => 0,
            0 => page,
            _ => 2 * page,
        };
        // SAFETY: as many more pages were reserved than asked for.
        let base = unsafe { base.add(skipped) };
        self.note(base, skipped, bytes / page);
        Ok(base)
    }

    unsafe fn commit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract, on the range or its beginning.
        let forward = |bytes| unsafe { self.source.commit(at, bytes) };
        self.call(
            PageCall::Commit,
            (at, bytes),
            |state| !matches!(state, SEALED | PERHAPS_SEALED),
            |_| COMMITTED,
            forward,
        )
    }

    unsafe fn populate(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract, on the range or its beginning.
        let forward = |bytes| unsafe { self.source.populate(at, bytes) };
        self.call(PageCall::Populate, (at, bytes), |state| state == COMMITTED, |state| state, forward)
    }

    unsafe fn seal(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract, on the range or its beginning.
        let forward = |bytes| unsafe { self.source.seal(at, bytes) };
        self.call(PageCall::Seal, (at, bytes), |state| state != NO_ACCESS, |_| SEALED, forward)
    }

    unsafe fn decommit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract, on the range or its beginning.
        let forward = |bytes| unsafe { self.source.decommit(at, bytes) };
        self.call(
            PageCall::Decommit,
            (at, bytes),
            |state| !matches!(state, SEALED | PERHAPS_SEALED),
            |_| NO_ACCESS,
            forward,
        )
    }

    unsafe fn discard(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract, on the range or its beginning.
        let forward = |bytes| unsafe { self.source.discard(at, bytes) };
        self.call(PageCall::Discard, (at, bytes), |state| state == COMMITTED, |state| state, forward)
    }

    unsafe fn prefer_huge(&self, at: NonNull<u8>, bytes: usize) {
        if !self.states(at, bytes).iter().all(|state| state.load(SeqCst) == COMMITTED) {
            self.violation();
        }
        // SAFETY: the caller's contract.
        unsafe { self.source.prefer_huge(at, bytes) }
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: the caller's contract.
        unsafe { self.source.resident(at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        let whole = |reserved: &&Reserved| {
            reserved.base == at.addr().get() && reserved.states.len() * self.page_size() == bytes
        };
        let ended = self.reservations().filter(whole).find(|reserved| reserved.live.swap(false, SeqCst));
        let Some(reserved) = ended else {
            self.violation();
            return Err(PageError { call: PageCall::Release, bytes, code: 0 });
        };
        // SAFETY: `reserve` skipped as much from the base of the larger reservation.
        let base = unsafe { at.sub(reserved.skipped) };
        // SAFETY: the caller's contract, on the larger reservation where there is one.
        unsafe { self.source.release(base, self.reserved(bytes)) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let mut next = *self.reservations.get_mut();
        while !next.is_null() {
            // SAFETY: a box that `note` leaked; the list is this value's alone now.
            next = unsafe { Box::from_raw(next) }.next;
        }
    }
}
