//! What must hold after each operation on what functions hold: one model for property tests and for fuzzing.
//!
//! The model of a [`RefCase`] is the list of all that holds code, each with what it holds. After each operation
//!
//! * every count is the number of those that hold the same part, and permanent code has none;
//! * the regions that are left are those of which something is held, and the heap is as full as they are: each was freed once, and whole;
//! * contents, sharing and cycles are as planned, transient or promoted ([`Plan::compare`]);
//! * promoted names are the arena's, promoted sites nobody else's, those of regions nobody's but the region's;
//! * proxies are equal if they show the same, their ids are one code object's only, their sizes the same before and after a promotion;
//! * a call that failed changed nothing (soundness S16).

mod checks;

use crate::ref_ops::{Fuse, RefCase, RefOp};
use crate::ref_plan::{Blown, Code, Failure, Plan, name_text};
use crate::reserve::check_at_end;
use permacode::CodeArena;
use permacode::Error;
use permacode::HeapArena;
use permacode::handles::{AtomicCodeSlot, CodeProxy};
use permacode::testing::Pages;
use permacode::{CodeRef, CodeSlot, OpenModule, Transients};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

type Held<'t> = CodeRef<'t, Code<'t>>;

/// What something holds: a node of a region or of a permanent copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Region(usize, usize),
    Permanent(usize),
}

enum Thing<'t> {
    Handle(Held<'t>),
    Slot(CodeSlot<'t, Code<'t>>),
    /// A generator and, unless it has ended, its frame.
    Generator(Held<'t>, Option<Held<'t>>),
    Proxy(CodeProxy<'t, Code<'t>>),
}

struct Region {
    plan: Rc<Plan>,
    /// What it added to the heap, its parts not counted.
    live: usize,
    /// What it added to the statistics.
    bytes: usize,
}

struct Permanent<'t> {
    plan: Rc<Plan>,
    root: usize,
    code: &'t Code<'t>,
}
impl RefCase {
    /// Runs the case.
    ///
    /// Costs the operations, a look at everything for each `Check` and one in the end, and a list of what is there: its plan for each code
    /// that was ever made.
    ///
    /// # Panics
    ///
    /// When anything does not hold.
    ///
    /// ```
    /// use arbitrary::{Arbitrary, Unstructured};
    /// use permacode_model::RefCase;
    ///
    /// for seed in 0..5 {
    ///     let bytes: Vec<u8> = (0..=255u8).map(|byte| byte.wrapping_mul(37).wrapping_add(seed)).collect(); // a fuzzer's
    ///     let case = RefCase::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes are a case");
    ///     case.check();
    /// }
    /// ```
    pub fn check(&self) {
        let pages = self.reserve.pages();
        let mut builder = CodeArena::builder().reservation(8 << 20).pages(pages.clone());
        if let Some(limit) = self.limit {
            builder = builder.limit(usize::from(limit) << 10);
        }
        let arena = builder.build().expect("a small arena can be made");
        let other = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().expect("another, too");
        let heap = HeapArena::builder().reservation(32 << 20).pages(pages.clone()).build().expect("and a heap");
        let transients = Transients::new(&arena, &heap);
        let mut state = State::new(&transients, &other, &pages);
        for &op in &self.ops {
            state.run(op);
        }
        state.finish();
        drop(transients);
        drop((arena, other, heap));
        check_at_end(&pages);
    }
}

struct State<'t> {
    transients: &'t Transients<'t>,
    other: &'t CodeArena,
    pages: &'t Pages,
    loader: Option<OpenModule<'t>>,
    /// Stays open, to be asked for names.
    asker: OpenModule<'t>,
    things: Vec<(Thing<'t>, Target)>,
    regions: Vec<Region>,
    permanents: Vec<Permanent<'t>>,
    shared: Option<(AtomicCodeSlot<'t, Code<'t>>, usize)>,
    /// What a part takes of the heap.
    part: usize,
    /// The ids of transient code that were ever seen.
    ids: BTreeMap<u64, Target>,
    /// By the plan's address and the node.
    sizes: BTreeMap<(usize, usize), usize>,
}

