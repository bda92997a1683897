//! A side table has an entry for each site of its arena: zero at first, always at the same address, and never another arena's.

use permacode::pages::{OrdinaryPages, PageSource};
use permacode::side::CallCounter;
use permacode::testing::Pages;
use permacode::{CodeArena, Error, SideTable, Sites};
use permacode_witness::PagesOf;
use std::cell::Cell;
use std::sync::Arc;

fn arena() -> CodeArena {
    CodeArena::builder().reservation(1 << 20).build().unwrap()
}

fn sites(arena: &CodeArena, count: usize) -> Sites {
    arena.load("m").unwrap().sites(count).unwrap()
}

/// Where each entry of a range lies.
fn addresses<T>(entries: &[T]) -> Vec<usize> {
    entries.iter().map(|entry| std::ptr::from_ref(entry).addr()).collect()
}

// soundness S17
#[test]
fn sites_of_another_arena_are_refused_whatever_their_numbers() {
    let (one, two) = (arena(), arena());
    let table: SideTable<'_, Cell<u32>> = SideTable::builder(&one).capacity(100).build().unwrap();
    assert_eq!(table.of(sites(&one, 100)).unwrap().len(), 100);
    for count in [0, 1, 50, 60, 65_535] {
        let foreign = sites(&two, count);
        assert_eq!(table.of(foreign).err(), Some(Error::OtherArena));
        assert!(table.present(foreign).is_empty(), "{count}");
    }
    assert!(table.walk(|entry| entry.get() != 0).next().is_none());
}

// soundness S17: what a tag of 15 bits can and cannot do.
#[test]
fn a_tag_that_comes_again_after_32768_arenas_leads_to_nothing_outside_of_the_table() {
    let one = arena();
    let table: SideTable<'_, Cell<u8>> = SideTable::builder(&one).capacity(10).build().unwrap();
    let again = (0..40_000).map(|_| CodeArena::builder().reservation(64 << 10).pages(Arc::new(OrdinaryPages)).build());
    let again = again.map(Result::unwrap).find(|other| table.of(sites(other, 4)).is_ok());
    let again = again.expect("32,768 arenas later the tag is the same");
    table.of(sites(&one, 10)).unwrap()[5].set(7);
    let entries = table.of(sites(&again, 4)).unwrap();
    assert_eq!(entries[1].get(), 7, "an entry of the table, if not the right one");
    assert_eq!(table.of(sites(&again, 4)), Err(Error::SideTable { needed: 12, capacity: 10 }));
}

#[test]
fn no_sites_have_no_entries_even_behind_the_last() {
    let arena = arena();
    let table: SideTable<'_, Cell<u32>> = SideTable::builder(&arena).capacity(3).build().unwrap();
    assert_eq!(table.of(sites(&arena, 0)).unwrap(), []);
    assert_eq!(table.of(sites(&arena, 500)), Err(Error::SideTable { needed: 500, capacity: 3 }));
    let behind = sites(&arena, 0);
    assert_eq!((behind.range(), table.of(behind)), (500..500, Ok(&[][..])));
    let none: SideTable<'_, Cell<u32>> = SideTable::builder(&arena).capacity(0).build().unwrap();
    assert_eq!((none.capacity(), none.of(behind)), (0, Ok(&[][..])));
    assert!(matches!(none.of(sites(&arena, 1)), Err(Error::SideTable { capacity: 0, .. })));
}

#[test]
fn more_sites_than_a_block_may_have_are_refused_and_none_are_lost() {
    let arena = arena();
    let loader = arena.load("m").unwrap();
    assert_eq!(loader.sites(65_536), Err(Error::Sites { asked: 65_536, left: 65_535 }));
    assert_eq!(loader.sites(usize::MAX), Err(Error::Sites { asked: usize::MAX, left: 65_535 }));
    assert_eq!(loader.sites(65_535).unwrap().range(), 0..65_535);
}

#[test]
fn what_does_not_fit_is_refused_and_what_fits_is_served_up_to_the_last_entry() {
    let arena = arena();
    let table: SideTable<'_, Cell<u64>> = SideTable::builder(&arena).capacity(1000).build().unwrap();
    let (most, last, over) = (sites(&arena, 999), sites(&arena, 1), sites(&arena, 1));
    let refused = Err(Error::SideTable { needed: 1001, capacity: 1000 });
    assert_eq!(table.of(over), refused);
    table.of(last).unwrap()[0].set(u64::MAX);
    assert_eq!(table.of(over), refused);
    assert_eq!((table.of(most).unwrap().len(), table.of(last).unwrap()[0].get()), (999, u64::MAX));
    assert!(table.walk(|entry| entry.get() != 0).map(|(number, _)| number).eq([999]));
}

