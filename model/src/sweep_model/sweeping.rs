//! Sweeps: what is left by the model, and how the crate is asked for it.

use super::{HOMES, State};
use permacode::HeapArena;
use permacode::Transients;
use std::collections::BTreeSet;

impl<'t> State<'t> {
    /// Regions that live handles lead to.
    pub(crate) fn reached(&self) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        for handle in &self.handles {
            let mut next = Some(handle.region);
            while let Some(region) = next.filter(|&region| reached.insert(region)) {
                next = self.regions[region].keeps.map(|(kept, _)| kept);
            }
        }
        reached
    }

    /// A sweep of a heap, by the model.
    pub(crate) fn retired(&mut self, heap: usize) {
        let reached = self.reached();
        for index in 0..self.regions.len() {
            let region = &mut self.regions[index];
            if !region.listed || HOMES[region.home].1 != heap || reached.contains(&index) {
                continue;
            }
            region.listed = false;
            // What lies on another heap is that one's.
            if let Some((kept, object)) = region.keeps.take().filter(|&(kept, _)| self.heap(kept) == heap) {
                // With no holder left it stays all the same.
                *self.regions[kept].parts.get_mut(&object).expect("a part is counted") -= 1;
            }
        }
    }

    pub(crate) fn heap(&self, region: usize) -> usize {
        HOMES[self.regions[region].home].1
    }

    /// A sweep of a heap, in earnest.
    pub(crate) fn sweep(&self, heap: usize, order: u8, with_old_marks: bool) {
        match self.homes_on(heap)[..] {
            [home] => {
                self.mark(home.heap(), with_old_marks);
                // SAFETY: live handles are marked, no others are used any more, and nobody else has code on this heap.
                unsafe { home.sweep() };
            }
            _ => {
                self.retire(heap, order, with_old_marks);
                // SAFETY: as above, and all that have code on this heap retired it.
                unsafe { self.homes_on(heap)[0].heap().sweep() };
            }
        }
        self.unswept[heap].set(false);
    }

    /// The first half of a sweep.
    pub(crate) fn retire(&self, heap: usize, order: u8, with_old_marks: bool) {
        let mut homes = self.homes_on(heap);
        let rotation = usize::from(order) % homes.len();
        homes.rotate_left(rotation);
        self.mark(homes[0].heap(), with_old_marks);
        // SAFETY: live handles are marked, and no others are used any more.
        homes.iter().for_each(|home| _ = unsafe { home.retire_unmarked() });
        self.unswept[heap].set(true);
    }

    /// Marks all live handles.
    fn mark(&self, heap: &HeapArena, with_old_marks: bool) {
        if !with_old_marks {
            heap.clear_marks();
        }
        self.handles.iter().for_each(|handle| handle.code.mark());
    }

    /// A sweep of a heap all of whose code is marked, by its handles: nothing is retired, and nothing is freed. Marks that were left stay, and
    /// so does what was made since they were set. Does nothing where code was lost, of which nobody can mark a handle.
    pub(crate) fn sweep_all_marked(&self, heap: usize) {
        let reached = self.reached();
        let mut listed =
            (0..self.regions.len()).filter(|&index| self.regions[index].listed && self.heap(index) == heap);
        if !listed.all(|index| reached.contains(&index)) {
            return;
        }
        self.handles.iter().for_each(|handle| handle.code.mark());
        // SAFETY: all of the heap's code is marked, and nothing else lies there that anybody uses.
        let swept = unsafe { self.homes_on(heap)[0].heap().sweep() };
        assert!(self.unswept[heap].replace(false) || swept.objects == 0, "not all of it was marked");
    }

    pub(crate) fn homes_on(&self, heap: usize) -> Vec<&'t Transients<'t>> {
        self.homes.iter().zip(HOMES).filter(|(_, (_, lies_on))| *lies_on == heap).map(|(home, _)| home).collect()
    }
}
