//! The slabs of a heap and what is known of each, out of line.
//!
//! ```text
//!   metadata, pages of its own                               objects                                          more metadata
//!   ├ first bitmaps │ home │ sets │ ◀ table │ magazines ┼ slab 0 ┼ slab 1 ┼ slab 2 ┼ ┄┄ ┤ ┄ no access ┄ ┤ far ▶ ┄┄ ◀ more bitmaps ┤
//!                                                           64 KiB                     high
//! ```
//!
//! The sets are [facts of vacant slabs](super::vacant), and for each class the slabs with free objects. A small heap
//! writes to the first pages of each part; of the table and the magazines, that is one page. If the heap may grow so
//! large that it asks for huge pages, slab 0 lies so that these begin where they can. The bookkeeping of slabs behind
//! the first GiB is [`far`]: it is made writable as they are.
//!
//! * A slab is **vacant**, of one **class**, or part of a **span** of slabs that hold one large object. All below `high` are one of these;
//!   those behind were not used yet, and are as the system gives them.
//! * In a slab of a class, objects below `first_untouched` were handed out at least once. A bit says which of them came back, and
//!   `free` how many.
//! * An object is *out* when it is in neither: then a program has it, or a magazine.
//! * A slab of which every object came back is vacant at once and serves anybody, unless its class goes on there.
//! * No link and no header is ever written to object pages; only zeros are, where somebody asked for them or a span ended. A stray write to a free object corrupts nothing, a free dirties
//!   no page that a forked child shares.

use super::bitmaps::{BITS, BitmapPool};
use super::classes::{CLASSES, Class, GRAIN, SLAB, TABLE};
use super::decay::DecayState;
use super::far::{self, Far, NEAR};
use super::plan::{BITMAPS, HeapPlan};
use super::sets::Sets;
use super::slab::{Flag, GRAINS, Slab, SlabUse};
use super::vacant::Vacancy;
use crate::error::{Error, PageError};
use crate::pages::{Reservation, Writable};
use core::cell::Cell;
use core::ops::Range;
use core::ptr::NonNull;

/// The slabs of one heap.
pub(in crate::heap) struct Slabs {
    pub(in crate::heap) pages: Reservation<Writable>,
    /// Offset of slab 0 in the reservation, so that its address is a multiple of its size.
    pub(in crate::heap) origin: usize,
    /// Address of slab 0.
    pub(in crate::heap) base: NonNull<u8>,
    pub(in crate::heap) plan: HeapPlan,
    /// The end of the table: the entry of slab 0 lies just before it, that of slab 1 before that.
    table: NonNull<Slab>,
    /// The bookkeeping of slabs that are not in the table.
    far: NonNull<Far>,
    /// Bytes of that which are writable.
    far_committed: Cell<usize>,
    pub(in crate::heap) vacancy: Vacancy,
    /// For each class, slabs that have a free object whose bit says so, and that may hand it out.
    pub(in crate::heap) partial: Sets<CLASSES>,
    /// For each class, one more than the slab that still has objects nobody touched; 0: none.
    pub(in crate::heap) open: [Cell<u32>; CLASSES],
    /// For each class, objects that are out.
    pub(in crate::heap) out: [Cell<usize>; CLASSES],
    /// For each class, the time in which it was refused a slab, or 0.
    pub(in crate::heap) starved: [Cell<u32>; CLASSES],
    /// Bytes of objects and spans that are out.
    pub(in crate::heap) out_bytes: Cell<usize>,
    pub(in crate::heap) limit: usize,
    /// The first slab of the chunks that are for classes or for spans; those before are for both. See `chunks.rs`.
    pub(in crate::heap) mixed: usize,
    /// `true` if large objects ask for huge pages.
    pub(in crate::heap) huge_spans: bool,
    pub(in crate::heap) pool: BitmapPool,
    /// Slabs that were ever used or set aside for classes.
    pub(in crate::heap) high: Cell<usize>,
    /// Bytes of slabs that are writable.
    pub(in crate::heap) committed: Cell<usize>,
    /// `true` if slabs that are [old](Flag::Old) take no new objects.
    pub(in crate::heap) fenced: Cell<bool>,
    /// Slabs that are of a class.
    pub(in crate::heap) class_slabs: Cell<usize>,
    /// Chunks that were set aside for classes.
    pub(in crate::heap) granted: Cell<usize>,
    /// Sixteenths of spans, and of what may be resident behind their ends.
    pub(in crate::heap) span_grains: Cell<usize>,
    pub(in crate::heap) tail_grains: Cell<usize>,
    /// Slabs that spans keep to grow into.
    pub(in crate::heap) slack: Cell<usize>,
    /// Slabs in which an object of another class may lie, and for each class how many of its objects do.
    pub(in crate::heap) hosts: Cell<usize>,
    pub(in crate::heap) guests: [Cell<u32>; CLASSES],
    /// Requests that were refused, and whether somebody else serves these.
    pub(in crate::heap) refusals: Cell<u32>,
    pub(in crate::heap) has_fallback: Cell<bool>,
    pub(in crate::heap) decay: DecayState,
}

