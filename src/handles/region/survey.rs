//! The facts about a region that copying code out of it needs, found once for all parts that are copied.
//!
//! ```text
//!   promote(part 1) ──▶ Survey of the region: pieces │ names │ aligned blocks ──▶ kept by the region's owner
//!   promote(part 2) ──▶ the same one, again                                        until the region ends
//! ```
//!
//! A region that has parts gets no piece and no name any more, nor does what it keeps, which lives as long. So a survey is right until the
//! region leaves the list of its owner, and its owner forgets it then. One is kept at a time, that of the latest region.

use super::pieces::{Pieces, boxed, push};
use super::region::Region;
use super::source::Source;
use crate::base::hash::HashMap;
use crate::code::BlockNote;
use crate::error::Error;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;

pub(in crate::handles) struct Survey {
    pub(in crate::handles) memory: Pieces,
    /// The addresses of the region's names, and their lengths.
    pub(in crate::handles) names: HashMap<NonNull<u8>, usize>,
    /// Blocks that count as a whole, in the order of their addresses, and their alignments.
    aligned: Vec<(NonNull<[u8]>, usize)>,
    /// `true` if tags can tell apart the arenas that the region, and what it keeps, were made with.
    pub(in crate::handles) one_arena_a_tag: bool,
}

/// A survey in use, of a region that a handle counts meanwhile. Dropping it gives it to the region's owner.
pub(in crate::handles) struct Kept<'c, 'r> {
    region: &'c Region<'r>,
    survey: ManuallyDrop<Box<Survey>>,
}

impl<'c, 'r> Kept<'c, 'r> {
    /// Returns the survey of a region: the one that its owner kept, or a new one.
    pub(in crate::handles) fn of(region: &'c Region<'r>) -> Result<Self, Error> {
        let kept = region.owner().regions().take_survey(NonNull::from(region).cast());
        let survey = ManuallyDrop::new(kept.map_or_else(|| boxed(Survey::new(region)?), Ok)?);
        Ok(Self { region, survey })
    }
}

impl Deref for Kept<'_, '_> {
    type Target = Survey;

    fn deref(&self) -> &Survey {
        &self.survey
    }
}

impl Drop for Kept<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: it is taken out once, here, and not used after.
        let survey = unsafe { ManuallyDrop::take(&mut self.survey) };
        self.region.owner().regions().keep_survey(NonNull::from(self.region).cast(), survey);
    }
}

impl Survey {
    /// Looks at all that a region shows.
    pub(in crate::handles) fn new(region: &dyn Source) -> Result<Self, Error> {
        #[cfg(test)]
        tests::MADE.with(|made| made.set(made.get() + 1));
        let (memory, mut names, mut aligned) = (Pieces::of(region)?, HashMap::default(), Vec::new());
        region.notes(&mut |note| match note {
            BlockNote::Name(name) => {
                names.try_reserve(1).map_err(|_| Error::Memory { bytes: size_of::<(usize, usize)>() })?;
                names.insert(name.cast(), name.len());
                Ok(())
            }
            BlockNote::Aligned(block, align) if !block.is_empty() => push(&mut aligned, (block, align)),
            BlockNote::Aligned(..) => Ok(()),
        })?;
        aligned.sort_unstable_by_key(|(block, _)| block.addr());
        let one_arena_a_tag = region.one_arena_a_tag()?;
        Ok(Self { memory, names, aligned, one_arena_a_tag })
    }

    /// The aligned blocks that have a byte between two addresses.
    pub(in crate::handles) fn aligned_in(
        &self,
        start: usize,
        end: usize,
    ) -> impl Iterator<Item = (NonNull<[u8]>, usize)> {
        let first = self.aligned.partition_point(|(block, _)| block.addr().get() + block.len() <= start);
        self.aligned[first..].iter().copied().take_while(move |(block, _)| block.addr().get() < end)
    }
}

#[cfg(test)]
mod tests {
    use crate::handles::CodeProxy;
    use crate::{CodeArena, CodeRef, Error, HeapArena, Transients};
    use core::cell::Cell;

    std::thread_local! {
        /// Surveys made on this thread.
        pub(super) static MADE: Cell<usize> = const { Cell::new(0) };
    }

    type Names<'t> = CodeRef<'t, &'t [&'t str]>;

    fn names<'t>(home: &'t Transients<'t>, prefix: &str, len: usize) -> Names<'t> {
        let names = CodeRef::transient(home, |loader| {
            let names = loader.alloc_slice_try_fill_with(len, |at| loader.intern(&format!("{prefix} {at}")))?;
            loader.alloc(names)
        });
        names.unwrap_or_else(|error: Error| panic!("{error}"))
    }

    fn nth<'t>(code: &Names<'t>, at: usize) -> CodeRef<'t, &'t str> {
        code.project::<&str>(|code| code.get(at)).unwrap().unwrap()
    }

    #[test]
    fn a_region_is_surveyed_once_for_all_of_its_parts_that_are_promoted() {
        let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
        let home = Transients::new(&arena, &heap);
        let code = names(&home, "name", 1000);
        let loader = arena.load("m").unwrap();
        MADE.set(0);
        for at in 0..1000 {
            let copy = nth(&code, at).promote(&loader).unwrap();
            assert_eq!(arena.interned(copy).map(|name| name.as_str()), Some(&*format!("name {at}")));
        }
        assert!(CodeProxy::new(&arena, code.clone(), |_| "names").unwrap().size().unwrap() > 1000 * size_of::<&str>());
        assert_eq!(MADE.get(), 1);
        // Two in turn: the latest is kept.
        let other = names(&home, "other", 2);
        for _ in 0..3 {
            assert_eq!((other.promote(&loader).unwrap()[1], code.promote(&loader).unwrap()[7]), ("other 1", "name 7"));
        }
        assert_eq!(MADE.get(), 1 + 6);
    }

    // Both lie at one place, one after the other: by a drop, and by a sweep.
    #[test]
    fn the_survey_of_a_region_is_forgotten_with_it() {
        let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
        let home = Transients::new(&arena, &heap);
        let loader = arena.load("m").unwrap();
        let mut places = std::collections::BTreeSet::new();
        MADE.set(0);
        for round in 0..20 {
            let code = names(&home, &format!("round {round}"), 1 + round % 7 * 20);
            places.insert(core::ptr::from_ref(code.get()).addr());
            let copy = code.promote(&loader).unwrap();
            assert!(copy.iter().enumerate().all(|(at, name)| *name == format!("round {round} {at}")));
            assert!(copy.iter().all(|name| arena.contains(*name) && arena.interned(name).is_some()));
            if round % 2 == 0 {
                drop(code);
            } else {
                core::mem::forget(code);
                // SAFETY: nothing that is used lies on the heap, and there are no other transients.
                unsafe { home.sweep() };
            }
        }
        assert_eq!((MADE.get(), heap.stats().live), (20, 0));
        assert!(places.len() < 20, "no place was used twice: this tests nothing");
    }
}
