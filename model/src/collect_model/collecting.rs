//! Collections of a case, and the look at everything after each operation.

use super::State;
use super::objects::{Known, Node, text_of};
use permacode::heap::SweepReport;
use permacode::kit::Marker;
use permacode::{Error, Gc};
use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The end of a collection.
enum End {
    Done(SweepReport),
    Refused(Error),
    Panicked,
}

impl<'t, 'h: 't> State<'t, 'h> {
    pub(super) fn collect(&mut self, how: u8, when: u8) {
        let reached = self.reached();
        // Objects that lead further, which the collector has to note.
        let some = !self.roots.is_empty() || self.codes.iter().any(|code| !code.ended && code.chain != 0);
        let victim = self.live(when);
        let end = match how % 8 {
            2 => self.panicking(1 + u32::from(when % 16)),
            3 => {
                let (requests, mut end) = (usize::from(when % 3), None);
                (self.refusing)(requests, &mut || end = Some(self.whole(|_| ())));
                end.expect("the collection ran")
            }
            4 => {
                let borrowed = victim.map(|victim| self.nodes[victim].list.borrow_mut());
                self.whole_while(borrowed)
            }
            5 => self.whole(|state| state.heap.clear_marks()),
            6 => self.by_halves(),
            7 => {
                self.pages.fail_nth(usize::from(when % 4));
                self.whole(|_| ())
            }
            _ => self.whole(|_| ()),
        };
        match (how % 8, &end) {
            (2, End::Panicked) => self.fuse.set(0),
            (2, End::Done(_)) => assert!(self.fuse.replace(0) > 0, "as many objects as the fuse had were looked into"),
            (3, End::Refused(Error::Memory { bytes })) => assert!(some && *bytes > 0),
            (4, End::Refused(Error::Borrowed)) => assert!(victim.is_some_and(|victim| reached[victim])),
            (4, End::Done(_)) => assert!(victim.is_none_or(|victim| !reached[victim])),
            (5, End::Refused(Error::Interrupted)) => {}
            (5, _) => panic!("the marks were taken away, and the collection went on"),
            (_, End::Done(_)) => {}
            (_, End::Refused(error)) => panic!("{error}"),
            (_, End::Panicked) => panic!("without a reason"),
        }
        match end {
            End::Done(swept) => self.done(&reached, swept),
            End::Refused(_) | End::Panicked => {
                self.heap.walk(|object, _| assert!(!self.heap.is_marked(object.as_ptr()), "a mark stays"));
            }
        }
        self.disturb();
    }

    fn roots(&self, marker: &mut Marker<'_>) {
        marker.trace_all(self.roots.iter().map(|&root| &self.nodes[root]));
        marker.trace(self.table);
    }

    /// A whole collection; `meanwhile` runs when the roots were shown.
    fn whole(&self, meanwhile: impl Fn(&Self)) -> End {
        // SAFETY: 1. The model looks at no object afterwards that roots and entries do not lead to; see `done`. 2. The closure only traces,
        // but when it takes the marks away, which must be noticed. 3. There are no other transients.
        let swept = unsafe {
            self.transients.collect(|marker| {
                self.roots(marker);
                meanwhile(self);
            })
        };
        swept.map_or_else(End::Refused, End::Done)
    }

    fn whole_while<B>(&self, borrowed: B) -> End {
        let end = self.whole(|_| ());
        drop(borrowed);
        end
    }

    fn panicking(&self, fuse: u32) -> End {
        self.fuse.set(fuse);
        catch_unwind(AssertUnwindSafe(|| self.whole(|_| ()))).unwrap_or(End::Panicked)
    }

    /// As programs with several `Transients` do.
    fn by_halves(&self) -> End {
        self.transients.clear_free();
        if let Err(error) = self.heap.mark_from(|marker| self.roots(marker)) {
            return End::Refused(error);
        }
        // SAFETY: as in `whole`; all code that is used was marked by its handles.
        let swept = unsafe {
            self.transients.retire_unmarked();
            self.heap.sweep()
        };
        self.transients.clear_free();
        End::Done(swept)
    }

    /// Which nodes the roots lead to. Entries lead to leaves only.
    fn reached(&self) -> Vec<bool> {
        let mut reached = vec![false; self.known.len()];
        let mut next = self.roots.clone();
        while let Some(at) = next.pop() {
            if !std::mem::replace(&mut reached[at], true) {
                let Known { edges, list, .. } = self.known(at);
                next.extend(edges.iter().flatten().chain(list));
            }
        }
        reached
    }

    /// Takes from the model what a collection freed.
    fn done(&mut self, reached: &[bool], swept: SweepReport) {
        let before = self.objects();
        for (at, reached) in reached.iter().enumerate() {
            if !reached {
                self.known[at] = None;
            }
        }
        let mut held = vec![false; self.codes.len()];
        self.known.iter().flatten().filter_map(|known| known.code).for_each(|code| held[code] = true);
        // Loose ones are freed; the entries of code that ends now were roots once more.
        self.loose = 0;
        for (code, _) in held.iter().enumerate().filter(|(_, held)| !**held) {
            if !self.codes[code].ended {
                self.end(code);
            }
        }
        assert_eq!(before - self.objects(), swept.objects);
    }

    /// Objects of the heap, as the model knows them.
    fn objects(&self) -> usize {
        let nodes = self.known.iter().enumerate().filter_map(|(at, known)| Some((at, known.as_ref()?)));
        let of_node = |(at, known): (usize, &Known)| {
            let (buffer, text) = (self.buffers[at], known.text.is_some_and(|len| len != 0));
            1 + usize::from(buffer) + usize::from(text)
        };
        let codes = self.codes.iter().filter(|code| !code.ended).map(|code| code.objects + code.chain);
        nodes.map(of_node).sum::<usize>() + codes.sum::<usize>() + self.loose
    }

    /// Allocates objects at the places of those that were freed, and writes to them.
    fn disturb(&self) {
        for layout in [Layout::new::<Node<'_>>(), Layout::new::<[usize; 2]>(), Layout::new::<[u8; 24]>()] {
            let places: Vec<_> = (0..32).map_while(|_| self.heap.alloc(layout).ok()).collect();
            // SAFETY: new objects of this layout, which are given back once.
            places.iter().for_each(|place| unsafe { place.write_bytes(0xdb, layout.size()) });
            // SAFETY: as above.
            places.into_iter().for_each(|place| unsafe { self.heap.free(place, layout) });
        }
    }

    // ── what must hold ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn check(&mut self) {
        for (at, known) in self.known.iter().enumerate() {
            let Some(known) = known else { continue };
            let node = &self.nodes[at];
            assert_eq!((node.number, node.twin), (at, !at));
            let same = |gc: Gc<'t, Node<'t>>, number: usize| {
                assert!(Gc::ptr_eq(gc, self.nodes[number]) && gc.number == number)
            };
            for (edge, known) in node.edges.iter().zip(known.edges) {
                assert_eq!(edge.get().is_some(), known.is_some());
                edge.get().zip(known).into_iter().for_each(|(edge, known)| same(edge, known));
            }
            let list = node.list.borrow();
            assert_eq!(list.len(), known.list.len());
            list.iter().zip(&known.list).for_each(|(edge, known)| same(*edge, *known));
            self.buffers[at] = list.capacity() != 0;
            assert_eq!(node.text.get().as_deref(), known.text.map(|len| text_of(at, len)).as_deref());
            let code = node.code.borrow();
            assert_eq!(code.is_some(), known.code.is_some());
            if let (Some(code), Some(known)) = (&*code, known.code) {
                assert_eq!(code.count(), Some(self.codes[known].count));
                let mut leaf = self.table.of(*code.get()).expect("the table has room")[0].get();
                for number in (0..self.codes[known].chain).rev() {
                    let there = leaf.expect("the chain is as long as it was");
                    assert_eq!(there.number, number);
                    leaf = there.below;
                }
                assert!(leaf.is_none());
            }
        }
        assert_eq!(self.transients.stats().regions, self.codes.iter().filter(|code| !code.ended).count());
        assert_eq!(self.heap.stats().objects, self.objects());
    }

    /// Takes all roots away, and collects what there was; the second time what entries of ended code led to.
    pub(super) fn finish(&mut self) {
        self.pages.relent();
        self.roots.clear();
        for _ in 0..2 {
            self.collect(0, 0);
            self.check();
        }
        assert_eq!((self.transients.stats().regions, self.heap.stats().live), (0, 0));
    }
}
