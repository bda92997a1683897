//! The slabs of a heap and what is known of each, out of line.
//!
//! ```text
//!   metadata, pages of its own                                                     objects
//!   ├ far ▶ ┄ no access ┄ ◀ pool of bitmaps │ home │ sets │ ◀ table │ magazines ┼ slab 0 ┼ slab 1 ┼ slab 2 ┼ ┄┄ ┤ ┄ no access ┄ ┤
//!                                                                                 64 KiB                        high
//! ```
//!
//! The sets are the vacant slabs, and for each class the slabs with free objects ([`Partial`]). A small heap writes to the first pages of
//! each part; of the table and the magazines, that is one page. If the heap may grow so large that it asks for huge pages, slab 0 lies so
//! that these begin where they can. What is known of slabs behind the first GiB is [far](super::far): it is made writable as they are.
//!
//! * A slab is **vacant**, of one **class**, or part of a **span** of slabs that hold one large object.
//! * In a slab of a class, objects below `fresh` were handed out at least once; a bit says which of them came back. Objects above were
//!   never touched by anybody.
//! * An object is *out* when it is in neither: then a program has it, or a magazine.
//! * Nothing is ever written to object pages from here: no links, no headers. A stray write to a free object corrupts nothing, a free dirties
//!   no page that a forked child shares.

use super::classes::{CLASSES, Class, SLAB, TABLE};
use super::far::{self, Far, NEAR};
use super::magazine::FIRST_BYTES;
use super::partial::Partial;
use super::words::{BITS, BitSet, Pool};
use crate::error::{Error, PageError};
use crate::pages::Reservation;
use core::cell::Cell;
use core::ops::Range;
use core::ptr::NonNull;

/// What a slab is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Nothing.
    Vacant,
    /// Objects of a class.
    Class(usize),
    /// A large object that begins here and takes so many slabs.
    Span(usize),
    /// A large object that began before.
    Rest,
}

/// What is known of one slab. All zeros: vacant, never touched.
pub(super) struct Slab {
    /// 0: vacant. 1 and 2: a span and its rest. Above: a class.
    tag: Cell<u8>,
    /// Whether anything may have been written here since its memory was last given back.
    touched: Cell<bool>,
    /// Objects that were handed out at least once. Of a span, 1 if it is marked.
    pub(super) fresh: Cell<u16>,
    /// A class's bitmap in the pool; a span's length.
    link: Cell<u32>,
}

/// Bytes of slabs that are made writable at a time, at least.
pub(super) const COMMIT: usize = 1 << 20;

pub(super) const SPAN: u8 = 1;
pub(super) const REST: u8 = 2;
const FIRST_CLASS: u8 = 3;

/// Words of the longest bitmap of a slab.
pub(super) const WORDS: usize = SLAB / 8 / BITS;

/// Bitmaps of a slab of a class.
pub(super) const BITMAPS: usize = if cfg!(debug_assertions) { 4 } else { 2 };

impl Slab {
    pub(super) fn set_use(&self, tag: u8, link: u32) {
        self.tag.set(tag);
        self.link.set(link);
    }

    pub(super) fn link(&self) -> u32 {
        self.link.get()
    }

    pub(super) fn is_touched(&self) -> bool {
        self.touched.get()
    }

    pub(super) fn touch(&self) {
        self.touched.set(true);
    }

    /// Says that the slab's memory was given back and reads as zeros.
    pub(super) fn clean(&self) {
        self.touched.set(false);
    }

    /// Marks a span; whether it was not marked.
    pub(super) fn mark(&self) -> bool {
        self.fresh.replace(1) == 0
    }

    pub(super) fn is_marked(&self) -> bool {
        self.fresh.get() != 0
    }

    /// Takes a span's mark away; whether there was one.
    pub(super) fn unmark(&self) -> bool {
        self.fresh.replace(0) != 0
    }

    pub(super) fn usage(&self) -> Use {
        match self.tag.get() {
            0 => Use::Vacant,
            SPAN => Use::Span(self.link.get() as usize),
            REST => Use::Rest,
            tag => Use::Class(usize::from(tag - FIRST_CLASS)),
        }
    }
}

/// Where the parts of a heap's reservation lie, as offsets from the first of them; all but the magazines begin at a page.
///
/// What a small heap uses lies around one place, just before the first slab: the pool and the table grow down, away from there. So one call
/// makes it all writable, and it shares page tables of the kernel's, each of which costs more to make than a page does.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// Slabs that there is address space for.
    pub(super) slabs: usize,
    /// Bytes of what is known of far slabs, with which the metadata begins.
    pub(super) far: usize,
    /// The end of the pool, and room for the `HeapArena` itself, if it is leaked.
    pub(super) home: usize,
    pub(super) vacant: usize,
    pub(super) partial: usize,
    /// Where the table ends and the magazines begin, which may be in the middle of a page: what is used first of both lies there.
    pub(super) magazines: usize,
    /// Slab 0.
    pub(super) objects: usize,
    /// Bytes of all parts.
    pub(super) len: usize,
}