/// A builder's choices, as slabs need them.
pub(in crate::heap) struct SlabOptions {
    pub(in crate::heap) limit: usize,
    /// Bytes of slabs before the first chunk.
    pub(in crate::heap) huge_from: usize,
    pub(in crate::heap) huge_spans: bool,
    pub(in crate::heap) decay: DecayState,
}

impl Slabs {
    /// # Safety
    ///
    /// 1. `pages` was made for `plan`, with its objects at `origin`.
    /// 2. What the plan has [`first`](HeapPlan::first) is committed, zero, and for this value alone.
    pub(in crate::heap) unsafe fn new(
        pages: Reservation<Writable>,
        origin: usize,
        plan: HeapPlan,
        choices: SlabOptions,
    ) -> Self {
        let start = origin - plan.objects;
        // SAFETY: the plan's parts lie within the reservation and have the room that each needs.
        let (base, table, far, vacant, partial, pool) = unsafe {
            let far = pages.at(start + plan.far().start);
            let vacant = Sets::new(pages.at(start + plan.vacant), plan.slabs, NEAR, Far::facts(far));
            let partial = Sets::new(pages.at(start + plan.partial), plan.slabs, NEAR, Far::partial(far));
            let known = pages.at(start + plan.vacant);
            let (end, others) = (pages.at(start + plan.home), pages.at(start + plan.len));
            let pool = BitmapPool::new(end, others, known, BitmapPool::capacity(plan.slabs, BITMAPS));
            (pages.at(origin), pages.at(start + plan.magazines).cast(), far.cast(), vacant, partial, pool)
        };
        Self {
            origin,
            base,
            plan,
            table,
            far,
            far_committed: Cell::new(0),
            vacancy: Vacancy::new(vacant),
            partial,
            open: [const { Cell::new(0) }; CLASSES],
            out: [const { Cell::new(0) }; CLASSES],
            starved: [const { Cell::new(0) }; CLASSES],
            out_bytes: Cell::new(0),
            limit: choices.limit,
            mixed: (choices.huge_from / SLAB).min(plan.slabs),
            huge_spans: choices.huge_spans,
            pool,
            high: Cell::new(0),
            committed: Cell::new(plan.first_objects()),
            fenced: Cell::new(false),
            class_slabs: Cell::new(0),
            granted: Cell::new(0),
            span_grains: Cell::new(0),
            tail_grains: Cell::new(0),
            slack: Cell::new(0),
            hosts: Cell::new(0),
            guests: [const { Cell::new(0) }; CLASSES],
            refusals: Cell::new(0),
            has_fallback: Cell::new(false),
            decay: choices.decay,
            pages,
        }
    }

    /// Returns the place of the entries of all magazines.
    pub(in crate::heap) fn magazines(&self) -> NonNull<u8> {
        // SAFETY: a part of the plan, which lies within the reservation.
        unsafe { self.pages.at(self.origin - self.plan.objects + self.plan.magazines) }
    }

    /// Returns the record of a slab. It is checked, so that no caller promises anything: a number that is none panics
    /// as an index does.
    #[inline]
    pub(in crate::heap) fn slab(&self, number: usize) -> &Slab {
        let near = self.plan.slabs.min(NEAR);
        if let Some(far) = number.checked_sub(NEAR) {
            // SAFETY: as many as are writable, and zeroed; zeros are valid.
            let known = unsafe { core::slice::from_raw_parts(self.far.as_ptr(), self.known_far()) };
            return known[far / BITS].slab(far % BITS);
        }
        // SAFETY: the table has an entry for each near slab, committed and zeroed, and zeros are a valid `Slab`.
        let table = unsafe { core::slice::from_raw_parts(self.table.as_ptr().sub(near), near) };
        &table[near - 1 - number]
    }

    /// Groups of 64 far slabs that are known.
    fn known_far(&self) -> usize {
        self.far_committed.get() / size_of::<Far>()
    }

