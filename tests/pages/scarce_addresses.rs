//! A program whose address space is limited goes on beside what permacode reserves (soundness S30): each limit is a child's own.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::error::PageCall;
use permacode::heap::GlobalHeap;
use permacode::{CodeArena, DualArena, Error, HeapArena, SideTable};
use permacode_witness::{Child, End, in_child, limit, status};
use std::alloc::Layout;
use std::cell::Cell;
use std::thread;

const MEGABYTE: usize = 1 << 20;

/// Bytes that a process may map beyond what it has: few, as many as the defaults are cut down for, and more than they ask for.
fn rooms() -> impl Iterator<Item = usize> {
    let small = (0..64).step_by(3).map(|room| room * MEGABYTE);
    let sweep = (64..4200).step_by(97).chain([360, 712, 1288, 1290]).map(|room| room * MEGABYTE);
    small.chain(sweep).chain((13..21).map(|bits| MEGABYTE << bits))
}

/// Bytes that the process has mapped, without any memory for the answer.
fn mapped() -> usize {
    status("VmSize")
}

/// What `make` takes of so much room, in a child that has no more; and fails where the child does not go on well.
fn taken(room: usize, make: impl FnOnce() -> Vec<Result<usize, Error>>) {
    let end = Child::run(|| {
        // Memory for what the test itself needs.
        drop(std::hint::black_box(vec![0u8; 100_000]));
        let before = mapped();
        limit(libc::RLIMIT_AS, before + room);
        let made = make();
        let all = mapped() - before;
        let sum: usize = made.iter().flatten().sum();
        assert!(all.abs_diff(sum) <= 300_000, "says {sum}, has {all}, of {room}");
        assert!(sum <= room / 4, "{made:?} of {room}");
        for &one in made.iter().flatten() {
            assert!(made.iter().flatten().all(|&other| one >= other / 4), "{made:?} of {room}");
        }
        for error in made.iter().filter_map(|made| made.as_ref().err()) {
            let Error::Pages(error) = error else { panic!("{error}") };
            assert_eq!(error.call, PageCall::Reserve, "{error}");
            assert!(room < 16 * MEGABYTE, "{error}, of {room}");
        }
        if room >= 4 * MEGABYTE {
            goes_on(MEGABYTE);
        }
        0
    });
    assert_eq!(end.unwrap(), End::Code(0), "{room}");
}

/// Starts a thread, which gets so much memory.
fn goes_on(bytes: usize) {
    let thread = thread::Builder::new().spawn(move || Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    assert!(thread.expect("no thread").join().unwrap(), "no memory");
}

/// Loads and seals something, and checks it.
fn load(arena: &CodeArena) {
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[7u8; 10_000]).unwrap();
    loader.seal().unwrap();
    assert!(block.iter().all(|&byte| byte == 7));
}

/// Makes an object, and checks it.
fn use_heap(heap: &HeapArena) {
    let object = heap.alloc(Layout::new::<[u8; 10_000]>()).unwrap();
    // SAFETY: as many bytes, for this alone, written before they are read.
    unsafe {
        object.write_bytes(7, 10_000);
        assert_eq!(object.add(9_999).read(), 7);
    }
}

fn code() -> Result<usize, Error> {
    let arena = CodeArena::new()?;
    load(&arena);
    Ok(arena.leak().address_space())
}

fn heap() -> Result<usize, Error> {
    let heap = HeapArena::new()?;
    use_heap(&heap);
    Ok(heap.leak().address_space())
}

fn both() -> [Result<usize, Error>; 2] {
    match DualArena::new() {
        Ok(arenas) => {
            let DualArena { code, heap } = arenas.leak();
            load(code);
            use_heap(heap);
            [Ok(code.address_space()), Ok(heap.address_space())]
        }
        Err(error) => [Err(error), Err(error)],
    }
}

// soundness S30
#[test]
fn of_what_a_limit_leaves_one_arena_takes_no_more_than_a_pair_may() {
    for room in rooms() {
        taken(room, || vec![code()]);
        taken(room, || vec![heap()]);
    }
}

