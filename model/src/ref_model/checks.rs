//! Whether what is held is what the model says.

use super::{Permanent, Region, State, Target};
use crate::ref_plan::name_text;
use permacode::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

impl<'t> State<'t> {
    /// An error is excused when the system was made to fail, or when an arena is nearly full.
    pub(crate) fn excuse(&self, result: Result<(), Error>) {
        match result {
            Ok(()) | Err(Error::Exhausted { .. } | Error::Bookkeeping { .. }) => {}
            Err(Error::Pages(_)) => assert!(self.pages.failures() > 0, "an error and nothing was made to fail"),
            Err(Error::Limit { needed, left, .. }) => assert!(needed > left, "refused below the limit"),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn check(&mut self) {
        let mut holders: BTreeMap<Target, usize> = BTreeMap::new();
        for (thing, target) in &self.things {
            *holders.entry(*target).or_default() += thing.holds();
        }
        for (thing, target) in &self.things {
            let expected = matches!(target, Target::Region(..)).then(|| holders[target]);
            assert!(thing.counts().all(|count| count == expected), "a count is not the number of holders");
        }
        let parts = holders.keys().filter(|target| matches!(target, Target::Region(..))).count();
        let alive: BTreeSet<usize> = holders.keys().filter_map(|target| target.region()).collect();
        let sum = |of: fn(&Region) -> usize| alive.iter().map(|&region| of(&self.regions[region])).sum::<usize>();
        let stats = self.transients.stats();
        assert_eq!((stats.regions, stats.bytes), (alive.len(), sum(|region| region.bytes)), "{stats:?}");
        // A region that many parts were held of has a table of lists, as large as it was once needed.
        let objects = sum(|region| region.live) + parts * self.part;
        let tables = sum(|region| if region.plan.nodes.len() > 8 { size_of::<[usize; 8]>() } else { 0 });
        assert!((objects..=objects + tables).contains(&self.live()), "the heap holds more or less");
        assert!(stats.made >= self.regions.len() as u64 && stats.free_sites <= stats.sites);
        self.check_proxies();
    }

    fn check_proxies(&mut self) {
        let proxies: Vec<_> =
            self.things.iter().filter_map(|(thing, target)| Some((thing.proxy()?, *target))).collect();
        let mut seen = Vec::new();
        for (index, &(proxy, target)) in proxies.iter().enumerate() {
            let (plan, node) = self.plan(target);
            assert_eq!(proxy.name(), name_text(plan.name(node)));
            assert_eq!(proxy.is_permanent(), target.region().is_none());
            for &(other, shown) in &proxies[..index] {
                assert_eq!((proxy == other, proxy.id() == other.id()), (target == shown, target == shown));
            }
            let size = proxy.size().expect("there is memory");
            seen.push((proxy.id(), target, (Rc::as_ptr(plan).addr(), node), size));
        }
        for (id, target, node, size) in seen {
            assert_eq!(*self.ids.entry(id).or_insert(target), target, "an id was used again");
            assert_eq!(*self.sizes.entry(node).or_insert(size), size, "a promotion changed the size");
        }
    }

    /// Looks at all code, and at whose sites are whose.
    pub(crate) fn check_contents(&self) {
        let arena = self.transients.code();
        let mut sites: Vec<Range<usize>> = Vec::new();
        let mut roots = BTreeMap::new();
        for (thing, target) in &self.things {
            let (plan, node) = self.plan(*target);
            for code in thing.handles() {
                let permanent = target.region().is_none().then_some((arena, &*self.asker));
                let found = plan.compare(node, code.get(), permanent);
                if let Some(region) = target.region() {
                    let all: &mut BTreeSet<(usize, usize)> = roots.entry(region).or_default();
                    all.extend(found.iter().map(|range| (range.start, range.end)));
                }
            }
        }
        let copies = |copy: &Permanent<'t>| copy.plan.compare(copy.root, copy.code, Some((arena, &*self.asker)));
        let permanent: BTreeSet<(usize, usize)> =
            self.permanents.iter().flat_map(copies).map(|range| (range.start, range.end)).collect();
        sites.extend(roots.into_values().chain([permanent]).flatten().map(|(start, end)| start..end));
        sites.sort_by_key(|range| (range.start, range.end));
        assert!(sites.windows(2).all(|pair| pair[0].end <= pair[1].start), "sites are two owners'");
        if let Some((slot, copy)) = &self.shared {
            assert!(std::ptr::eq(slot.get(), self.permanents[*copy].code));
        }
    }

    pub(crate) fn finish(mut self) {
        self.pages.relent();
        self.check_contents();
        while let Some(last) = self.things.pop() {
            drop(last);
            self.check();
        }
        let stats = self.transients.stats();
        assert_eq!((stats.regions, stats.bytes, stats.sites, self.live()), (0, 0, stats.free_sites, 0), "{stats:?}");
        drop(self.loader.take());
        self.check_contents();
        let arena = self.transients.code();
        drop(self.asker);
        arena.seal().expect("nothing is made to fail any more");
        for copy in &self.permanents {
            let asker = arena.load("asker again").expect("there is room for a name");
            copy.plan.compare(copy.root, copy.code, Some((arena, &asker)));
        }
        let stats = arena.stats();
        assert_eq!(stats.claimed, stats.used + stats.gaps + stats.lost + stats.tails, "{stats:?}");
    }
}