    /// Makes writable what is known of the first `slabs` slabs.
    pub(in crate::heap) fn commit_far(&self, slabs: usize) -> Result<(), PageError> {
        let all = self.plan.far;
        let Some(missing) = far::missing(slabs, self.far_committed.get(), all) else { return Ok(()) };
        let (start, end) = (self.start() + self.plan.far().start, missing.end);
        self.commit_small(start + missing.start..start + end)?;
        self.far_committed.set(end);
        // SAFETY: writable since now, and there is one for each 64 slabs.
        unsafe {
            self.vacancy.sets.know(self.known_far());
            self.partial.know(self.known_far());
        }
        Ok(())
    }

    /// Makes a range writable that nothing was done with yet, and asks for small pages there, where the system would use huge ones unasked.
    ///
    /// The [first](HeapPlan::first) range of most heaps is too short for a huge page as long as nothing is writable
    /// beside it. So it is asked for with the second, and a heap that stays small makes a call less. It is not asked
    /// for the whole reservation at once. Neighbours in the address space are one mapping if they are alike. So are
    /// parts without access.
    pub(super) fn commit_small(&self, range: Range<usize>) -> Result<(), PageError> {
        self.pages.commit(range.clone())?;
        if self.is_as_made() {
            let (start, first) = (self.start(), self.plan.first());
            // If the advice is refused, a system that uses huge pages unasked goes on with that.
            let _ = self.pages.plain(start + first.start..start + first.end);
        }
        let _ = self.pages.plain(range);
        Ok(())
    }

    /// Returns `true` if nothing is writable but what was when the heap was made.
    fn is_as_made(&self) -> bool {
        self.committed.get() == self.plan.first_objects() && self.far_committed.get() == 0 && self.pool.is_as_made()
    }

    /// Returns the record of a slab, unchecked.
    ///
    /// # Safety
    ///
    /// `number` is that of a slab that an object lies in, or lay in.
    #[inline(always)]
    pub(in crate::heap) unsafe fn slab_of_object(&self, number: usize) -> &Slab {
        debug_assert!(number < self.high.get());
        // SAFETY: the caller's promise: there is an entry for it, committed before the slab was, and zeroed at first; zeros are a valid `Slab`.
        unsafe {
            match number.checked_sub(NEAR) {
                None => &*self.table.as_ptr().sub(number + 1),
                Some(far) => (*self.far.as_ptr().add(far / BITS)).slab(far % BITS),
            }
        }
    }

    /// The address of a slab, or of the end of all. No access is made, so nothing is promised.
    #[inline]
    pub(in crate::heap) fn address(&self, number: usize) -> NonNull<u8> {
        debug_assert!(number <= self.plan.slabs);
        self.base.map_addr(|base| base.saturating_add(number * SLAB))
    }

    /// Returns the object at an address, known by that alone. So it has the heap's own right to its memory, and not
    /// that of the pointer that a program gave back. A slice's destructor has no more than the slice (soundness S26).
    /// It costs no instruction.
    #[inline(always)]
    pub(in crate::heap) fn own(&self, object: NonNull<u8>) -> NonNull<u8> {
        self.base.with_addr(object.addr())
    }