// soundness S30
#[test]
fn a_pair_takes_a_quarter_at_most_and_neither_starves_the_other_whichever_is_first() {
    for room in rooms() {
        taken(room, || vec![code(), heap()]);
        taken(room, || vec![heap(), code()]);
        taken(room, || both().to_vec());
    }
}

// soundness S30
#[test]
fn a_side_table_leaves_room_for_others_like_it() {
    let arena = CodeArena::builder().reservation(MEGABYTE).build().unwrap();
    let table = || -> Result<usize, Error> {
        let table: SideTable<'_, Cell<u64>> = SideTable::new(&arena)?;
        let sites = arena.load("m")?.sites(100)?;
        table.of(sites)?[99].set(1);
        assert!(table.address_space() >= table.capacity() * 8);
        let bytes = table.address_space();
        std::mem::forget(table);
        Ok(bytes)
    };
    for room in rooms() {
        taken(room, || vec![table()]);
        taken(room, || vec![table(), table(), table(), table()]);
    }
}

// soundness S30
#[test]
fn a_global_heap_takes_what_a_heap_may() {
    static HEAP: GlobalHeap = GlobalHeap::new();
    for room in rooms() {
        taken(room, || {
            let made = HEAP.claim().map(|mine| {
                assert!(mine);
                use_heap(HEAP.heap().unwrap());
                HEAP.address_space()
            });
            assert_eq!(HEAP.address_space(), made.unwrap_or(0), "a claim that is refused leaves nothing behind");
            vec![made]
        });
    }
}

// soundness S30: each arena takes its part of what the ones before it left, so there is always some left.
#[test]
fn any_number_of_arenas_leaves_room_for_a_thread() {
    for room in [64, 300, 1000, 5000, 100_000] {
        in_child(|| {
            limit(libc::RLIMIT_AS, mapped() + room * MEGABYTE);
            let (mut codes, mut heaps) = (Vec::new(), Vec::new());
            for _ in 0..100 {
                codes.extend(CodeArena::new());
                heaps.extend(HeapArena::new());
            }
            assert!(codes.len() >= 4 && heaps.len() >= 4, "{} and {} of {room}", codes.len(), heaps.len());
            codes.iter().for_each(load);
            heaps.iter().for_each(use_heap);
            goes_on(MEGABYTE);
            // What is gone is there again.
            let last = codes.last().unwrap().address_space();
            codes.clear();
            heaps.clear();
            assert!(CodeArena::new().unwrap().address_space() > last);
        });
    }
}

#[test]
fn pages_that_are_kept_serve_arena_after_arena_under_a_limit() {
    in_child(|| {
        let pages = std::sync::Arc::new(permacode::pages::PooledPages::new(2).unwrap());
        limit(libc::RLIMIT_AS, mapped() + 1000 * MEGABYTE);
        let ranges: Vec<_> = (0..20)
            .map(|_| {
                let arenas = DualArena::with_pages(pages.clone()).unwrap();
                (arenas.code.address_range(), arenas.heap.address_range())
            })
            .collect();
        assert!(ranges.iter().all(|range| *range == ranges[0]), "{ranges:?}");
        goes_on(MEGABYTE);
    });
}

#[test]
fn a_limit_that_is_lifted_is_forgotten() {
    in_child(|| {
        let wide = CodeArena::new().unwrap().address_space();
        limit(libc::RLIMIT_AS, mapped() + 400 * MEGABYTE);
        let narrow = CodeArena::new().unwrap().address_space();
        assert!(narrow <= 50 * MEGABYTE, "{narrow}");
        limit(libc::RLIMIT_AS, usize::MAX);
        assert_eq!(CodeArena::new().unwrap().address_space(), wide);
    });
}

// A sandbox may have no /proc, and a process no descriptor to read it by.
#[test]
fn what_is_mapped_need_not_be_told() {
    for room in [64, 1000] {
        in_child(|| {
            limit(libc::RLIMIT_AS, mapped() + room * MEGABYTE);
            limit(libc::RLIMIT_NOFILE, 0);
            let sizes = both().map(Result::unwrap);
            assert!(sizes.iter().sum::<usize>() <= room * MEGABYTE / 4, "{sizes:?}");
            goes_on(MEGABYTE);
        });
    }
}