impl Plan {
    /// The parts for `bytes` of objects. `None` where the sum is more than an allocation may have.
    pub(super) fn new(bytes: usize, page: usize) -> Option<Self> {
        let slabs = bytes.max(1).checked_next_multiple_of(SLAB)? / SLAB;
        if u32::try_from(slabs).is_err() || slabs.checked_mul(2 * SLAB)? > isize::MAX as usize {
            return None;
        }
        let far = far::bytes::<Slab>(slabs).next_multiple_of(page);
        let home = far + (Pool::capacity(slabs, BITMAPS) * 8).next_multiple_of(page);
        let vacant = home + size_of::<super::HeapArena>().next_multiple_of(page);
        let partial = vacant + BitSet::bytes(slabs).next_multiple_of(page);
        // The first magazines end with a page, and the table ends where they begin.
        let table =
            partial + Partial::<Slab>::bytes(slabs).next_multiple_of(page) + slabs.min(NEAR) * size_of::<Slab>();
        let magazines = (table + FIRST_BYTES).next_multiple_of(page) - FIRST_BYTES;
        // A page to spare, so that a write just before the first object hits nothing that is used.
        let objects = (magazines + super::magazine::bytes()).next_multiple_of(page) + page;
        let len = objects + slabs * SLAB;
        Some(Self { slabs, far, home, vacant, partial, magazines, objects, len })
    }

    /// What is writable from the beginning: the metadata, of the pool its first chunk, and some of the objects.
    pub(super) fn first(&self) -> Range<usize> {
        self.home - Pool::FIRST * 8..self.objects + self.first_objects()
    }

    /// Bytes of objects among these.
    fn first_objects(&self) -> usize {
        COMMIT.min(self.slabs * SLAB)
    }
}

/// The slabs of one heap.
pub(super) struct Slabs {
    pub(super) pages: Reservation,
    /// Offset of slab 0 in the reservation, so that its address is a multiple of its size.
    pub(super) origin: usize,
    /// Address of slab 0.
    pub(super) base: NonNull<u8>,
    pub(super) plan: Plan,
    /// The end of the table: the entry of slab 0 lies just before it, that of slab 1 before that.
    table: NonNull<Slab>,
    /// The entries of slabs that are not in the table.
    far: NonNull<Far<Slab>>,
    /// Bytes of these that are writable.
    far_committed: Cell<usize>,
    /// Slabs below `high` that are vacant.
    pub(super) vacant: BitSet,
    /// For each class, slabs that have a free object whose bit says so.
    pub(super) partial: Partial<Slab>,
    /// For each class, one more than the slab that still has objects nobody touched; 0: none.
    pub(super) open: [Cell<u32>; CLASSES],
    /// For each class, objects that are out.
    pub(super) out: [Cell<usize>; CLASSES],
    /// Bytes of objects and spans that are out.
    pub(super) out_bytes: Cell<usize>,
    pub(super) limit: usize,
    /// Bytes of slabs behind which huge pages are asked for; what follows is aligned to one.
    pub(super) huge_from: usize,
    pub(super) pool: Pool,
    /// Slabs that were ever used.
    pub(super) high: Cell<usize>,
    /// Bytes of slabs that are writable.
    pub(super) committed: Cell<usize>,
    /// Slabs below this one take no new objects.
    pub(super) fence: Cell<usize>,
}

impl Slabs {
    /// # Safety
    ///
    /// `pages` was made for `plan`, with its objects at `origin`; what the plan has [`first`](Plan::first) is committed, zero, and for this
    /// value alone.
    pub(super) unsafe fn new(pages: Reservation, origin: usize, plan: Plan, limit: usize, huge_from: usize) -> Self {
        let start = origin - plan.objects;
        // SAFETY: the plan's parts lie within the reservation and have the room that each needs.
        let (base, table, far, vacant, partial, pool) = unsafe {
            let far = pages.at(start).cast::<Far<Slab>>();
            let vacant = BitSet::new(pages.at(start + plan.vacant), plan.slabs);
            let partial = Partial::new(pages.at(start + plan.partial), far, plan.slabs);
            let pool = Pool::new(pages.at(start + plan.home), Pool::capacity(plan.slabs, BITMAPS));
            (pages.at(origin), pages.at(start + plan.magazines).cast(), far, vacant, partial, pool)
        };
        Self {
            origin,
            base,
            plan,
            table,
            far,
            far_committed: Cell::new(0),
            vacant,
            partial,
            open: [const { Cell::new(0) }; CLASSES],
            out: [const { Cell::new(0) }; CLASSES],
            out_bytes: Cell::new(0),
            limit,
            huge_from,
            pool,
            high: Cell::new(0),
            committed: Cell::new(plan.first_objects()),
            fence: Cell::new(0),
            pages,
        }
    }

