//! All that must hold of a heap's own records, for tests: they look at everything.

use super::arena::HeapArena;
use crate::heap::slabs::{
    ADVISED, BITS, CLASSES, DIRTY, Flag, GRAIN, GRAINS, HELD, LARGE, SLAB, SlabUse, TABLE, VACANT,
};

impl HeapArena {
    /// Checks every record against every other. Feature `testing`.
    #[doc(hidden)]
    pub fn audit(&self) {
        let slabs = self.slabs();
        let is = |fact, number| slabs.vacancy.is(fact, number);
        let (mut dirty, mut large, mut classes, mut spans, mut tails, mut slack, mut hosts) = (0, 0, 0, 0, 0, 0, 0);
        let (mut out, mut out_bytes) = ([0; CLASSES], 0);
        for number in 0..slabs.high.get() {
            let slab = slabs.slab(number);
            let vacant = slab.usage() == SlabUse::Vacant;
            assert_eq!(vacant, is(VACANT, number) != is(HELD, number), "slab {number} is vacant, or somebody's");
            assert_eq!(
                vacant && slab.touched() != 0,
                is(DIRTY, number),
                "slab {number} is dirty if it may be resident"
            );
            assert!(
                !is(LARGE, number) || is(DIRTY, number),
                "slab {number} is a large object's only while it is dirty"
            );
            assert!(!is(HELD, number) || (is(DIRTY, number) && slabs.fenced.get() && slab.is(Flag::Old)));
            assert!(slab.touched() <= GRAINS);
            if is(ADVISED, number) {
                assert!(slabs.chunk_of(number).all(|other| is(ADVISED, other)), "advice stands on whole chunks");
            }
            hosts += usize::from(slab.is(Flag::Host));
            dirty += if is(DIRTY, number) { slab.touched() } else { 0 };
            large += if is(LARGE, number) { slab.touched() } else { 0 };
            match slab.usage() {
                SlabUse::Vacant => {}
                SlabUse::Rest(distance) => {
                    let first = slabs.slab(number - distance).usage();
                    assert!(matches!(first, SlabUse::Span(extent) if distance > 0 && distance < extent.owned()));
                }
                SlabUse::Span(extent) => {
                    assert!(extent.bytes() > TABLE[CLASSES - 1].size);
                    spans += extent.bytes() / GRAIN;
                    tails += slabs.tail(number, extent);
                    slack += extent.slack;
                    out_bytes += extent.bytes();
                }
                SlabUse::Class(class) => {
                    classes += 1;
                    let (free, _) = slabs.bits(slab, &TABLE[class]);
                    let bits: u32 = free.iter().map(|word| word.get().count_ones()).sum();
                    assert_eq!(bits, u32::from(slab.free.get()), "slab {number} counts its free bits");
                    let fresh = usize::from(slab.first_untouched.get());
                    let beyond =
                        (fresh..TABLE[class].objects).any(|index| free[index / BITS].get() >> (index % BITS) & 1 == 1);
                    assert!(!beyond && fresh <= TABLE[class].objects);
                    let open = slabs.open[class].get() as usize == number + 1;
                    assert!(
                        open || slab.free.get() < slab.first_untouched.get(),
                        "slab {number} is empty, and not vacant"
                    );
                    assert!(
                        open || fresh == TABLE[class].objects,
                        "slab {number} has untouched objects that nobody gets"
                    );
                    let shut = slab.is(Flag::Unsure) || (slabs.fenced.get() && slab.is(Flag::Old));
                    assert_eq!(
                        slabs.partial.contains(class, number),
                        bits != 0 && !shut,
                        "slab {number} offers what is free"
                    );
                    out[class] += fresh - bits as usize;
                }
            }
        }
        assert_eq!((dirty, large), (slabs.vacancy.dirty.get(), slabs.vacancy.large.get()));
        assert_eq!((spans, tails, slack), (slabs.span_grains.get(), slabs.tail_grains.get(), slabs.slack.get()));
        assert_eq!((classes, hosts), (slabs.class_slabs.get(), slabs.hosts.get()));
        for class in 0..CLASSES {
            assert_eq!(out[class], slabs.out[class].get(), "objects of {} bytes", TABLE[class].size);
            out_bytes += out[class] * TABLE[class].size;
            let kept_closed = slabs.fenced.get() || slabs.guests[class].get() != 0;
            assert!(!kept_closed || self.magazine(class).is_closed());
        }
        assert_eq!(out_bytes, slabs.out_bytes.get());
        assert!(slabs.committed.get() >= slabs.high.get() * SLAB);
    }
}