    /// Returns the distance of an address from the first slab, if it lies in a slab that was ever used.
    #[inline]
    pub(in crate::heap) fn offset(&self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.base.addr().get());
        (offset < self.high.get() * SLAB).then_some(offset)
    }

    /// The number of the slab that an address lies in, which must be one of an object that is out.
    #[inline]
    pub(in crate::heap) fn number_of(&self, object: NonNull<u8>) -> usize {
        object.addr().get().wrapping_sub(self.base.addr().get()) / SLAB
    }

    /// The bits of a slab of a class: which objects are free, which are marked.
    pub(in crate::heap) fn bits(&self, slab: &Slab, class: &Class) -> (&[Cell<u64>], &[Cell<u64>]) {
        debug_assert!(matches!(slab.usage(), SlabUse::Class(_)));
        // SAFETY: the slab is of this class, so it took a bitmap of so many words when it became that.
        unsafe { self.pool.bitmap(slab.bitmap(), 2 * class.words) }.split_at(class.words)
    }

    /// More bits, for the checks of debug builds: which objects a program has, which were poisoned when they were freed.
    #[cfg(debug_assertions)]
    pub(in crate::heap) fn check_bits(&self, slab: &Slab, class: &Class) -> (&[Cell<u64>], &[Cell<u64>]) {
        // SAFETY: as in `bits`, of a debug build's length.
        let all = unsafe { self.pool.bitmap(slab.bitmap(), BITMAPS * class.words) };
        all[2 * class.words..].split_at(class.words)
    }

    /// The objects of a slab that were handed out and have not come back, a word at a time.
    pub(in crate::heap) fn out_in(&self, slab: &Slab, class: &Class, word: usize) -> u64 {
        let (free, _) = self.bits(slab, class);
        let fresh = usize::from(slab.first_untouched.get()).saturating_sub(word * BITS).min(BITS);
        let handed = if fresh == 0 { 0 } else { u64::MAX >> (BITS - fresh) };
        handed & !free[word].get()
    }

    // ── slabs for classes ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// A slab of the class that has objects nobody touched.
    pub(in crate::heap) fn open_slab(&self, class: usize) -> Result<usize, Error> {
        if let Some(number) = (self.open[class].get() as usize).checked_sub(1) {
            return Ok(number);
        }
        let number = self.take_slab()?;
        if let Err(error) = self.found_class(class, number) {
            self.vacate(number..number + 1, false);
            return Err(error);
        }
        self.open[class].set(number as u32 + 1);
        Ok(number)
    }

    /// Makes a slab that is nobody's one of a class.
    pub(in crate::heap) fn found_class(&self, class: usize, number: usize) -> Result<(), Error> {
        let bitmap = self.pool.take(BITMAPS * TABLE[class].words, |range| self.commit_pool(range));
        let bitmap = bitmap
            .map_err(Error::Pages)?
            .ok_or(Error::Bookkeeping { capacity: BitmapPool::capacity(self.plan.slabs, BITMAPS) * 8 })?;
        self.slab(number).becomes_class(class, bitmap);
        self.class_slabs.set(self.class_slabs.get() + 1);
        self.decay.slab_used();
        self.touch_chunk(number);
        Ok(())
    }

    /// Makes a slab vacant of which every object of its class has come back.
    #[inline(never)]
    pub(in crate::heap) fn give_up_class(&self, class: usize, number: usize) {
        let slab = self.slab(number);
        slab.touch((usize::from(slab.first_untouched.get()) * TABLE[class].size).div_ceil(GRAIN).min(GRAINS));
        // SAFETY: the slab took this bitmap for this class, and gives it up with it.
        unsafe { self.pool.give_back(slab.bitmap(), BITMAPS * TABLE[class].words) };
        self.partial.remove(class, number);
        if self.open[class].get() as usize == number + 1 {
            self.open[class].set(0);
        }
        self.class_slabs.set(self.class_slabs.get() - 1);
        self.vacate(number..number + 1, false);
    }

    /// Lets a slab of a class hand out its free objects, if it may.
    #[cold]
    #[inline(never)]
    pub(in crate::heap) fn offer(&self, class: usize, number: usize) {
        let slab = self.slab(number);
        let held_back = slab.is(Flag::Unsure) || (self.fenced.get() && slab.is(Flag::Old));
        if !held_back {
            self.partial.insert(class, number);
            self.starved[class].set(0);
        }
    }

    /// Returns the memory of bitmaps that no slab has.
    pub(in crate::heap) fn trim_pool(&self) {
        self.pool.trim(|range, lost| {
            let bytes = self.bytes_of_pool(range);
            if lost && self.pages.commit(bytes.clone()).is_err() {
                return false;
            }
            // SAFETY: bytes of the pool's part that are committed, and on what they hold nobody relies. If they are not
            // returned, they are made as if they were, where they may still be written to.
            unsafe {
                self.pages.discard(bytes.clone()).is_ok()
                    || self.pages.commit(bytes.clone()).is_ok_and(|()| {
                        self.pages.at(bytes.start).write_bytes(0, bytes.len());
                        true
                    })
            }
        });
    }

    pub(in crate::heap) fn commit_pool(&self, range: Range<usize>) -> Result<(), PageError> {
        self.commit_small(self.bytes_of_pool(range))
    }

    /// Offsets in the reservation of bytes of the pool, counted from its end, that are all of one chunk.
    fn bytes_of_pool(&self, range: Range<usize>) -> Range<usize> {
        let (start, bytes) = (self.start(), self.plan.pool(range));
        start + bytes.start..start + bytes.end
    }

    /// Offset of the plan's parts in the reservation.
    fn start(&self) -> usize {
        self.origin - self.plan.objects
    }
}

/// The first slab from one on whose address is a multiple of `align`.
pub(in crate::heap) fn aligned_slab(base: NonNull<u8>, number: usize, align: usize) -> usize {
    let at = base.addr().get().wrapping_add(number.wrapping_mul(SLAB));
    number.saturating_add(crate::base::align::pad(at, align.max(SLAB)) / SLAB)
}
