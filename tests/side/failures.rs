//! A system that refuses pages or address space: a side table says so, loses nothing, and works on.

use permacode::error::PageCall;
use permacode::testing::Pages;
use permacode::{CodeArena, Error, SideTable, Sites};
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
use permacode_witness::Disturbed;
use std::cell::Cell;
use std::sync::Arc;

type Entry = Cell<[u32; 5]>;
/// Growing to this takes several commits.
const CAPACITY: usize = 30_000;

fn sources() -> Vec<Arc<Pages>> {
    vec![
        #[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
        Pages::system(),
        Pages::ordinary(),
    ]
}

fn arena() -> CodeArena {
    CodeArena::builder().reservation(1 << 20).build().unwrap()
}

/// Does a step, and once more when a call was made to fail in it.
fn again<R>(errors: &mut usize, mut step: impl FnMut() -> Result<R, Error>) -> R {
    step().unwrap_or_else(|error| {
        assert!(matches!(error, Error::Pages(_)), "{error}");
        *errors += 1;
        step().unwrap()
    })
}

/// Grows a table by and by, resets it and fills it again, with whatever fails tried once more. How many steps failed.
fn works(pages: &Arc<Pages>) -> usize {
    let (arena, mut errors) = (arena(), 0);
    let builder = SideTable::<Entry>::builder(&arena).capacity(CAPACITY).pages(pages.clone());
    let mut table = again(&mut errors, || builder.clone().build());
    for round in 1..3 {
        let mut loaded: Vec<Sites> = Vec::new();
        while loaded.len() < 12 {
            let sites = arena.load("m").unwrap().sites(1200).unwrap();
            let entries = again(&mut errors, || table.of(sites));
            assert!(entries.iter().all(|entry| entry.get() == [0; 5]));
            loaded.push(sites);
            entries.iter().for_each(|entry| entry.set([round * 100 + loaded.len() as u32; 5]));
            for (&sites, number) in loaded.iter().zip(1..) {
                let number = round * 100 + number;
                assert!(table.of(sites).unwrap().iter().all(|entry| entry.get() == [number; 5]), "something was lost");
            }
        }
        if let Err(error) = table.reset() {
            assert!(matches!(error, Error::Pages(error) if error.call == PageCall::Discard));
            errors += 1;
        }
        assert_eq!(table.walk(|entry| entry.get() != [0; 5]).count(), 0, "a reset left something");
    }
    errors
}

// soundness S16
#[test]
fn whichever_page_call_fails_nothing_is_lost_and_trying_again_works() {
    for pages in sources() {
        assert_eq!(works(&pages), 0);
        let calls = pages.calls();
        assert!(calls >= 10, "{calls}");
        let mut seen = 0;
        for nth in 0..calls {
            pages.fail_nth(nth);
            // A commit of more than was needed may fail unseen: the needed part is tried by itself.
            seen += works(&pages);
            pages.relent();
        }
        assert_eq!((pages.failures(), pages.violations(), pages.live()), (calls, 0, 0));
        assert!(seen >= 3, "{seen} of {calls} were seen");
    }
}

// soundness S16, S20
#[test]
fn a_call_that_fails_half_way_leaves_nothing_half_done() {
    for pages in sources() {
        for call in [PageCall::Commit, PageCall::Discard] {
            for nth in 0..6 {
                pages.fail_call_halfway(call, nth);
                works(&pages);
                pages.relent();
            }
        }
        assert!(pages.failures() >= 8, "{}", pages.failures());
        assert_eq!((pages.violations(), pages.live()), (0, 0));
    }
}