impl<'t> State<'t> {
    pub(crate) fn new(transients: &'t Transients<'t>, other: &'t CodeArena, pages: &'t Pages) -> Self {
        // A part's size, by making one.
        let live = || transients.heap().stats().live;
        let recipe = [3, 4 + 8, 0, 0, 0, 0, 0, 0, 0, 0];
        let root: Held<'t> = CodeRef::transient(transients, |loader| Plan::new(recipe).lower(loader, Fuse::Never))
            .unwrap_or_else(|error| panic!("a new heap has room: {error:?}"));
        let before = live();
        let inner = root.project::<Code<'_>>(|code| code.nth(0));
        let part = live() - before;
        assert!(inner.is_ok_and(|inner| inner.is_some()) && part > 0);
        drop(root);
        Self {
            transients,
            other,
            pages,
            loader: None,
            asker: transients.code().load("asker").expect("a new arena has room"),
            things: Vec::new(),
            regions: Vec::new(),
            permanents: Vec::new(),
            shared: None,
            part,
            ids: BTreeMap::new(),
            sizes: BTreeMap::new(),
        }
    }

    pub(crate) fn run(&mut self, op: RefOp) {
        match op {
            RefOp::Make(recipe, fuse) => self.make(recipe, fuse),
            RefOp::Intern(name) => {
                let name = self.asker.intern(&name_text(name)).map(|_| ());
                self.excuse(name);
            }
            RefOp::Clone(at) => {
                let Some((handle, target)) = self.handle(at) else { return };
                let clone = handle.clone();
                assert!(clone.same(handle));
                self.things.push((Thing::Handle(clone), target));
            }
            RefOp::Drop(at) => {
                if !self.things.is_empty() {
                    self.things.swap_remove(usize::from(at) % self.things.len());
                }
            }
            RefOp::Slot(at) => {
                if let Some((code, target)) = self.take_handle(at) {
                    self.things.push((Thing::Slot(CodeSlot::new(code)), target));
                }
            }
            RefOp::Get(at) => {
                let Some((Thing::Slot(slot), target)) = self.slot(at) else { return };
                let (got, target) = (slot.get(), *target);
                assert_eq!(slot.permanent().is_some(), matches!(target, Target::Permanent(_)));
                self.things.push((Thing::Handle(got), target));
            }
            RefOp::Replace(slot, at) => self.replace(slot, at),
            RefOp::CompareExchange(slot, current, at) => self.compare_exchange(slot, current, at),
            RefOp::Project(at, which) => self.project(at, which),
            RefOp::Suspend(at) => {
                let Some((handle, target)) = self.handle(at) else { return };
                let generator = Thing::Generator(handle.clone(), Some(handle.clone()));
                self.things.push((generator, target));
            }
            RefOp::Resume(at, step) => {
                let generators = self.things.iter_mut().filter_map(|(thing, _)| match thing {
                    Thing::Generator(code, frame) => Some((code, frame)),
                    _ => None,
                });
                if let Some((code, frame)) = nth(generators.collect(), at) {
                    // Its frame runs on with the code that it has, or the generator is rewound.
                    *frame = if step % 2 == 0 { None } else { Some(frame.as_ref().unwrap_or(code).clone()) };
                }
            }
            RefOp::Proxy(at) => {
                let Some((handle, target)) = self.handle(at) else { return };
                let proxy = CodeProxy::new(self.transients.code(), handle.clone(), |code| code.name.as_str());
                self.things.push((Thing::Proxy(proxy.expect("permanent code is the arena's")), target));
            }
            RefOp::Promote(at, to) => self.promote(at, to),
            RefOp::Share(at) => self.share(at),
            RefOp::Finish => drop(self.loader.take().map(OpenModule::finish)),
            RefOp::Seal => {
                let sealed = self.loader.take().map_or(Ok(()), |loader| loader.seal().map(|_| ()));
                self.excuse(sealed);
            }
            RefOp::Sweep => self.sweep(),
            RefOp::Fail(after) => self.pages.fail_nth(usize::from(after % 8)),
            RefOp::Check => self.check_contents(),
        }
        self.check();
    }

