//! The slabs of a heap and what is known of each, out of line.
//!
//! ```text
//!   metadata, pages of its own                                          objects
//!   ├ ┄ no access ┄ ◀ pool of bitmaps │ home │ sets │ ◀ table │ magazines ┼ slab 0 ┼ slab 1 ┼ slab 2 ┼ ┄┄ ┤ ┄ no access ┄ ┤
//!                                                                           64 KiB                        high
//! ```
//!
//! * A slab is **vacant**, of one **class**, or part of a **span** of slabs that hold one large object.
//! * In a slab of a class, objects below `fresh` were handed out at least once; a bit says which of them came back. Objects above were
//!   never touched by anybody.
//! * An object is *out* when it is in neither: then a program has it, or a magazine.
//! * Nothing is ever written to object pages from here: no links, no headers. A stray write to a free object corrupts nothing, a free dirties
//!   no page that a forked child shares.

use super::classes::{CLASSES, Class, SLAB, TABLE};
use super::spans::COMMIT;
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
    /// Objects that were handed out at least once.
    pub(super) fresh: Cell<u16>,
    /// Of these, the ones whose bit says that they are free.
    pub(super) free: Cell<u16>,
    /// Whether a span is marked.
    marked: Cell<bool>,
    /// A class's bitmap in the pool; a span's length.
    link: Cell<u32>,
}

pub(super) const SPAN: u8 = 1;
pub(super) const REST: u8 = 2;
const FIRST_CLASS: u8 = 3;

