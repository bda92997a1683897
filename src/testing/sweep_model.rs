//! What must hold after each operation on transient code under a sweep: one model for property tests and for fuzzing.
//!
//! The model of a [`SweepCase`] is a list of regions, each with a count for each of its parts, lost handles included. After each operation
//!
//! * the regions that are left are those of the model: with a sweep, exactly what live handles lead to and nothing else on that heap;
//!   without one, also those of which a handle was lost (soundness S27);
//! * site numbers in use are those regions', to the number, and no two regions have one in common; what old code left was cleared;
//! * a count is that of live and lost handles, and of copies that were patched;
//! * contents are as they were made, down to what was patched first;
//! * no number that can be used again stands in promoted code (S17);
//! * in the end nothing is left of anything.

mod checks;
mod sweeping;

use super::Pages;
use super::sweep_ops::{SweepCase, SweepOp};
use crate::code::{CodeArena, Loader, Permanent, Sites, Tracer};
use crate::error::Error;
use crate::heap::HeapArena;
use crate::side::table::SideTable;
use crate::{CodeRef, Transients};
use core::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The arena and the heap of each `Transients`.
const HOMES: [(usize, usize); 4] = [(0, 0), (0, 0), (1, 0), (0, 1)];

type Table<'t> = SideTable<'t, Cell<u64>>;
type Held<'t> = CodeRef<'t, Code<'t>>;

struct Code<'a> {
    number: u64,
    sites: Sites,
    inner: &'a [&'a Code<'a>],
    before: Option<&'a Code<'a>>,
}

// SAFETY: numbers and shared references, covariant, all of them traced. By hand, so that the model needs no derive.
unsafe impl Permanent for Code<'_> {
    type At<'x> = Code<'x>;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        self.sites.trace(tracer);
        self.inner.trace(tracer);
        self.before.trace(tracer);
    }
}

/// A code object: the region that it was made in, and which one of that.
type Object = (usize, usize);

/// What is counted: of which region, for which object, which may be that of a region that this one keeps.
type Part = (usize, Object);

/// A region; its root is its first object.
struct Region {
    home: usize,
    /// Nested code objects, behind the root.
    nested: usize,
    /// Site numbers that it took, by ranges.
    taken: usize,
    /// The region whose numbers its objects have, if they have any.
    numbers: Option<usize>,
    /// What the root was patched from.
    before: Option<Object>,
    keeps: Option<Part>,
    /// Its parts, with their counts.
    parts: BTreeMap<Object, usize>,
    listed: bool,
}

/// What a lowering function does besides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    /// It sweeps its heap.
    Sweep,
    /// It has all transients of its heap retire, before it makes anything.
    Retire,
}

struct Handle<'t> {
    code: Held<'t>,
    region: usize,
    object: Object,
}

struct State<'t> {
    homes: &'t [Transients<'t>; 4],
    tables: &'t [Table<'t>; 2],
    pages: &'t Pages,
    handles: Vec<Handle<'t>>,
    regions: Vec<Region>,
    /// Sites of promoted code: of which arena, and what their entries hold.
    permanent: Vec<(usize, Sites, u64)>,
    /// Of each heap, whether code was retired that no sweep has freed yet.
    unswept: [Cell<bool>; 2],
}

impl SweepCase {
    /// Runs the case.
    ///
    /// Costs the operations, and after each a look at everything that is held.
    ///
    /// # Panics
    ///
    /// When anything does not hold.
    ///
    /// ```
    /// use arbitrary::{Arbitrary, Unstructured};
    /// use permacode::testing::SweepCase;
    ///
    /// for seed in 0..5 {
    ///     let bytes: Vec<u8> = (0..=255u8).map(|byte| byte.wrapping_mul(37).wrapping_add(seed)).collect(); // a fuzzer's
    ///     let case = SweepCase::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes are a case");
    ///     case.check();
    /// }
    /// ```
    pub fn check(&self) {
        let pages = self.reserve.pages();
        self.check_on(&pages);
        pages.check_at_end();
    }

    fn check_on(&self, pages: &Arc<Pages>) {
        let arenas = [(); 2].map(|()| {
            let arena = CodeArena::builder().reservation(8 << 20).pages(pages.clone()).build();
            arena.expect("a small arena can be made")
        });
        let heaps = [(); 2].map(|()| {
            let heap = HeapArena::builder().reservation(32 << 20).pages(pages.clone()).build();
            heap.expect("and a heap")
        });
        // On pages of their own, which never fail: a table that has no room says nothing of numbers.
        let table = |arena| SideTable::builder(arena).capacity(1 << 20).pages(Pages::ordinary()).build();
        let tables: [Table<'_>; 2] = arenas.each_ref().map(|arena| table(arena).expect("and a table"));
        let clear = |index: usize| {
            let table: &Table<'_> = &tables[index];
            move |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(0))
        };
        let clears = [clear(0), clear(1)];
        let homes = HOMES.map(|(arena, heap)| Transients::new(&arenas[arena], &heaps[heap]).clearing(&clears[arena]));
        let (handles, regions, permanent) = Default::default();
        let unswept = Default::default();
        let mut state = State { homes: &homes, tables: &tables, pages, handles, regions, permanent, unswept };
        for &op in &self.ops {
            state.run(op);
            state.check();
        }
        state.finish();
    }
}

