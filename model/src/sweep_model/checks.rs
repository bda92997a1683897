//! Whether what is held is what the model says.

use super::{Code, HOMES, Handle, Object, State, mark, number};

impl State<'_> {
    pub(crate) fn clear_free(&self, home: usize) {
        self.homes[home].clear_free();
        for (_, entry) in self.tables[HOMES[home].0].walk(|entry| entry.get() != 0) {
            let of_region = usize::try_from(entry.get() - 1).ok().and_then(|index| self.regions.get(index));
            assert!(
                of_region.is_none_or(|region| region.listed || region.home != home),
                "an entry of code that is gone"
            );
        }
    }

    pub(crate) fn check(&self) {
        for (index, home) in self.homes.iter().enumerate() {
            let stats = home.stats();
            let regions = || self.regions.iter().filter(|region| region.listed && region.home == index);
            let numbers: usize = regions().map(|region| region.taken).sum();
            assert_eq!((stats.regions, stats.sites - stats.free_sites), (regions().count(), numbers), "{stats:?}");
            assert_eq!(stats.bytes == 0, stats.regions == 0, "{stats:?}");
        }
        for handle in &self.handles {
            let count = self.regions[handle.region].parts.get(&handle.object).copied();
            assert_eq!(handle.code.count(), count, "a count is not the number of holders");
            self.compare(handle.code.get(), handle.object);
        }
        for (arena, sites, mark) in &self.permanent {
            let entries = self.tables[*arena].present(*sites);
            assert!(entries.iter().all(|entry| entry.get() == *mark), "numbers of promoted code are somebody else's");
        }
    }

    /// Whether code is as it was made, all that it leads to included.
    fn compare(&self, code: &Code<'_>, object: Object) {
        let (mut next, mut object) = (Some(code), Some(object));
        while let (Some(code), Some(same)) = (next, object) {
            assert_eq!(code.number, number(same));
            match self.regions[same.0].numbers {
                None => assert!(code.sites.is_empty()),
                Some(region) => {
                    let table = &self.tables[HOMES[self.regions[region].home].0];
                    let entries = table.of(code.sites).expect("the table has room");
                    assert!(entries.iter().all(|entry| entry.get() == mark(region)), "numbers are somebody else's");
                }
            }
            let (inner, before) = self.below(same);
            assert!(code.inner.iter().map(|inner| inner.number).eq(inner.into_iter().map(number)));
            (next, object) = (code.before, before);
        }
        assert!(next.is_none() && object.is_none());
    }

    /// Half of the handles are dropped and half are lost. After a sweep of each heap nothing is left.
    pub(crate) fn finish(mut self) {
        self.pages.relent();
        while let Some(Handle { code, region, object }) = self.handles.pop() {
            if self.handles.len() % 2 == 0 {
                drop(code);
                self.count_out(region, object);
            } else {
                std::mem::forget(code);
            }
            self.check();
        }
        for heap in [0, 1] {
            self.sweep(heap, 0, false);
            self.retired(heap);
            self.check();
        }
        for home in self.homes {
            let stats = home.stats();
            assert_eq!((stats.regions, stats.bytes, stats.free_sites), (0, 0, stats.sites), "{stats:?}");
            assert_eq!(home.heap().stats().live, 0);
        }
    }
}