/// Words of the longest bitmap of a slab.
const WORDS: usize = SLAB / 8 / BITS;

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
        !self.marked.replace(true)
    }

    pub(super) fn is_marked(&self) -> bool {
        self.marked.get()
    }

    /// Takes a span's mark away; whether there was one.
    pub(super) fn unmark(&self) -> bool {
        self.marked.replace(false)
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

/// Where the parts of a heap's reservation lie, as offsets from the first of them; all begin at a page.
///
/// What a small heap uses lies around one place, just before the first slab: the pool and the table grow down, away from there. So one call
/// makes it all writable, and it shares page tables of the kernel's, each of which costs more to make than a page does.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// Slabs that there is address space for.
    pub(super) slabs: usize,
    /// The end of the pool, and room for the `HeapArena` itself, if it is leaked.
    pub(super) home: usize,
    pub(super) sets: usize,
    /// The end of the table.
    pub(super) table: usize,
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
        let home = (Pool::capacity(slabs, BITMAPS) * 8).next_multiple_of(page);
        let sets = home + size_of::<super::HeapArena>().next_multiple_of(page);
        let table = sets + ((CLASSES + 2) * BitSet::bytes(slabs)).next_multiple_of(page);
        let table = table + (slabs * size_of::<Slab>()).next_multiple_of(page);
        let magazines = table;
        // A page to spare, so that a write just before the first object hits nothing that is used.
        let objects = magazines + super::magazine::bytes().next_multiple_of(page) + page;
        let len = objects + slabs * SLAB;
        Some(Self { slabs, home, sets, table, magazines, objects, len })
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
    /// Slabs below `high` that are vacant.
    pub(super) vacant: BitSet,
    /// Slabs of a class that have no object out.
    pub(super) empty: BitSet,
    /// For each class, slabs that have a free object.
    pub(super) partial: [BitSet; CLASSES],
    /// For each class, one more than the slab that still has objects nobody touched; 0: none.
    pub(super) open: [Cell<u32>; CLASSES],
    /// For each class, objects that are out.
    pub(super) out: [Cell<usize>; CLASSES],
    /// Bytes of objects and spans that are out.
    pub(super) out_bytes: Cell<usize>,
    pub(super) limit: usize,
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
    pub(super) unsafe fn new(pages: Reservation, origin: usize, plan: Plan, limit: usize) -> Self {
        let start = origin - plan.objects;
        let set = |index: usize| {
            // SAFETY: the plan has room for one set for each class and two more.
            unsafe { BitSet::new(pages.at(start + plan.sets + index * BitSet::bytes(plan.slabs)), plan.slabs) }
        };
        // SAFETY: the plan's parts lie within the reservation.
        let (base, table, pool) = unsafe {
            let pool = Pool::new(pages.at(start + plan.home), Pool::capacity(plan.slabs, BITMAPS));
            (pages.at(origin), pages.at(start + plan.table).cast(), pool)
        };
        Self {
            origin,
            base,
            plan,
            table,
            vacant: set(CLASSES),
            empty: set(CLASSES + 1),
            partial: core::array::from_fn(set),
            open: [const { Cell::new(0) }; CLASSES],
            out: [const { Cell::new(0) }; CLASSES],
            out_bytes: Cell::new(0),
            limit,
            pool,
            high: Cell::new(0),
            committed: Cell::new(plan.first_objects()),
            fence: Cell::new(0),
            pages,
        }
    }

    #[inline]
    pub(super) fn slab(&self, number: usize) -> &Slab {
        debug_assert!(number < self.plan.slabs);
        // SAFETY: the table has an entry for each slab, committed and zeroed; zeros are a valid `Slab`.
        unsafe { &*self.table.as_ptr().sub(number + 1) }
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

    /// Fills an empty magazine: from slabs that have free objects, then from what nobody touched, then from a new slab.
    pub(super) fn refill(&self, class: usize, magazine: &super::magazine::Magazine) -> Result<(), Error> {
        let size = TABLE[class].size;
        let affordable = (self.limit - self.out_bytes.get()) / size;
        let want = (magazine.size() / 2).max(1).min(affordable);
        if want == 0 {
            return Err(Error::Limit { limit: self.limit, needed: size, left: self.limit - self.out_bytes.get() });
        }
        let taken = match self.partial[class].next(self.fence.get(), self.high.get()) {
            Some(number) => self.take_free(class, number, want, affordable.min(magazine.size()), magazine),
            None => self.take_fresh(class, self.open_slab(class)?, want, magazine),
        };
        self.out[class].set(self.out[class].get() + taken);
        self.out_bytes.set(self.out_bytes.get() + taken * size);
        Ok(())
    }

    /// Takes whole words of a slab's free objects in the order of their addresses, at least `want` objects if there are so many, at most
    /// `most`.
    fn take_free(
        &self,
        class: usize,
        number: usize,
        want: usize,
        most: usize,
        magazine: &super::magazine::Magazine,
    ) -> usize {
        let (slab, table) = (self.slab(number), &TABLE[class]);
        let (free, _) = self.bits(slab, table);
        let first = free.iter().position(|word| word.get() != 0).unwrap_or(0);
        let (mut words, mut count) = (0, 0);
        while count < want && first + words < free.len() {
            let more = free[first + words].get().count_ones() as usize;
            if count + more > most && count > 0 {
                break;
            }
            count += more;
            words += 1;
        }
        let count = count.min(most);
        let base = self.address(number);
        let mut word = first;
        let mut rest = free[word].get();
        magazine.refill(count, || {
            while rest == 0 {
                free[word].set(0);
                word += 1;
                rest = free[word].get();
            }
            let index = word * BITS + rest.trailing_zeros() as usize;
            rest &= rest - 1;
            // SAFETY: an object of the slab.
            unsafe { base.add(index * table.size) }
        });
        free[word].set(rest);
        slab.free.set(slab.free.get() - count as u16);
        self.empty.remove(number);
        if slab.free.get() == 0 {
            self.partial[class].remove(number);
        }
        count
    }

    /// Takes objects that nobody touched yet.
    fn take_fresh(&self, class: usize, number: usize, want: usize, magazine: &super::magazine::Magazine) -> usize {
        let (slab, table) = (self.slab(number), &TABLE[class]);
        let fresh = usize::from(slab.fresh.get());
        let count = want.min(table.objects - fresh);
        let mut next = self.address(number);
        // SAFETY: an object of the slab.
        next = unsafe { next.add(fresh * table.size) };
        magazine.refill(count, || {
            let object = next;
            // SAFETY: the next object of the slab, or its end.
            next = unsafe { next.add(table.size) };
            object
        });
        slab.fresh.set((fresh + count) as u16);
        // Were everything free here, there would have been something to take from the bits.
        debug_assert!(!self.empty.contains(number));
        if fresh + count == table.objects {
            self.open[class].set(0);
        }
        count
    }

    /// A slab of the class that has objects nobody touched.
    fn open_slab(&self, class: usize) -> Result<usize, Error> {
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
        slab.free.set(0);
        slab.touch();
        self.open[class].set(number as u32 + 1);
        Ok(number)
    }

    fn commit_pool(&self, range: Range<usize>) -> Result<(), PageError> {
        let end = self.origin - self.plan.objects + self.plan.home;
        // SAFETY: whole pages of the pool's part of the reservation, which is never sealed.
        unsafe { self.pages.commit(end - range.end..end - range.start) }
    }

    /// Takes objects of a class back. Neighbours in the order of freeing are commonly neighbours in memory: their bits are gathered, and go
    /// to their word together.
    pub(super) fn take_back(&self, class: usize, objects: &[NonNull<u8>]) {
        let table = &TABLE[class];
        let Some(first) = objects.first() else { return };
        let place = |object: &NonNull<u8>| {
            let offset = object.addr().get() - self.base.addr().get();
            let index = table.index(offset % SLAB);
            (offset / SLAB * WORDS + index / BITS, 1 << (index % BITS))
        };
        let (mut at, mut bits, mut count) = (place(first).0, 0, 0);
        for object in objects {
            let (word, bit) = place(object);
            if word != at {
                self.set_free(class, at, bits, count);
                (at, bits, count) = (word, 0, 0);
            }
            debug_assert!(bits & bit == 0, "an object is freed twice");
            bits |= bit;
            count += 1;
        }
        self.set_free(class, at, bits, count);
        self.out[class].set(self.out[class].get() - objects.len());
        self.out_bytes.set(self.out_bytes.get() - objects.len() * table.size);
    }

    /// Marks `count` objects as free, by their bits in one word of one slab.
    #[inline(always)]
    fn set_free(&self, class: usize, at: usize, bits: u64, count: u16) {
        let (number, word) = (at / WORDS, at % WORDS);
        let slab = self.slab(number);
        let free = &self.bits(slab, &TABLE[class]).0[word];
        debug_assert!(free.get() & bits == 0, "an object is freed twice");
        free.set(free.get() | bits);
        self.count_free(class, number, slab, count);
    }

    /// Counts objects of a slab as free whose bits are set.
    pub(super) fn count_free(&self, class: usize, number: usize, slab: &Slab, count: u16) {
        if slab.free.get() == 0 {
            self.partial[class].insert(number);
        }
        slab.free.set(slab.free.get() + count);
        if slab.free.get() == slab.fresh.get() {
            self.empty.insert(number);
        }
    }
}