impl<'t> State<'t> {
    fn run(&mut self, op: SweepOp) {
        match op {
            SweepOp::Make(home, sites, nested) => self.make(home, sites, nested, Meanwhile::Nothing),
            SweepOp::MakeSweeping(home, sites, nested) => self.make(home, sites, nested, Meanwhile::Sweep),
            SweepOp::MakeRetiring(home, sites, nested) => self.make(home, sites, nested, Meanwhile::Retire),
            SweepOp::Clone(at) => {
                let Some(at) = self.handle(at) else { return };
                let Handle { ref code, region, object } = self.handles[at];
                self.handles.push(Handle { code: code.clone(), region, object });
                self.count(region, object);
            }
            SweepOp::Project(at, which) => self.project(at, which),
            SweepOp::Patch(at, home, sites) => self.patch(at, home, sites, false),
            SweepOp::PatchSweeping(at, home, sites) => self.patch(at, home, sites, true),
            SweepOp::Promote(at) => self.promote(at),
            SweepOp::Drop(at) => {
                let Some(at) = self.handle(at) else { return };
                let Handle { region, object, .. } = self.handles.swap_remove(at);
                self.count_out(region, object);
            }
            SweepOp::Lose(at) => {
                let Some(at) = self.handle(at) else { return };
                core::mem::forget(self.handles.swap_remove(at));
            }
            SweepOp::Mark(at) => {
                let Some(at) = self.handle(at) else { return };
                self.handles[at].code.mark();
            }
            SweepOp::MarkPlace(at) => {
                let Some(at) = self.handle(at) else { return };
                let code = &self.handles[at].code;
                self.homes.iter().for_each(|home| _ = home.heap().mark(code.get()));
            }
            SweepOp::Unmark(heap) => {
                self.homes_on(usize::from(heap) % 2)[0].heap().clear_marks();
            }
            SweepOp::SweepAllMarked(heap) => self.sweep_all_marked(usize::from(heap) % 2),
            SweepOp::Sweep(heap, how) => {
                let heap = usize::from(heap) % 2;
                if how % 4 == 3 {
                    self.sweep(heap, how / 4, true);
                }
                // Right after it without those marks, so that the model need not know which they were.
                self.sweep(heap, how / 4, false);
                self.retired(heap);
            }
            SweepOp::ClearFree(home) => self.clear_free(usize::from(home) % HOMES.len()),
            SweepOp::Fail(after) => self.pages.fail_nth(usize::from(after % 8)),
        }
    }

    fn handle(&self, at: u8) -> Option<usize> {
        usize::from(at).checked_rem(self.handles.len())
    }

