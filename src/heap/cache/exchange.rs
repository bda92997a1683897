//! The exchange between magazines and bitmaps: objects by the hundred, as addresses on one side and as bits on the
//! other.
//!
//! ```text
//!            refill: whole words, lowest addresses first
//!   slab   [ 1011 0000 ┆ 1111 1111 ┆ … ]  ──────────────▶  [ magazine ]
//!            ◀───── take back: neighbours gathered, a word at a time ──┘
//! ```
//!
//! A refill asks the processor for the objects' memory ahead, because a program writes to a new object at once. This
//! hides more of the wait for memory than anything else here costs.

use super::magazine::Magazine;
use crate::base::cpu::prefetch;
use crate::error::Error;
use crate::heap::slabs::{BITS, Class, Flag, SLAB, Slab, Slabs, TABLE, WORDS};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// Objects of a refill. Few, so that what was asked for ahead is still near when it is handed out.
const BATCH: usize = 64;

impl Slabs {
    /// Fills an empty magazine: from slabs that have free objects, then from what nobody touched, then from a new slab. Returns how many
    /// objects those are. If bytes are `lent`, beyond the limit, exactly one.
    pub(in crate::heap) fn refill(&self, class: usize, magazine: &Magazine, lent: usize) -> Result<usize, Error> {
        let size = TABLE[class].size;
        let left = self.limit.saturating_sub(self.out_bytes.get());
        let affordable = left.saturating_add(lent) / size;
        let most = if lent == 0 { BATCH } else { 1 };
        let want = magazine.size().div_ceil(2).min(most).min(affordable);
        if want == 0 {
            return Err(Error::Limit { limit: self.limit, needed: size, left });
        }
        let taken = match self.partial.next(class, 0) {
            Some(number) if lent == 0 => self.take_free(class, number, want, affordable.min(magazine.size()), magazine),
            Some(number) => self.take_free(class, number, want, want, magazine),
            None => self.take_fresh(class, self.open_or_starve(class)?, want, magazine),
        };
        self.out[class].set(self.out[class].get() + taken);
        self.out_bytes.set(self.out_bytes.get() + taken * size);
        Ok(taken)
    }

    /// A slab with objects that nobody touched. The lack of one is remembered.
    fn open_or_starve(&self, class: usize) -> Result<usize, Error> {
        self.open_slab(class).inspect_err(|error| {
            if matches!(error, Error::Exhausted { .. }) {
                self.starved[class].set(self.vacancy.epoch());
            }
        })
    }

    /// Returns the error of a refill of a class that was refused a slab, if nothing has become free since.
    #[inline]
    pub(in crate::heap) fn starves(&self, class: usize) -> Option<Error> {
        (self.starved[class].get() == self.vacancy.epoch()).then(|| self.exhausted(1))
    }

    /// Takes whole words of a slab's free objects, in the order of their addresses. It takes at least `want` objects if
    /// there are so many, at most `most`.
    fn take_free(&self, class: usize, number: usize, want: usize, most: usize, magazine: &Magazine) -> usize {
        let (table, entry) = (&TABLE[class], self.slab(number));
        let (free, _) = self.bits(entry, table);
        entry.note(Flag::Rested, false);
        debug_assert_eq!(free.iter().map(|word| word.get().count_ones()).sum::<u32>(), u32::from(entry.free.get()));
        let first = free.iter().position(|word| word.get() != 0).unwrap_or(0);
        let (mut end, mut count) = (first, 0);
        while count < want && end < free.len() {
            let more = free[end].get().count_ones() as usize;
            if count + more > most && count > 0 {
                break;
            }
            count += more;
            end += 1;
        }
        let count = count.min(most);
        // The object that is popped first is written last.
        // SAFETY: empty, as every magazine that is filled, and it has room for `most`.
        let mut places = unsafe { magazine.refill(count) }.iter().rev();
        let slab = self.address(number);
        let object = |index: usize| {
            // SAFETY: an object of the slab, because its bit is set.
            let object = unsafe { slab.add(index * table.size) };
            prefetch(object.as_ptr());
            MaybeUninit::new(object)
        };
        for (word, start) in free[first..end].iter().zip((first * BITS..).step_by(BITS)) {
            let mut rest = word.get();
            if rest == u64::MAX && places.len() >= BITS {
                places.by_ref().take(BITS).zip(start..).for_each(|(place, index)| place.set(object(index)));
                rest = 0;
            }
            while rest != 0 {
                let Some(place) = places.next() else { break };
                place.set(object(start + rest.trailing_zeros() as usize));
                rest &= rest - 1;
            }
            word.set(rest);
        }
        entry.free.set(entry.free.get() - count as u16);
        if entry.free.get() == 0 {
            self.partial.remove(class, number);
        }
        count
    }