/// A pair in use: a sealed module and an object.
fn pair() -> Result<DualArena, Error> {
    let arenas = DualArena::new()?;
    let loader = arenas.code.load("m")?;
    loader.alloc(7u64)?;
    loader.seal()?;
    // SAFETY: a new object of this layout.
    unsafe { arenas.heap.alloc(Layout::new::<u64>())?.cast::<u64>().write(7) };
    Ok(arenas)
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[test]
fn ten_thousand_pairs_in_use_leave_mappings_and_addresses_for_others() {
    in_child(|| {
        let pairs: Result<Vec<DualArena>, Error> = (0..10_000).map(|_| pair()).collect();
        let pairs = pairs.unwrap();
        assert!(mappings() < 61_000, "{}", mappings());
        goes_on(64 * MEGABYTE);
        let wide = pairs[0].code.address_space() + pairs[0].heap.address_space();
        let narrow = pairs.iter().map(|pair| pair.code.address_space() + pair.heap.address_space()).min();
        assert_eq!(narrow, Some(wide), "the last have as much as the first");
    });
}

#[test]
fn arenas_without_end_are_an_error_at_last_and_leave_something() {
    // What ends is the address space: these make two mappings each.
    in_child(|| {
        let mut heaps = Vec::new();
        let error = loop {
            match HeapArena::new() {
                Ok(heap) => heaps.push(heap),
                Err(error) => break error,
            }
            assert!(heaps.len() < 20_000, "the last have no less than the first");
        };
        assert!(matches!(error, Error::Pages(error) if error.call == PageCall::Reserve), "{error}");
        assert!(heaps.len() > 10_000, "{}", heaps.len());
        goes_on(MEGABYTE);
    });
}

#[test]
fn an_unused_arena_is_two_mappings() {
    in_child(|| {
        const MANY: usize = 1000;
        let before = mappings();
        let codes: Vec<CodeArena> = (0..MANY).map(|_| CodeArena::new().unwrap()).collect();
        let between = mappings();
        let heaps: Vec<HeapArena> = (0..MANY).map(|_| HeapArena::new().unwrap()).collect();
        let [codes, heaps] = [(codes.len(), between - before), (heaps.len(), mappings() - between)];
        // Where an arena ends and its neighbour begins, both without access, is one mapping.
        let few = |(arenas, mappings)| mappings <= 2 * arenas + arenas / 100;
        assert!(few(codes) && few(heaps), "{codes:?} {heaps:?}");
    });
}

#[test]
fn nor_is_one_that_is_alone_where_the_kernel_places_it_like_a_huge_page() {
    const HUGE: usize = 2 * MEGABYTE;
    // Linux since 6.7 lets what is a multiple of a huge page's size begin at such a multiple; before, a heap may leave some pages in front.
    let places_well = || {
        // SAFETY: maps address space without access, looks where it lies, and gives it back.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            let at = libc::mmap(std::ptr::null_mut(), 3 * HUGE, libc::PROT_NONE, flags, -1, 0);
            assert!(at != libc::MAP_FAILED && libc::munmap(at, 3 * HUGE) == 0);
            at.addr() % HUGE == 0
        }
    };
    in_child(|| {
        let most = if (0..8).all(|_| places_well()) { 2 } else { 3 };
        let lone = |make: fn() -> usize| {
            let before = mappings();
            make() - before
        };
        for heap in [
            || HeapArena::new().map(|_heap| mappings()).unwrap(),
            || HeapArena::builder().reservation(100 * MEGABYTE).build().map(|_heap| mappings()).unwrap(),
            || HeapArena::builder().reservation(MEGABYTE).build().map(|_heap| mappings()).unwrap(),
        ] {
            assert!(lone(heap) <= most, "{} and {most}", lone(heap));
        }
        assert!(lone(|| CodeArena::new().map(|_arena| mappings()).unwrap()) <= 2);
    });
}
