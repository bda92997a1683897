//! Settings of a heap, chosen before it exists.

use super::arena::HeapArena;
use crate::base::align;
use crate::error::Error;
use crate::heap::cache::Magazine;
use crate::heap::slabs::{CLASSES, Clock, Decay, DecayState, HeapPlan, SLAB, SlabOptions, Slabs};
use crate::pages::{HUGE, PageSource, Reservation, Reserve, Source, Writable};
use alloc::sync::Arc;
use core::array;

/// Address space that a heap takes when nothing is said.
const RESERVATION: Reserve =
    Reserve { free: if usize::BITS >= 64 { 8 << 30 } else { 256 << 20 }, memory: 16 << 20, least: 1 << 20, share: 8 };
/// Bytes of a heap in ordinary pages: eight huge pages' worth, so that one that is hardly used is a small part of the whole.
const DEFAULT_HUGE: usize = 16 << 20;
/// Settings of a [`HeapArena`] to be made. Sizes are in bytes; choosing costs nothing, [`build`](Self::build) does.
///
/// ```
/// use std::alloc::Layout;
///
/// let heap = permacode::HeapArena::builder().reservation(64 << 20).limit(1 << 20).build()?;
/// assert!(heap.alloc(Layout::new::<[u8; 2 << 20]>()).is_err()); // above the limit
/// assert!(heap.alloc(Layout::new::<[u8; 1 << 20]>()).is_ok());
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct HeapArenaBuilder {
    reservation: Option<usize>,
    limit: Option<usize>,
    huge_from: Option<usize>,
    huge_spans: bool,
    decay: Decay,
    clock: Clock,
    source: Source,
}

impl HeapArena {
    /// Makes a heap with the default reservation: 8 GiB of address space on 64-bit systems, 256 MiB on others.
    ///
    /// Under a limit on address space (`ulimit -v`) it is halved, until the heap takes at most an eighth of what is
    /// left. It does not go below 1 MiB. If the system refuses it without a limit, the heap takes an eighth of the
    /// largest size that can be had. [`address_space`](Self::address_space) says how much was granted. A program with
    /// more objects [chooses a size](HeapArenaBuilder::reservation).
    ///
    /// Costs two system calls and a question for the limit; the address space is free until it is used. The first object touches a page
    /// or two of bookkeeping, and none makes a call before 16 slabs of 64 KiB are in use.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system grants no address space or no memory.
    ///
    /// ```
    /// let heap = permacode::HeapArena::new()?;
    /// assert_eq!((heap.stats().system_calls, heap.stats().slabs), (2, 0));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a builder, to choose the reservation, a limit, or the source of pages. Costs nothing:
    /// [`build`](HeapArenaBuilder::build) makes the heap.
    ///
    /// ```
    /// let heap = permacode::HeapArena::builder().reservation(1 << 20).build()?;
    /// assert_eq!(heap.stats().reserved, 1 << 20);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn builder() -> HeapArenaBuilder {
        HeapArenaBuilder::new()
    }
}