    /// Takes objects that nobody touched since their slab is of the class.
    fn take_fresh(&self, class: usize, number: usize, want: usize, magazine: &Magazine) -> usize {
        let (slab, table) = (self.slab(number), &TABLE[class]);
        let fresh = usize::from(slab.first_untouched.get());
        let count = want.min(table.objects - fresh);
        // Memory that was used before is there, and may have left the caches.
        let (start, is_there) = (self.address(number), slab.touched() != 0);
        // SAFETY: empty, as every magazine that is filled, and it has room for twice as many as are wanted.
        for (place, index) in unsafe { magazine.refill(count) }.iter().rev().zip(fresh..) {
            // SAFETY: an object of the slab.
            let object = unsafe { start.add(index * table.size) };
            if is_there {
                prefetch(object.as_ptr());
            }
            place.set(MaybeUninit::new(object));
        }
        slab.first_untouched.set((fresh + count) as u16);
        if fresh + count == table.objects {
            self.open[class].set(0);
        }
        count
    }

    /// Takes objects of a class back. Objects that are freed together commonly lie together, in one order or the other.
    /// Such a run costs a comparison for each object, and its bits go to a word together.
    pub(in crate::heap) fn take_back(&self, class: usize, objects: &[NonNull<u8>]) {
        let (table, base) = (&TABLE[class], self.base.addr().get());
        // The number of its bit, if each slab had as many as a slab can have.
        let bit = |object: &NonNull<u8>| {
            let offset = object.addr().get() - base;
            offset / SLAB * (WORDS * BITS) + table.index(offset % SLAB)
        };
        let Some(first) = objects.first() else { return };
        let (mut rest, mut at) = (objects, bit(first));
        while let [first, behind @ ..] = rest {
            let step = behind.first().map_or(0, |next| next.addr().get().wrapping_sub(first.addr().get()));
            if step == table.size || step == table.size.wrapping_neg() {
                let (len, lowest) = run(rest, step, at % (WORDS * BITS), table);
                let start = at / (WORDS * BITS) * (WORDS * BITS) + lowest;
                each_word(start, len, |word, bits, count| self.set_free(class, word, bits, count));
                rest = &rest[len..];
                at = rest.first().map_or(0, bit);
                continue;
            }
            let (word, mut bits, mut count) = (at / BITS, 1 << (at % BITS), 1);
            rest = behind;
            while let [next, behind @ ..] = rest {
                at = bit(next);
                if at / BITS != word {
                    break;
                }
                (bits, count, rest) = (bits | 1 << (at % BITS), count + 1, behind);
            }
            self.set_free(class, word, bits, count);
        }
        self.count_freed(class, table, objects.len());
    }

    /// Marks objects as free, by their bits in one word of one slab. A slab to which all have come back is vacant then.
    #[inline(always)]
    fn set_free(&self, class: usize, at: usize, bits: u64, count: u32) {
        let (number, word) = (at / WORDS, at % WORDS);
        // SAFETY: an object of the heap lies in one of its slabs.
        let slab = unsafe { self.slab_of_object(number) };
        if !slab.is_of(class) {
            // Freed twice, and its slab is somebody else's now: nothing here is believed any more.
            debug_assert!(false, "an object is freed twice");
            return;
        }
        // SAFETY: the slab is of this class, whose bitmap has a word for each object that lies in it.
        let free = unsafe { self.pool.word(slab.bitmap(), word) };
        let old = free.get();
        debug_assert!(old & bits == 0 && count == bits.count_ones(), "an object is freed twice");
        free.set(old | bits);
        let count = if old & bits == 0 { count } else { (bits & !old).count_ones() };
        self.freed(class, number, slab, count, old == 0);
    }

    /// Notes that objects of a slab came back to its bits. `was_empty` if it may have had none before.
    #[inline(always)]
    pub(in crate::heap) fn freed(&self, class: usize, number: usize, slab: &Slab, count: u32, was_empty: bool) {
        slab.free.set(slab.free.get() + count as u16);
        if slab.is(Flag::Settled) {
            slab.note(Flag::Settled, false);
        }
        if slab.free.get() == slab.first_untouched.get() && self.open[class].get() as usize != number + 1 {
            self.give_up_class(class, number);
        } else if was_empty {
            self.offer(class, number);
        }
    }

    /// Counts objects of a class that are out no more.
    pub(in crate::heap) fn count_freed(&self, class: usize, table: &Class, count: usize) {
        self.out[class].set(self.out[class].get() - count);
        self.out_bytes.set(self.out_bytes.get() - count * table.size);
    }
}

/// Counts the objects of one slab, from the first on, whose addresses are a step apart, and returns the lowest one's
/// number too. The step is the size of an object, upwards or downwards. The first has the number `index`.
#[inline(always)]
fn run(objects: &[NonNull<u8>], step: usize, index: usize, class: &Class) -> (usize, usize) {
    let up = step == class.size;
    let most = if up { class.objects - index } else { index + 1 };
    let pairs = objects[..most.min(objects.len())].windows(2);
    let len = 1 + pairs.take_while(|pair| pair[1].addr().get().wrapping_sub(pair[0].addr().get()) == step).count();
    (len, if up { index } else { index + 1 - len })
}

/// The words that `len` bits from `bit` on lie in, each with the bits there and their number.
#[inline(always)]
fn each_word(mut bit: usize, mut len: usize, mut visit: impl FnMut(usize, u64, u32)) {
    while len > 0 {
        let count = (BITS - bit % BITS).min(len);
        visit(bit / BITS, u64::MAX >> (BITS - count) << (bit % BITS), count as u32);
        (bit, len) = (bit + count, len - count);
    }
}