    // ── choosing ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn handle(&self, at: u8) -> Option<(&Held<'t>, Target)> {
        let handles = self.things.iter().filter_map(|(thing, target)| match thing {
            Thing::Handle(handle) => Some((handle, *target)),
            _ => None,
        });
        nth(handles.collect(), at)
    }

    fn take_handle(&mut self, at: u8) -> Option<(Held<'t>, Target)> {
        let handles = (0..self.things.len()).filter(|&index| matches!(self.things[index].0, Thing::Handle(_)));
        match self.things.swap_remove(nth(handles.collect(), at)?) {
            (Thing::Handle(handle), target) => Some((handle, target)),
            _ => unreachable!("only handles are chosen"),
        }
    }

    fn slot(&mut self, at: u8) -> Option<&mut (Thing<'t>, Target)> {
        nth(self.things.iter_mut().filter(|(thing, _)| matches!(thing, Thing::Slot(_))).collect(), at)
    }

    fn plan(&self, target: Target) -> (&Rc<Plan>, usize) {
        match target {
            Target::Region(region, node) => (&self.regions[region].plan, node),
            Target::Permanent(copy) => (&self.permanents[copy].plan, self.permanents[copy].root),
        }
    }

    // ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn live(&self) -> usize {
        self.transients.heap().stats().live
    }

    fn make(&mut self, recipe: [u8; 10], fuse: Fuse) {
        let plan = Rc::new(Plan::new(recipe));
        let (live, bytes) = (self.live(), self.transients.stats().bytes);
        let lower = || CodeRef::transient(self.transients, |loader| plan.lower(loader, fuse));
        let made: Held<'t> = match catch_unwind(AssertUnwindSafe(lower)) {
            Ok(Ok(made)) => made,
            Ok(Err(Failure::Planned)) => return assert!(matches!(fuse, Fuse::Error(_))),
            Ok(Err(Failure::Refused(error))) => return self.excuse(Err(error)),
            Err(panic) => return assert!(panic.is::<Blown>() && matches!(fuse, Fuse::Panic(_)), "an unplanned panic"),
        };
        let root = plan.nodes.len() - 1;
        plan.compare(root, made.get(), None);
        let region =
            Region { plan, live: self.live() - live - self.part, bytes: self.transients.stats().bytes - bytes };
        self.things.push((Thing::Handle(made), Target::Region(self.regions.len(), root)));
        self.regions.push(region);
    }

    fn replace(&mut self, slot: u8, at: u8) {
        if self.slot(slot).is_none() {
            return;
        }
        let Some((code, new)) = self.take_handle(at) else { return };
        let Some((Thing::Slot(slot), target)) = self.slot(slot) else { return };
        let old = (Thing::Handle(slot.replace(code)), std::mem::replace(target, new));
        self.things.push(old);
    }

    fn compare_exchange(&mut self, slot: u8, current: u8, at: u8) {
        if self.slot(slot).is_none() {
            return;
        }
        let Some((current, expected)) = self.handle(current).map(|(handle, target)| (handle.clone(), target)) else {
            return;
        };
        let Some((code, new)) = self.take_handle(at) else { return };
        let Some((Thing::Slot(slot), target)) = self.slot(slot) else { return };
        let out = match slot.compare_exchange(&current, code) {
            Ok(old) => {
                assert_eq!(*target, expected, "something else was replaced");
                (Thing::Handle(old), std::mem::replace(target, new))
            }
            Err(code) => {
                assert_ne!(*target, expected, "the same was not found");
                (Thing::Handle(code), new)
            }
        };
        self.things.push(out);
    }

    fn project(&mut self, at: u8, which: u8) {
        let Some((handle, target)) = self.handle(at) else { return };
        let (plan, node) = self.plan(target);
        let inner = &plan.nodes[node].inner;
        let chosen = (!inner.is_empty()).then(|| usize::from(which) % inner.len());
        let part = handle.project::<Code<'_>>(|code| code.nth(chosen?));
        match (part, chosen.map(|chosen| inner[chosen])) {
            (Ok(Some(part)), Some(node)) => {
                let target = match target {
                    Target::Region(region, _) => Target::Region(region, node),
                    Target::Permanent(_) => {
                        let plan = plan.clone();
                        let code = part.permanent().expect("a part of permanent code is permanent");
                        self.add_permanent(Permanent { plan, root: node, code })
                    }
                };
                self.things.push((Thing::Handle(part), target));
            }
            (Ok(None), None) => {}
            (Ok(_), _) => panic!("another part was found than there is"),
            (Err(error), _) => self.excuse(Err(error)),
        }
    }

    /// The same code has one number.
    fn add_permanent(&mut self, new: Permanent<'t>) -> Target {
        let known = self.permanents.iter().position(|known| std::ptr::eq(known.code, new.code));
        Target::Permanent(known.unwrap_or_else(|| {
            self.permanents.push(new);
            self.permanents.len() - 1
        }))
    }

    fn promote(&mut self, at: u8, to: u8) {
        let Some((handle, target)) = self.handle(at) else { return };
        let handle = handle.clone();
        let (plan, root) = self.plan(target);
        let plan = plan.clone();
        if to % 8 == 7 {
            let Ok(wrong) = self.other.load("wrong") else { return };
            match (handle.promote(&wrong), target) {
                (Ok(same), Target::Permanent(copy)) => assert!(std::ptr::eq(same, self.permanents[copy].code)),
                (refused, _) => assert_eq!(refused.err(), Some(Error::OtherArena)),
            }
            return;
        }
        if self.loader.is_none() {
            match self.transients.code().load("promoted") {
                Ok(loader) => self.loader = Some(loader),
                Err(error) => return self.excuse(Err(error)),
            }
        }
        let Some(loader) = &self.loader else { return };
        match handle.promote(loader) {
            Ok(code) => {
                let new = !self.permanents.iter().any(|known| std::ptr::eq(known.code, code));
                assert_eq!(new, matches!(target, Target::Region(..)), "transient code is copied, permanent is not");
                plan.compare(root, code, Some((self.transients.code(), &*self.asker)));
                let target = self.add_permanent(Permanent { plan, root, code });
                self.things.push((Thing::Handle(CodeRef::new(code)), target));
            }
            Err(error) => {
                plan.compare(root, handle.get(), None);
                self.excuse(Err(error));
            }
        }
    }

    fn share(&mut self, at: u8) {
        let Some((handle, target)) = self.handle(at) else { return };
        let (Some(code), Target::Permanent(copy)) = (handle.permanent(), target) else {
            return assert!(handle.permanent().is_none(), "transient code was shared");
        };
        match &mut self.shared {
            None => self.shared = Some((AtomicCodeSlot::new(code), copy)),
            Some((slot, before)) => {
                let old = self.permanents[*before].code;
                assert!(std::ptr::eq(slot.get(), old));
                let exchanged = slot.compare_exchange(code, code);
                assert_eq!(exchanged.is_ok(), *before == copy);
                assert!(std::ptr::eq(slot.replace(code), old));
                *before = copy;
            }
        }
    }

    /// Every object of the heap is some handle's.
    fn sweep(&mut self) {
        let heap = self.transients.heap();
        heap.clear_marks();
        for (thing, _) in &self.things {
            match thing {
                Thing::Slot(slot) => slot.mark(),
                Thing::Proxy(proxy) => proxy.mark(),
                _ => thing.handles().into_iter().for_each(CodeRef::mark),
            }
        }
        // SAFETY: all that is held is marked, so nothing is swept. If marking does less than it promises, this finds it out.
        let swept = unsafe { self.transients.sweep() };
        assert_eq!(swept.objects, 0, "an object of a region was not marked");
    }
}