impl HeapArenaBuilder {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Sets the address space for objects, in bytes, rounded up to 64 KiB. It never grows, and costs nothing until it
    /// is used. A size chosen here is not halved when the system refuses it.
    ///
    /// Little more than a sixteenth of it, and half a megabyte, are reserved in addition for bookkeeping (an eighth in
    /// debug builds). Up to 2 MiB more let the huge pages among the objects begin where such can, if it has room for
    /// any.
    ///
    /// ```
    /// use permacode::Error;
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::builder().reservation((1 << 20) - 1).build()?;
    /// assert_eq!(heap.stats().reserved, 1 << 20); // whole slabs
    /// let refused = heap.alloc(Layout::new::<[u8; 2 << 20]>());
    /// assert_eq!(refused, Err(Error::Exhausted { needed: 2 << 20, left: 1 << 20 }));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn reservation(mut self, bytes: usize) -> Self {
        self.reservation = Some(bytes);
        self
    }

    /// Limits the bytes that may be live at once. Each object counts with the size of its class, above 32 KiB in units
    /// of 4 KiB. There is no limit unless you set one. An object that would exceed it is refused with [`Error::Limit`];
    /// making one smaller is not.
    ///
    /// It holds to the byte. Costs a division whenever a magazine is filled, a comparison for each object above 32 KiB.
    ///
    /// ```
    /// use permacode::{Error, HeapArena};
    /// use std::alloc::Layout;
    ///
    /// let heap = HeapArena::builder().limit(64 << 10).build()?;
    /// let refused = heap.alloc(Layout::new::<[u8; (64 << 10) + 1]>()); // takes 4 KiB more
    /// assert_eq!(refused, Err(Error::Limit { limit: 64 << 10, needed: 68 << 10, left: 64 << 10 }));
    /// assert!(heap.alloc(Layout::new::<[u8; 64 << 10]>()).is_ok());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// Sets the bytes of the heap that lie in pages of the ordinary size. Behind them the heap asks for huge pages for
    /// small objects, where the system has them. On Linux these have 2 MiB, and exist only if transparent huge pages
    /// are not switched off.
    ///
    /// The border is moved to where a huge page can begin: up by at most 2 MiB, or down by at most 1 MiB. The default is 16 MiB. `usize::MAX` is never,
    /// and so is a number that leaves no room for a huge page.
    ///
    /// Huge pages make a large heap faster: a fault for each 2 MiB instead of each 4 KiB, and fewer misses of the
    /// processor's translations. They are for stretches of 2 MiB that objects of up to 32 KiB will fill.
    ///
    /// Everything else is kept on small pages, even where the system would use huge ones unasked. That is bookkeeping,
    /// and objects above 32 KiB unless [`huge_spans`](Self::huge_spans) says so. The wish for huge pages is withdrawn
    /// before a part of such a stretch is given back. Otherwise the system would undo that. A forked child that writes
    /// copies single pages, on Linux 5.8 and later. Older kernels copy huge ones if they find the memory.
    ///
    /// ```
    /// use permacode::{Error, HeapArena};
    /// use std::alloc::Layout;
    ///
    /// let first_object = |from: usize| -> Result<usize, Error> {
    ///     let heap = HeapArena::builder().huge_pages_from(from).build()?;
    ///     let calls = heap.stats().system_calls;
    ///     heap.alloc(Layout::new::<u64>())?;
    ///     Ok(heap.stats().system_calls - calls)
    /// };
    /// assert_eq!(first_object(usize::MAX)?, 0);
    /// assert!(first_object(0)? > 0); // 2 MiB are made writable, and huge pages asked for
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// A system call for each quarter that the heap grows by. At most 2 MiB are resident and not used.
    pub fn huge_pages_from(mut self, bytes: usize) -> Self {
        self.huge_from = Some(bytes);
        self
    }

    /// Asks for huge pages for large objects too, for each whole 2 MiB of theirs behind
    /// [`huge_pages_from`](Self::huge_pages_from); not unless it is set.
    ///
    /// For programs with large tables that are dense. One that is sparse takes 2 MiB of memory for each byte that is written far from others.
    ///
    /// ```
    /// use permacode::{Error, HeapArena};
    /// use std::alloc::Layout;
    ///
    /// let calls = |huge: bool| -> Result<usize, Error> {
    ///     let heap = HeapArena::builder().huge_pages_from(0).huge_spans(huge).build()?;
    ///     heap.alloc(Layout::new::<[u8; 8 << 20]>())?;
    ///     Ok(heap.stats().system_calls)
    /// };
    /// assert_eq!(calls(true)?, calls(false)? + 1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn huge_spans(mut self, huge: bool) -> Self {
        self.huge_spans = huge;
        self
    }

    /// Chooses when unused memory goes back to the system by itself. The default is within 8 seconds. See [`Decay`].
    ///
    /// ```
    /// use permacode::HeapArena;
    /// use permacode::heap::Decay;
    ///
    /// let heap = HeapArena::builder().decay(Decay::Never).build()?; // what `trim` is called for alone
    /// assert_eq!(heap.trim()?, 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn decay(mut self, decay: Decay) -> Self {
        self.decay = decay;
        self
    }

    /// Sets the clock of [`decay`](Self::decay), which counts from any moment. It is for tests, which need not wait
    /// then. The system's unless it is set; without the feature `std` there is none.
    ///
    /// ```
    /// use permacode::HeapArena;
    /// use std::cell::Cell;
    /// use std::time::Duration;
    ///
    /// thread_local! { static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) } }
    /// let heap = HeapArena::builder().clock(|| NOW.get()).build()?;
    /// NOW.set(Duration::from_secs(60)); // a minute passes
    /// assert_eq!(heap.idle(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn clock(mut self, now: fn() -> core::time::Duration) -> Self {
        self.clock = Clock::Given(now);
        self
    }

    /// Sets the source of pages, which must be of at most 64 KiB: [`OrdinaryPages`](crate::pages::OrdinaryPages), a
    /// source for tests, or one of your own.
    ///
    /// Costs an indirect call for each call to the source. Where the source cannot protect, a reservation may be memory, so the default is
    /// 16 MiB.
    ///
    /// ```
    /// use permacode::{HeapArena, pages::OrdinaryPages};
    ///
    /// let heap = HeapArena::builder().pages(std::sync::Arc::new(OrdinaryPages)).build()?;
    /// assert_eq!(heap.stats().reserved, 16 << 20);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn pages(self, source: Arc<dyn PageSource>) -> Self {
        self.with_source(Source::Custom(source))
    }

    pub(super) fn with_source(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// Makes the heap.
    ///
    /// Costs two system calls, and a question for the process's limit if no reservation was chosen. One call reserves.
    /// One makes the first bookkeeping and the first 1 MiB of objects writable. Nothing is touched but the 5 KiB of the
    /// value itself.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for a reservation that no address space holds, [`Error::Pages`] when the system refuses or its pages are larger
    /// than 64 KiB. Nothing is left behind then.
    ///
    /// ```
    /// use permacode::{Error, HeapArena};
    ///
    /// let refused = HeapArena::builder().reservation(usize::MAX).build();
    /// assert!(matches!(refused, Err(Error::TooLarge { len: usize::MAX, .. })));
    /// ```
    pub fn build(self) -> Result<HeapArena, Error> {
        let (reservation, start, plan, huge_from) = match self.reservation {
            Some(bytes) => self.reserve(bytes),
            None => RESERVATION.granted(&self.source, |bytes| self.len(bytes), |bytes| self.reserve(bytes)),
        }?;
        // SAFETY: the plan's parts lie within the reservation; the magazines' part has room for one of each class.
        let magazines: [Magazine; CLASSES] = unsafe {
            let all = reservation.at(start + plan.magazines);
            array::from_fn(|class| Magazine::new(all, class))
        };
        let choices = SlabOptions {
            limit: self.limit.unwrap_or(usize::MAX),
            huge_from: huge_from.unwrap_or(usize::MAX),
            huge_spans: self.huge_spans,
            decay: DecayState::new(self.decay, self.clock),
        };
        // SAFETY: the reservation was made for this plan, and what is first in it is committed and untouched.
        let slabs = unsafe { Slabs::new(reservation, start + plan.objects, plan, choices) };
        Ok(HeapArena::from_parts(magazines, slabs))
    }

    /// Returns the result of `make` for these choices. If no reservation was chosen, it is for the default one, halved
    /// until the system grants it. The caller takes `beside` bytes of address space more.
    pub(super) fn granted<T>(
        self,
        beside: impl Fn(usize) -> usize,
        mut make: impl FnMut(Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self.reservation {
            Some(_) => make(self),
            None => RESERVATION.granted(
                &self.source,
                |bytes| Ok(self.len(bytes)?.saturating_add(beside(bytes))),
                |bytes| make(self.clone().reservation(bytes)),
            ),
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Bytes of slabs on small pages. `None` where no huge page has room behind them.
    ///
    /// The plan begins where a huge page could, unless huge pages begin with the first slab. So one page table of the
    /// system's covers what a small heap writes to. That page table stays with a range that is used again.
    fn huge_from(&self, plan: &HeapPlan) -> Option<usize> {
        let rounded = self.huge_from.unwrap_or(DEFAULT_HUGE).checked_next_multiple_of(HUGE)?;
        let huge_from = rounded.saturating_sub(plan.objects % HUGE);
        (plan.slabs * SLAB).checked_sub(huge_from).filter(|&behind| behind >= HUGE).map(|_| huge_from)
    }

    /// Plans for so many bytes of objects. Returns the plan, the bytes behind which huge pages are asked for, and a
    /// multiple of the address that these begin at.
    fn plan(&self, bytes: usize) -> Result<(HeapPlan, Option<usize>, usize), Error> {
        let page = self.source.page_size()?.bytes();
        let plan = HeapPlan::new(bytes, page, HeapArena::HOME).ok_or(Error::TooLarge { len: bytes, element: 1 })?;
        let huge_from = self.huge_from(&plan);
        Ok((plan, huge_from, huge_from.map_or(SLAB, |_| HUGE)))
    }

    /// Bytes of address space that a heap for so many bytes of objects takes.
    fn len(&self, bytes: usize) -> Result<usize, Error> {
        self.plan(bytes).map(|(plan, _, align)| self.len_of(&plan, align))
    }

    fn len_of(&self, plan: &HeapPlan, align: usize) -> usize {
        // So much more that what begins at a multiple can do so. Linux lets what is a multiple begin at one (since 6.7): then the plan begins
        // with the reservation, and an unused heap is two mappings.
        let len = plan.len + align;
        if self.source.reservation_is_free() { len.next_multiple_of(HUGE) } else { len }
    }

    /// Address space with a plan for it, where in it the plan begins, and behind how many bytes of slabs huge pages are asked for.
    fn reserve(&self, bytes: usize) -> Result<(Reservation<Writable>, usize, HeapPlan, Option<usize>), Error> {
        let (plan, huge_from, align) = self.plan(bytes)?;
        let reservation = Reservation::new(self.source.clone(), self.len_of(&plan, align))?;
        let start = align::pad(reservation.base().addr().get() + plan.objects + huge_from.unwrap_or(0), align);
        let first = plan.first();
        let (long, first) = (first.len() >= HUGE, start + first.start..start + first.end);
        reservation.commit(first.clone())?;
        if long {
            // If the advice is refused, a system that uses huge pages unasked goes on with that.
            let _ = reservation.plain(first);
        }
        Ok((reservation, start, plan, huge_from))
    }
}
