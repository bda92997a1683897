//! What must hold after each operation on a side table: one model for property tests and for fuzzing.
//!
//! A [`SideCase`] loads code, evaluates transient code and lets it go, and uses every kind of entry, beside a map of what each entry should
//! hold:
//!
//! * an entry holds what was put in under its number since that number was last given out, and is zero before (soundness S15);
//! * a cache answers for the key and the version that it was filled for, with what it was filled with, or not at all;
//! * sites of another arena, or above the capacity, are refused (S17); a refused page changes nothing (S16).

use crate::reserve::check_at_end;
use crate::side_ops::{At, SideCase, SideOp};
use permacode::error::PageCall;
use permacode::side::{CallCounter, InlineCache, LazyConstant, PolymorphicCache, Quickened, Version};
use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, Error, HeapArena, SideTable, Sites, Transients};
use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::num::NonZero;
use std::ptr::{self, NonNull};

/// Places of the polymorphic cache.
const PLACES: usize = 3;
/// Keys that there are: few, so that a cache is asked for what it was told.
const KEYS: u8 = 8;
/// Calls after which code is hot.
const HOT: u32 = 3;

struct Entry {
    one: InlineCache<u16>,
    many: PolymorphicCache<u16, PLACES>,
    calls: CallCounter,
    constant: LazyConstant<u8>,
    quick: Quickened,
}

// SAFETY: every field is zeroable.
unsafe impl bytemuck::Zeroable for Entry {}

impl Entry {
    fn clear(&self) {
        self.one.clear();
        self.many.clear();
        self.calls.clear();
        self.constant.take();
        self.quick.restore();
    }

    fn is_clear(&self) -> bool {
        self.one.entry().is_none()
            && self.many.entries().next().is_none()
            && (self.calls.count(), self.constant.get(), self.quick.or(0)) == (0, None, 0)
    }
}

/// What an entry should hold.
#[derive(Default)]
struct Expected {
    one: Option<(usize, Version, u16)>,
    /// What each key was last filled with since all was emptied.
    many: HashMap<usize, (Version, u16)>,
    calls: u32,
    constant: Option<NonNull<u8>>,
    quick: u8,
}

impl SideCase {
    /// Runs the case.
    ///
    /// Costs the operations, a look at every entry for each `Walk`, before each `Reset` and in the end, and what each used entry should
    /// hold beside it.
    ///
    /// # Panics
    ///
    /// When anything does not hold.
    ///
    /// ```
    /// use arbitrary::{Arbitrary, Unstructured};
    /// use permacode_model::SideCase;
    ///
    /// for seed in 0..5 {
    ///     let bytes: Vec<u8> = (0..=255u8).map(|byte| byte.wrapping_mul(37).wrapping_add(seed)).collect(); // a fuzzer's
    ///     let case = SideCase::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes are a case");
    ///     case.check();
    /// }
    /// ```
    pub fn check(&self) {
        self.check_forking(|_| ());
    }

    /// Runs the case, with children for [`SideOp::Fork`]: `fork` runs what it is given in a forked child, and panics if that did.
    ///
    /// Costs what [`check`](Self::check) does, and the forks.
    ///
    /// # Panics
    ///
    /// When anything does not hold, here or in a child.
    ///
    /// ```
    /// use permacode_model::{At, Reserve, SideCase, SideOp};
    ///
    /// let at = At { function: 0, site: 0 };
    /// let ops = vec![SideOp::Load(1), SideOp::Hit(at), SideOp::Fork(2), SideOp::Hit(at), SideOp::Set(at, 1, 2)];
    /// let children = std::cell::Cell::new(0);
    /// // What a harness does here is `fork`, the closure and `_exit` in the child, and `waitpid`.
    /// SideCase { reserve: Reserve::Ordinary, capacity: 1, ops }.check_forking(|_in_child| children.set(children.get() + 1));
    /// assert_eq!(children.get(), 1);
    /// ```
    pub fn check_forking(&self, fork: impl Fn(&mut dyn FnMut())) {
        let pages = self.reserve.pages();
        let arena = || CodeArena::builder().reservation(256 << 10).build().expect("a small arena can be made");
        let (arena, other) = (arena(), arena());
        let heap = HeapArena::builder().reservation(4 << 20).build().expect("a small heap can be made");
        let capacity = usize::from(self.capacity % 4096);
        let builder = SideTable::builder(&arena).capacity(capacity).pages(pages.clone());
        let mut table: SideTable<'_, Entry> = builder.build().expect("a small table can be made");
        let (mut loaded, mut now) = (Vec::new(), Version::FIRST);
        for ops in self.ops.split_inclusive(|op| matches!(op, SideOp::Reset)) {
            (loaded, now) = epoch(ops, &table, (&other, &heap, &pages, &fork), loaded, now);
            if let Err(error) = table.reset() {
                assert!(matches!(error, Error::Pages(_)) && pages.failures() > 0, "{error}");
            }
            assert!(table.walk(|entry| !entry.is_clear()).next().is_none(), "a reset left something");
        }
        drop(table);
        check_at_end(&pages);
    }
}