/// Zero, or two numbers that are equal: what a type may promise itself, and half a page of zeros would break.
#[derive(Clone, Copy)]
struct Twice(#[allow(dead_code)] u64, [u64; 30], u64);

// SAFETY: zeros are equal.
unsafe impl bytemuck::Zeroable for Twice {}

// soundness S16, S20: a discard that fails leaves contents unspecified; an entry across two pages must not be half of something.
#[test]
fn a_reset_that_the_system_refuses_zeroes_all_the_same() {
    for pages in sources() {
        let arena = arena();
        let mut table: SideTable<'_, Cell<Twice>> =
            SideTable::builder(&arena).capacity(1000).pages(pages.clone()).build().unwrap();
        let sites = arena.load("m").unwrap().sites(1000).unwrap();
        for halfway in [false, true] {
            table.of(sites).unwrap().iter().for_each(|entry| entry.set(Twice(7, [7; 30], 7)));
            if halfway {
                pages.fail_call_halfway(PageCall::Discard, 0);
            } else {
                pages.fail_call(PageCall::Discard, 0);
            }
            assert!(matches!(table.reset(), Err(Error::Pages(error)) if error.call == PageCall::Discard));
            let whole = |entry: &Cell<Twice>| (entry.get().0, entry.get().1, entry.get().2) == (0, [0; 30], 0);
            assert!(table.of(sites).unwrap().iter().all(whole));
            assert_eq!(table.reset(), Ok(()));
        }
    }
}

#[test]
fn a_table_takes_what_is_needed_where_more_is_refused() {
    let (arena, pages) = (arena(), Pages::ordinary());
    let table: SideTable<'_, Cell<u8>> =
        SideTable::builder(&arena).capacity(1 << 20).pages(pages.clone()).build().unwrap();
    let sites = arena.load("m").unwrap().sites(10).unwrap();
    pages.fail_call(PageCall::Commit, 0);
    assert_eq!(table.of(sites).map(<[_]>::len), Ok(10));
    assert_eq!(pages.failures(), 1);
}

// soundness S23: a thread that began to grow the table earlier, for less, and ends later, takes nothing back.
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
#[test]
fn two_that_make_the_table_grow_at_once_get_what_the_farther_one_needs() {
    let (arena, source) = (arena(), Disturbed::new());
    let mut table: SideTable<'_, Cell<u8>> =
        SideTable::builder(&arena).capacity(1 << 20).pages(source.clone()).build().unwrap();
    let sites = || arena.load("m").unwrap().sites(60_000).unwrap();
    let near = sites();
    let mut far = near;
    let other = || {
        (0..10).for_each(|_| far = sites());
        table.of(far).unwrap()[59_999].set(7);
    };
    Disturbed::during(PageCall::Commit, other, || table.of(near).map(<[_]>::len)).unwrap();
    let calls = source.pages.calls();
    assert_eq!(table.of(far).unwrap()[59_999].get(), 7);
    assert_eq!(table.walk(|entry| entry.get() == 7).count(), 1);
    assert_eq!(source.pages.calls(), calls, "what is writable stays so");
    assert_eq!(table.reset(), Ok(()));
    assert_eq!(table.of(far).unwrap()[59_999].get(), 0);
}

// soundness S16, S20: a look at what was taken would end this process.
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
#[test]
fn a_reset_whose_refusal_takes_access_leaves_entries_that_are_zero_or_none() {
    for commit_too in [false, true] {
        let (arena, pages) = (arena(), permacode_witness::Taking::new());
        let builder = SideTable::<Entry>::builder(&arena).capacity(CAPACITY);
        let mut table = builder.pages(pages.clone()).build().unwrap();
        let sites = arena.load("m").unwrap().sites(5000).unwrap();
        table.of(sites).unwrap().iter().for_each(|entry| entry.set([7; 5]));
        pages.refuse_discard(1);
        pages.refuse_commit(usize::from(commit_too));
        assert!(matches!(table.reset(), Err(Error::Pages(error)) if error.call == PageCall::Discard));
        assert_eq!(table.present(sites).len(), if commit_too { 0 } else { 5000 });
        assert!(table.of(sites).unwrap().iter().all(|entry| entry.get() == [0; 5]));
        table.reset().unwrap();
    }
}

#[cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
mod scarce {
    use super::*;
    use permacode_witness::{in_child, limit, status};

    const MEGABYTE: usize = 1 << 20;

    #[test]
    fn the_default_capacity_is_what_the_address_space_allows() {
        in_child(|| {
            let arena = arena();
            let free: SideTable<'_, Cell<u64>> = SideTable::new(&arena).unwrap();
            assert_eq!(free.capacity(), (1 << 30) / 8);
            drop(free);
            limit(libc::RLIMIT_AS, status("VmSize") + 300 * MEGABYTE);
            let table: SideTable<'_, Cell<u64>> = SideTable::new(&arena).unwrap();
            assert_eq!(table.capacity() * 8, 16 * MEGABYTE);
            let second: SideTable<'_, Cell<u64>> = SideTable::new(&arena).unwrap();
            assert_eq!(second.capacity(), table.capacity(), "the first takes little of what the second may have");
            let sites = arena.load("m").unwrap().sites(60_000).unwrap();
            for table in [&table, &second] {
                table.of(sites).unwrap()[59_999].set(1);
            }
            assert_eq!(table.walk(|entry| entry.get() == 1).count(), 1);
        });
    }

    #[test]
    fn a_capacity_that_was_asked_for_is_not_made_smaller() {
        in_child(|| {
            let arena = arena();
            limit(libc::RLIMIT_AS, status("VmSize") + 50 * MEGABYTE);
            let refused = SideTable::<Cell<u8>>::builder(&arena).capacity(100 * MEGABYTE).build();
            assert!(
                matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Reserve && error.code == libc::ENOMEM)
            );
            assert!(SideTable::<Cell<u8>>::builder(&arena).capacity(MEGABYTE).build().is_ok());
        });
    }
}