// soundness S3
#[test]
fn a_capacity_that_no_address_space_holds_is_refused() {
    let arena = arena();
    for capacity in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8 + 1, usize::MAX / 8 + 2] {
        let built = SideTable::<Cell<u64>>::builder(&arena).capacity(capacity).build();
        assert_eq!(built.err(), Some(Error::TooLarge { len: capacity, element: 8 }));
    }
}

#[test]
fn a_table_never_moves_and_serves_what_is_loaded_after_it_was_made() {
    let arena = arena();
    // Where pages are ordinary memory, the default is less.
    let table: SideTable<'_, Cell<usize>> = SideTable::builder(&arena).capacity(3_000_000).build().unwrap();
    let first = sites(&arena, 10);
    let before = addresses(table.of(first).unwrap());
    let held = table.of(first).unwrap();
    held[3].set(42);
    let later: Vec<Sites> = (0..40).map(|_| sites(&arena, 65_535)).collect();
    for (number, &sites) in later.iter().enumerate() {
        let entries = table.of(sites).unwrap();
        assert!(entries.iter().all(|entry| entry.get() == 0));
        entries[65_534].set(number + 1);
    }
    assert_eq!(addresses(table.of(first).unwrap()), before);
    assert_eq!(held[3].get(), 42, "what was borrowed before is good still");
    assert!(later.iter().zip(1..).all(|(&sites, number)| table.of(sites).unwrap()[65_534].get() == number));
    let range = table.address_range();
    assert!(addresses(table.of(later[39]).unwrap()).iter().all(|address| range.contains(address)));
}

#[test]
fn the_first_look_makes_room_for_all_sites_that_were_given_by_then() {
    let (arena, pages) = (arena(), Pages::ordinary());
    let table: SideTable<'_, Cell<u32>> =
        SideTable::builder(&arena).capacity(200_000).pages(pages.clone()).build().unwrap();
    let given: Vec<Sites> = (0..3).map(|_| sites(&arena, 60_000)).collect();
    for &sites in &given {
        table.of(sites).unwrap()[59_999].set(1);
    }
    assert_eq!(pages.calls(), 2, "to reserve, and for all three");
    assert!(table.of(sites(&arena, 10_000)).is_ok());
    assert_eq!(pages.calls(), 3);
}

#[test]
fn a_table_that_grows_with_each_module_seldom_asks_the_system() {
    let (arena, pages) = (arena(), Pages::ordinary());
    let table: SideTable<'_, Cell<u32>> =
        SideTable::builder(&arena).capacity(1 << 20).pages(pages.clone()).build().unwrap();
    for _ in 0..1 << 10 {
        table.of(sites(&arena, 1 << 10)).unwrap();
    }
    // To reserve; four times 64 KiB; then a quarter more each time, until there are 4 MiB.
    assert!((10..=20).contains(&pages.calls()), "{}", pages.calls());
}

#[test]
fn tables_of_one_arena_do_not_share_an_entry() {
    let arena = arena();
    let counts: SideTable<'_, CallCounter> = SideTable::new(&arena).unwrap();
    let (one, two): (SideTable<'_, Cell<u8>>, SideTable<'_, Cell<u8>>) =
        (SideTable::new(&arena).unwrap(), SideTable::new(&arena).unwrap());
    let sites = sites(&arena, 5000);
    for (n, entry) in one.of(sites).unwrap().iter().enumerate() {
        entry.set(n as u8 | 1);
    }
    assert!(two.of(sites).unwrap().iter().all(|entry| entry.get() == 0));
    assert!(counts.of(sites).unwrap().iter().all(|entry| entry.count() == 0));
    two.of(sites).unwrap()[9].set(200);
    assert_eq!(one.of(sites).unwrap()[9].get(), 9);
    let ranges = [one.address_range(), two.address_range(), counts.address_range()];
    assert!(
        ranges.iter().all(|range| ranges
            .iter()
            .filter(|other| range.start < other.end && other.start < range.end)
            .count()
            == 1)
    );
    assert!(std::ptr::eq(one.arena(), two.arena()));
}