/// What runs a closure in a child.
type Fork<'f> = &'f dyn Fn(&mut dyn FnMut());

/// Runs operations between two resets. What was loaded stays.
fn epoch(
    ops: &[SideOp],
    table: &SideTable<'_, Entry>,
    (other, heap, pages, fork): (&CodeArena, &HeapArena, &Pages, Fork<'_>),
    loaded: Vec<Sites>,
    now: Version,
) -> (Vec<Sites>, Version) {
    let cleared = RefCell::new(Vec::new());
    let clear = |sites: Sites| {
        cleared.borrow_mut().push(sites);
        table.present(sites).iter().for_each(Entry::clear);
    };
    let transients = Transients::new(table.arena(), heap).clearing(&clear);
    let (expected, evaluated) = (HashMap::new(), Vec::new());
    let mut state =
        State { table, other, pages, transients: &transients, cleared: &cleared, loaded, evaluated, expected, now };
    for (index, &op) in ops.iter().enumerate() {
        if let SideOp::Fork(count) = op {
            let next = &ops[index + 1..];
            let next = &next[..next.len().min(count.into())];
            fork(&mut || {
                next.iter().rev().for_each(|&op| state.run(op));
                state.walk();
            });
        }
        state.run(op);
    }
    state.walk();
    state.evaluated.clear();
    assert_eq!((transients.stats().regions, heap.stats().live), (0, 0), "transient code is left");
    (state.loaded, state.now)
}

struct State<'s, 'a> {
    table: &'s SideTable<'a, Entry>,
    other: &'s CodeArena,
    pages: &'s Pages,
    transients: &'s Transients<'s>,
    /// Sites that were cleared, because new code gets them.
    cleared: &'s RefCell<Vec<Sites>>,
    loaded: Vec<Sites>,
    evaluated: Vec<CodeRef<'s, Sites>>,
    /// By the numbers of the sites; what is not there is zero.
    expected: HashMap<usize, Expected>,
    now: Version,
}

impl<'s> State<'s, '_> {
    fn run(&mut self, op: SideOp) {
        match op {
            SideOp::Load(count) => {
                let loader = self.table.arena().load("m").expect("a module can be opened");
                self.loaded.push(loader.sites(count.into()).expect("there are enough numbers"));
            }
            SideOp::Eval(count) => {
                let code = CodeRef::transient(self.transients, |loader| loader.alloc(loader.sites(count.into())?));
                let code: CodeRef<'s, Sites> = code.expect("the heap has room");
                let cleared = self.cleared.borrow_mut().drain(..).flat_map(|sites| sites.range()).collect::<Vec<_>>();
                cleared.iter().for_each(|number| _ = self.expected.remove(number));
                let used = code.get().range().find(|number| self.expected.contains_key(number));
                assert_eq!(used, None, "new code has numbers that were not cleared");
                let present = self.table.present(*code.get());
                assert!(present.iter().all(Entry::is_clear), "new code finds what old code left");
                self.evaluated.push(code);
            }
            SideOp::Patch(at) => {
                let Some(code) = self.nth_evaluated(at) else { return };
                let copy = self.evaluated[code].patched(self.transients, |loader, sites| loader.alloc(*sites));
                let copy: Result<_, Error> = copy;
                self.evaluated.push(copy.expect("the heap has room"));
            }
            SideOp::Forget(at) => _ = self.nth_evaluated(at).map(|code| self.evaluated.swap_remove(code)),
            SideOp::Bump => self.now = self.now.next(),
            SideOp::Walk => self.walk(),
            SideOp::Foreign(count) => {
                let sites = self.other.load("m").and_then(|loader| loader.sites(count.into()));
                let sites = sites.expect("there are enough numbers");
                assert_eq!(self.table.of(sites).err(), Some(Error::OtherArena));
                assert!(self.table.present(sites).is_empty(), "entries for another arena's sites");
            }
            SideOp::Reset | SideOp::Fork(_) => {}
            SideOp::Fail(after) => match after % 3 {
                0 => self.pages.fail_call(PageCall::Commit, usize::from(after % 5)),
                1 => self.pages.fail_call_halfway(PageCall::Commit, usize::from(after % 5)),
                _ => self.pages.fail_call_halfway(PageCall::Discard, 0),
            },
            SideOp::Get(at, _)
            | SideOp::Set(at, ..)
            | SideOp::GetOfMany(at, _)
            | SideOp::SetOfMany(at, ..)
            | SideOp::Clear(at)
            | SideOp::Hit(at)
            | SideOp::Constant(at, _)
            | SideOp::Take(at)
            | SideOp::Quicken(at, _) => {
                let Some((entry, number)) = self.entry(at) else { return };
                use_entry(op, entry, self.expected.entry(number).or_default(), self.now);
            }
        }
    }

    fn nth_evaluated(&self, at: u8) -> Option<usize> {
        usize::from(at).checked_rem(self.evaluated.len())
    }

    /// An entry and its number, if there is such a function and the table has it.
    fn entry(&self, at: At) -> Option<(&'s Entry, usize)> {
        let functions = self.loaded.len() + self.evaluated.len();
        let function = usize::from(at.function).checked_rem(functions)?;
        let sites = match self.loaded.get(function) {
            Some(sites) => *sites,
            None => *self.evaluated[function - self.loaded.len()].get(),
        };
        let capacity = self.table.capacity();
        match self.table.of(sites) {
            Ok(entries) => {
                assert_eq!(entries.len(), sites.len());
                let site = usize::from(at.site).checked_rem(entries.len())?;
                Some((&entries[site], sites.range().start + site))
            }
            Err(Error::SideTable { needed, capacity: said }) => {
                assert!(needed == sites.range().end && needed > capacity && said == capacity);
                None
            }
            Err(Error::Pages(_)) if self.pages.failures() > 0 => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Every entry holds what it should, and no other holds anything.
    fn walk(&self) {
        let nothing = Expected::default();
        for (number, entry) in self.table.walk(|_| true) {
            let expected = self.expected.get(&number).unwrap_or(&nothing);
            assert_eq!(entry.one.entry(), expected.one.map(|(key, _, value)| (key, value)));
            for (place, (key, value)) in entry.many.entries().enumerate() {
                assert!(entry.many.entries().skip(place + 1).all(|(other, _)| other != key), "a key has two places");
                assert_eq!(expected.many.get(&key).map(|(_, value)| *value), Some(value));
            }
            assert_eq!(
                (entry.calls.count(), entry.constant.get(), entry.quick.or(0)),
                (expected.calls, expected.constant, expected.quick)
            );
        }
    }
}

fn key_of(key: u8) -> usize {
    usize::from(key % KEYS)
}

fn use_entry(op: SideOp, entry: &Entry, expected: &mut Expected, now: Version) {
    match op {
        SideOp::Get(_, key) => {
            let key = key_of(key);
            let found = expected.one.filter(|one| (one.0, one.1) == (key, now)).map(|one| one.2);
            assert_eq!(entry.one.get(key, now), found);
        }
        SideOp::Set(_, key, value) => {
            entry.one.set(key_of(key), now, value);
            expected.one = Some((key_of(key), now, value));
        }
        SideOp::GetOfMany(_, key) => check_many(entry, expected, key_of(key), now),
        SideOp::SetOfMany(_, key, value) => {
            entry.many.set(key_of(key), now, value);
            expected.many.insert(key_of(key), (now, value));
            assert_eq!(entry.many.get(key_of(key), now), Some(value), "what was just found is forgotten");
            (0..KEYS).for_each(|key| check_many(entry, expected, key_of(key), now));
        }
        SideOp::Clear(_) => {
            entry.one.clear();
            entry.many.clear();
            (expected.one, expected.many) = (None, HashMap::new());
        }
        SideOp::Hit(_) => {
            expected.calls += 1;
            assert_eq!(entry.calls.hit(HOT), expected.calls == HOT);
        }
        SideOp::Constant(_, byte) => {
            // No object is made for it: only the address counts.
            let made = NonNull::new(ptr::without_provenance_mut(usize::from(byte) + 1)).expect("not zero");
            let Ok(found) = entry.constant.get_or_try_make(|| Ok::<_, Infallible>(made));
            assert_eq!(found, *expected.constant.get_or_insert(made), "made twice");
        }
        SideOp::Take(_) => assert_eq!(entry.constant.take(), expected.constant.take()),
        SideOp::Quicken(_, quick) => {
            NonZero::new(quick).map_or_else(|| entry.quick.restore(), |quick| entry.quick.set(quick));
            expected.quick = quick;
            assert_eq!(entry.quick.or(200), if quick == 0 { 200 } else { quick });
        }
        _ => {}
    }
}

/// A polymorphic cache may forget, but only when it has no place; and what it answers is what it was told.
fn check_many(entry: &Entry, expected: &Expected, key: usize, now: Version) {
    let told = expected.many.get(&key).filter(|(version, _)| *version == now).map(|(_, value)| *value);
    match entry.many.get(key, now) {
        Some(found) => assert_eq!(Some(found), told),
        None => {
            let current = expected.many.values().filter(|(version, _)| *version == now).count();
            assert!(told.is_none() || current > PLACES, "forgotten, with a place to spare");
        }
    }
}