    /// Where the entries of all magazines lie.
    pub(super) fn magazines(&self) -> NonNull<u8> {
        // SAFETY: a part of the plan, which lies within the reservation.
        unsafe { self.pages.at(self.origin - self.plan.objects + self.plan.magazines) }
    }

    #[inline]
    pub(super) fn slab(&self, number: usize) -> &Slab {
        debug_assert!(number < self.plan.slabs);
        // SAFETY: there is an entry for each slab, zeroed, and committed before the slab itself is; zeros are a valid `Slab`.
        unsafe {
            match number.checked_sub(NEAR) {
                None => &*self.table.as_ptr().sub(number + 1),
                Some(far) => (*self.far.as_ptr().add(far / BITS)).slab(far % BITS),
            }
        }
    }

    /// The address of a slab.
    #[inline]
    pub(super) fn address(&self, number: usize) -> NonNull<u8> {
        debug_assert!(number <= self.plan.slabs);
        // SAFETY: within the reservation.
        unsafe { self.base.add(number * SLAB) }
    }

    /// How far an address lies behind the first slab, if it lies in a slab that was ever used.
    #[inline]
    pub(super) fn offset(&self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.base.addr().get());
        (offset < self.high.get() * SLAB).then_some(offset)
    }

    /// The bits of a slab of a class: which objects are free, which are marked.
    pub(super) fn bits(&self, slab: &Slab, class: &Class) -> (&[Cell<u64>], &[Cell<u64>]) {
        self.pool.bitmap(slab.link.get(), 2 * class.words).split_at(class.words)
    }

    /// More bits, for the checks of debug builds: which objects a program has, which were poisoned when they were freed.
    #[cfg(debug_assertions)]
    pub(super) fn check_bits(&self, slab: &Slab, class: &Class) -> (&[Cell<u64>], &[Cell<u64>]) {
        self.pool.bitmap(slab.link.get(), BITMAPS * class.words)[2 * class.words..].split_at(class.words)
    }

    /// The objects of a slab that were handed out and have not come back, a word at a time.
    pub(super) fn out_in(&self, slab: &Slab, class: &Class, word: usize) -> u64 {
        let (free, _) = self.bits(slab, class);
        let fresh = usize::from(slab.fresh.get()).saturating_sub(word * BITS).min(BITS);
        let handed = if fresh == 0 { 0 } else { u64::MAX >> (BITS - fresh) };
        handed & !free[word].get()
    }

    // ── slabs for classes ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// A slab of the class that has objects nobody touched.
    pub(super) fn open_slab(&self, class: usize) -> Result<usize, Error> {
        if let Some(number) = (self.open[class].get() as usize).checked_sub(1) {
            return Ok(number);
        }
        let number = self.take_slabs(1, 1)?;
        let bitmap = self.pool.take(BITMAPS * TABLE[class].words, |range| self.commit_pool(range));
        let bitmap = match bitmap {
            Ok(Some(bitmap)) => bitmap,
            refused => {
                self.vacate(number..number + 1);
                return Err(refused.map_or_else(Error::Pages, |_| Error::Bookkeeping { capacity: self.plan.home }));
            }
        };
        let slab = self.slab(number);
        slab.set_use(FIRST_CLASS + class as u8, bitmap);
        slab.fresh.set(0);
        slab.touch();
        self.open[class].set(number as u32 + 1);
        Ok(number)
    }

    /// Makes writable what is known of the first `slabs` slabs.
    pub(super) fn commit_far(&self, slabs: usize) -> Result<(), PageError> {
        let Some(missing) = far::missing::<Slab>(slabs, self.far_committed.get(), self.plan.far) else { return Ok(()) };
        let (start, end) = (self.origin - self.plan.objects, missing.end);
        // SAFETY: whole pages of the metadata's first part, never sealed.
        unsafe { self.pages.commit(start + missing.start..start + end) }?;
        self.far_committed.set(end);
        Ok(())
    }

    fn commit_pool(&self, range: Range<usize>) -> Result<(), PageError> {
        let end = self.origin - self.plan.objects + self.plan.home;
        // SAFETY: whole pages of the pool's part of the reservation, which is never sealed.
        unsafe { self.pages.commit(end - range.end..end - range.start) }
    }
}