#[test]
fn entries_begin_as_zeros_also_after_a_reset() {
    let sources: [Option<Arc<dyn PageSource>>; 2] = [None, Some(Arc::new(OrdinaryPages))];
    for source in sources {
        let arena = arena();
        let builder = SideTable::<Cell<[u32; 3]>>::builder(&arena).capacity(100_000);
        let mut table = source.map_or(builder.clone(), |source| builder.pages(source)).build().unwrap();
        assert_eq!(table.reset(), Ok(()), "a table that nobody used");
        let (one, two) = (sites(&arena, 10_000), sites(&arena, 65_535));
        for round in 1..4 {
            for sites in [one, two] {
                let entries = table.of(sites).unwrap();
                assert!(entries.iter().all(|entry| entry.get() == [0; 3]));
                entries.iter().for_each(|entry| entry.set([round; 3]));
            }
            assert_eq!(table.walk(|entry| entry.get() == [round; 3]).count(), 75_535);
            assert_eq!(table.reset(), Ok(()));
        }
        assert_eq!(table.walk(|entry| entry.get() != [0; 3]).count(), 0);
    }
}

#[test]
fn a_walk_finds_what_is_wanted_with_the_numbers_of_its_sites() {
    let arena = arena();
    let table: SideTable<'_, Cell<u16>> = SideTable::new(&arena).unwrap();
    let all: Vec<Sites> = (0..50).map(|_| sites(&arena, 100)).collect();
    assert_eq!(table.walk(|_| true).count(), 0, "nothing was asked for yet");
    for &sites in all.iter().step_by(7) {
        table.of(sites).unwrap()[99].set(5);
    }
    let found: Vec<usize> = table.walk(|entry| entry.get() == 5).map(|(number, _)| number).collect();
    assert_eq!(found, all.iter().step_by(7).map(|sites| sites.range().end - 1).collect::<Vec<_>>());
    for (_, entry) in table.walk(|entry| entry.get() == 5) {
        entry.set(0);
    }
    assert_eq!(table.walk(|entry| entry.get() != 0).count(), 0);
}

/// An entry of this many bytes and that alignment keeps what is put in, on pages of every size.
fn kept<T, const BYTES: usize>(page: usize)
where
    T: bytemuck::Zeroable + AsCell<BYTES>,
{
    let arena = arena();
    let source = Arc::new(PagesOf(page));
    let table: SideTable<'_, T> = SideTable::builder(&arena).capacity(3000).pages(source).build().unwrap();
    let all: Vec<Sites> = (0..100).map(|n| sites(&arena, n % 60)).collect();
    for (number, &sites) in all.iter().enumerate() {
        for entry in table.of(sites).unwrap() {
            assert_eq!(std::ptr::from_ref(entry).addr() % align_of::<T>(), 0);
            assert_eq!(entry.cell().replace([number as u8; BYTES]), [0; BYTES], "pages of {page}");
        }
    }
    for (number, &sites) in all.iter().enumerate() {
        assert!(table.of(sites).unwrap().iter().all(|entry| entry.cell().get() == [number as u8; BYTES]));
    }
}

trait AsCell<const BYTES: usize> {
    fn cell(&self) -> &Cell<[u8; BYTES]>;
}

struct Bytes<const BYTES: usize>(Cell<[u8; BYTES]>);

// SAFETY: zeros are an array of zeros.
unsafe impl<const BYTES: usize> bytemuck::Zeroable for Bytes<BYTES> {}

impl<const BYTES: usize> AsCell<BYTES> for Bytes<BYTES> {
    fn cell(&self) -> &Cell<[u8; BYTES]> {
        &self.0
    }
}

#[repr(align(64))]
struct Line(Cell<[u8; 128]>);

// SAFETY: zeros are an array of zeros.
unsafe impl bytemuck::Zeroable for Line {}

impl AsCell<128> for Line {
    fn cell(&self) -> &Cell<[u8; 128]> {
        &self.0
    }
}

// soundness S4
#[test]
fn entries_that_lie_across_pages_are_whole_on_pages_of_any_size() {
    for page in (6..=16).map(|bit| 1 << bit) {
        kept::<Bytes<1>, 1>(page);
        kept::<Bytes<3>, 3>(page);
        kept::<Bytes<56>, 56>(page);
        kept::<Bytes<100>, 100>(page);
        kept::<Bytes<7000>, 7000>(page);
        kept::<Line, 128>(page);
    }
}

#[test]
fn an_entry_larger_than_what_is_made_writable_at_once_works() {
    let arena = arena();
    let table: SideTable<'_, Bytes<300_000>> = SideTable::builder(&arena).capacity(5).build().unwrap();
    let (one, two) = (sites(&arena, 1), sites(&arena, 4));
    table.of(one).unwrap()[0].0.set([1; 300_000]);
    table.of(two).unwrap()[3].0.set([2; 300_000]);
    assert!(table.of(two).unwrap()[..3].iter().all(|entry| entry.0.get() == [0; 300_000]));
    assert!(table.of(one).unwrap()[0].0.get() == [1; 300_000]);
}
