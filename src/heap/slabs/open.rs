//! The open slab of each class: the newest, of which the objects at its end were never touched.

use super::bitmaps::BITS;
use super::classes::TABLE;
use super::slabs::Slabs;

impl Slabs {
    /// Makes the objects of a class that nobody touched free ones like others: their slab is not continued. Of one slab, if it is `only` that.
    pub(in crate::heap) fn close_open(&self, class: usize, only: Option<usize>) {
        let Some(number) = (self.open[class].get() as usize).checked_sub(1) else { return };
        if only.is_some_and(|only| only != number) {
            return;
        }
        self.open[class].set(0);
        let (slab, table) = (self.slab(number), &TABLE[class]);
        let (free, _) = self.bits(slab, table);
        let fresh = usize::from(slab.first_untouched.get());
        for index in fresh..table.objects {
            free[index / BITS].set(free[index / BITS].get() | 1 << (index % BITS));
        }
        slab.first_untouched.set(table.objects as u16);
        slab.free.set(slab.free.get() + (table.objects - fresh) as u16);
        if slab.free.get() != 0 {
            self.offer(class, number);
        }
    }

    /// Gives a class's open slab up if nothing of it is out. Returns `true` if so.
    pub(in crate::heap) fn vacate_open(&self, class: usize) -> bool {
        let Some(number) = (self.open[class].get() as usize).checked_sub(1) else { return false };
        let slab = self.slab(number);
        let empty = slab.free.get() == slab.first_untouched.get();
        if empty {
            self.give_up_class(class, number);
        }
        empty
    }
}