impl Target {
    fn region(&self) -> Option<usize> {
        match *self {
            Self::Region(region, _) => Some(region),
            Self::Permanent(_) => None,
        }
    }
}

impl<'t> Thing<'t> {
    /// How many handles it is.
    fn holds(&self) -> usize {
        match self {
            Self::Generator(_, Some(_)) => 2,
            _ => 1,
        }
    }

    /// The handles that can be looked at.
    fn handles(&self) -> Vec<&Held<'t>> {
        match self {
            Self::Handle(handle) => vec![handle],
            Self::Generator(code, frame) => [code].into_iter().chain(frame).collect(),
            Self::Slot(_) | Self::Proxy(_) => Vec::new(),
        }
    }

    /// The counts that its handles show; a look into a slot is a handle more for as long.
    fn counts(&self) -> impl Iterator<Item = Option<usize>> {
        let mut counts: Vec<_> = self.handles().into_iter().map(CodeRef::count).collect();
        match self {
            Self::Slot(slot) => counts.push(slot.get().count().map(|count| count - 1)),
            Self::Proxy(proxy) => counts.push(proxy.count()),
            _ => {}
        }
        counts.into_iter()
    }

    fn proxy(&self) -> Option<&CodeProxy<'t, Code<'t>>> {
        match self {
            Self::Proxy(proxy) => Some(proxy),
            _ => None,
        }
    }
}

/// One of a list, if there is any.
fn nth<T>(mut list: Vec<T>, at: u8) -> Option<T> {
    (!list.is_empty()).then(|| list.swap_remove(usize::from(at) % list.len()))
}
