//! Both arenas by one builder: each choice reaches its arena, each refusal names it, and nothing is left behind.

use permacode::error::Place;
use permacode::testing::Pages;
use permacode::{DualArena, DualArenaBuilder, Error, SideTable};
use std::alloc::Layout;
use std::cell::Cell;
use std::sync::Arc;

fn small(pages: &Arc<Pages>) -> DualArenaBuilder {
    DualArena::builder().code_reservation(1 << 20).heap_reservation(8 << 20).pages(pages.clone())
}

#[test]
fn each_choice_reaches_its_arena() {
    let pages = Pages::ordinary();
    let arenas = small(&pages).code_limit(100_000).heap_limit(200_000).build().unwrap();
    assert_eq!((arenas.code.stats().reserved, arenas.heap.stats().reserved), (1 << 20, 8 << 20));
    let code = arenas.code.load("m").unwrap().alloc_slice_copy(&[1u8; 300_000]).map(drop);
    assert!(matches!(code, Err(Error::Limit { .. })), "{code:?}");
    let object = arenas.heap.alloc(Layout::new::<[u8; 300_000]>());
    assert!(matches!(object, Err(Error::Limit { limit: 200_000, .. })), "{object:?}");
    // The last choice counts, also by the arena's own builder.
    let arenas = small(&pages)
        .heap_limit(1)
        .heap(|heap| heap.limit(1 << 20))
        .code(|code| code.reservation(2 << 20))
        .build()
        .unwrap();
    assert_eq!(arenas.code.stats().reserved, 2 << 20);
    assert!(arenas.heap.alloc(Layout::new::<[u8; 300_000]>()).is_ok());
}

// soundness S16
#[test]
fn a_refusal_names_the_arena_and_leaves_nothing() {
    let pages = Pages::ordinary();
    drop(small(&pages).build().unwrap());
    let calls = pages.calls();
    let mut places = Vec::new();
    for call in 0..calls {
        pages.fail_from(call);
        let refused = small(&pages).build().unwrap_err();
        assert!(matches!(refused.error, Error::Pages(_)));
        assert!(refused.to_string().starts_with(&format!("{}: the system refused to", refused.place)), "{refused}");
        assert_eq!(Error::from(refused), refused.error);
        places.push(refused.place);
        pages.relent();
        assert_eq!((pages.live(), pages.violations()), (0, 0));
    }
    assert_eq!(places, [Place::Code, Place::Code, Place::Heap, Place::Heap]);
}

#[test]
fn a_side_table_takes_its_pages_from_where_its_arena_does() {
    let (pages, other) = (Pages::ordinary(), Pages::ordinary());
    let arenas = small(&pages).build().unwrap();
    let live = pages.live();
    let table: SideTable<'_, Cell<u64>> = SideTable::new(&arenas.code).unwrap();
    assert_eq!(pages.live(), live + 1);
    assert_eq!(
        table.capacity() * size_of::<u64>(),
        1 << 20,
        "a reservation of ordinary memory is memory, so it is small"
    );
    let chosen: SideTable<'_, Cell<u64>> = SideTable::builder(&arenas.code).pages(other.clone()).build().unwrap();
    assert_eq!((pages.live(), other.live()), (live + 1, 1));
    let sites = arenas.code.load("m").unwrap().sites(10_000).unwrap();
    pages.fail_from(0);
    assert!(matches!(table.of(sites), Err(Error::Pages(_))), "its pages are refused with the arena's");
    assert!(chosen.of(sites).is_ok());
    pages.relent();
    table.of(sites).unwrap()[9_999].set(7);
    drop((table, chosen));
    assert_eq!((pages.live(), other.live(), pages.violations()), (live, 0, 0));
}