    // ── counting ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn count(&mut self, region: usize, object: Object) {
        *self.regions[region].parts.entry(object).or_default() += 1;
    }

    /// What the crate does when a handle is dropped, lost ones being counted like others.
    fn count_out(&mut self, region: usize, object: Object) {
        let mut next = Some((region, object));
        while let Some((region, object)) = next.take() {
            let region = &mut self.regions[region];
            let count = region.parts.get_mut(&object).expect("a part is counted");
            *count -= 1;
            if *count == 0 {
                region.parts.remove(&object);
            }
            if region.parts.is_empty() {
                region.listed = false;
                next = region.keeps.take();
            }
        }
    }

    // ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn make(&mut self, home: u8, sites: u8, nested: u8, meanwhile: Meanwhile) {
        let (home, sites, nested) =
            (usize::from(home) % HOMES.len(), usize::from(sites % 40), usize::from(nested % 12));
        let (number, heap) = (number((self.regions.len(), 0)), HOMES[home].1);
        let mut swept = false;
        let made: Result<Held<'t>, Error> = CodeRef::transient(&self.homes[home], |loader| {
            if meanwhile == Meanwhile::Retire {
                self.retire(heap, 0, false);
                swept = true;
            }
            let sites = loader.sites(sites)?;
            let inner = loader.alloc_slice_try_fill_with(nested, |at| {
                loader.alloc(Code { number: number + 1 + at as u64, sites, inner: &[], before: None })
            })?;
            if meanwhile == Meanwhile::Sweep {
                self.sweep(heap, 0, false);
                swept = true;
            }
            loader.alloc(Code { number, sites, inner, before: None })
        });
        if swept {
            self.retired(heap);
        }
        self.made(made, home, nested, sites, None);
    }

    fn patch(&mut self, at: u8, home: u8, sites: u8, sweeps: bool) {
        let Some(at) = self.handle(at) else { return };
        let (home, sites) = (usize::from(home) % HOMES.len(), usize::from(sites % 40));
        let (number, heap) = (number((self.regions.len(), 0)), HOMES[home].1);
        let Handle { ref code, region, object } = self.handles[at];
        let mut swept = false;
        let patched: Result<Held<'t>, Error> = code.patched(&self.homes[home], |loader: &Loader<'_>, code| {
            let sites = if sites == 0 { code.sites } else { loader.sites(sites)? };
            if sweeps {
                self.sweep(heap, 1, false);
                swept = true;
            }
            loader.alloc(Code { number, sites, before: Some(code), ..*code })
        });
        if swept {
            self.retired(heap);
        }
        self.made(patched, home, 0, sites, Some((region, object)));
    }

    /// Adds a region that was made.
    fn made(&mut self, made: Result<Held<'t>, Error>, home: usize, nested: usize, sites: usize, from: Option<Part>) {
        let code = match made {
            Ok(code) => code,
            Err(error) => return self.excuse(error),
        };
        let index = self.regions.len();
        let taken = if sites == 0 { 0 } else { sites.max(16).next_power_of_two() };
        let before = from.map(|(_, object)| object);
        let numbers =
            if sites != 0 { Some(index) } else { before.and_then(|(region, _)| self.regions[region].numbers) };
        if sites != 0 {
            for entry in self.tables[HOMES[home].0].of(code.get().sites).expect("the table has room") {
                assert_eq!(entry.replace(mark(index)), 0, "what old code left is there");
            }
        }
        if let Some((region, object)) = from {
            self.count(region, object);
        }
        let parts = BTreeMap::from([((index, 0), 1)]);
        self.regions.push(Region { home, nested, taken, numbers, before, keeps: from, parts, listed: true });
        self.handles.push(Handle { code, region: index, object: (index, 0) });
    }

    fn excuse(&self, error: Error) {
        match error {
            Error::Pages(_) => assert!(self.pages.failures() > 0, "an error and nothing was made to fail"),
            Error::Exhausted { .. } | Error::Bookkeeping { .. } => {}
            error => panic!("{error}"),
        }
    }

    /// The objects that one leads to: what is nested in it, or in the root that it was patched from; and that.
    fn below(&self, (region, index): Object) -> (Vec<Object>, Option<Object>) {
        if index != 0 {
            return (Vec::new(), None);
        }
        let this = &self.regions[region];
        match this.before {
            Some(before) => (self.below(before).0, Some(before)),
            None => ((1..=this.nested).map(|nested| (region, nested)).collect(), None),
        }
    }

    fn project(&mut self, at: u8, which: u8) {
        let Some(at) = self.handle(at) else { return };
        let Handle { ref code, region, object } = self.handles[at];
        let (inner, before) = self.below(object);
        let which = usize::from(which) % (inner.len() + 1);
        let found = code.project::<Code<'_>>(|code| code.inner.get(which).copied().or(code.before));
        let expected = inner.get(which).copied().or(before);
        match found {
            Ok(Some(code)) => {
                let object = expected.expect("nothing was to be found");
                self.count(region, object);
                self.handles.push(Handle { code, region, object });
            }
            Ok(None) => assert_eq!(expected, None),
            Err(error) => self.excuse(error),
        }
    }

    fn promote(&mut self, at: u8) {
        let Some(at) = self.handle(at) else { return };
        let Handle { ref code, region, object } = self.handles[at];
        let (home, arena) = (&self.homes[self.regions[region].home], HOMES[self.regions[region].home].0);
        let loader = match home.code().load("promoted") {
            Ok(loader) => loader,
            Err(error) => return self.excuse(error),
        };
        let copy = match code.promote(&loader) {
            Ok(copy) => copy,
            Err(error) => return self.excuse(error),
        };
        let mut seen: BTreeMap<Option<usize>, Sites> = BTreeMap::new();
        let (mut next, mut object) = (Some(copy), Some(object));
        while let (Some(code), Some(same)) = (next, object) {
            assert_eq!(code.number, number(same));
            let sites = *seen.entry(self.regions[same.0].numbers).or_insert(code.sites);
            assert_eq!(sites, code.sites, "equal numbers became different ones");
            (next, object) = (code.before, self.below(same).1);
        }
        assert!(next.is_none() && object.is_none());
        for (_, sites) in seen {
            let mark = u64::MAX - self.permanent.len() as u64;
            for entry in self.tables[arena].of(sites).expect("numbers of the arena that the copy is in") {
                assert_eq!(entry.replace(mark), 0, "numbers of somebody else's");
            }
            self.permanent.push((arena, sites, mark));
        }
    }
}

/// What a code object is known by.
fn number((region, index): Object) -> u64 {
    region as u64 * 64 + index as u64
}

/// What entries of a region's numbers hold.
fn mark(region: usize) -> u64 {
    region as u64 + 1
}
