//! Address space that is kept from arena to arena: nothing of the first is left for the second, and nothing is handed out twice.
#![cfg(all(target_os = "linux", target_pointer_width = "64", not(miri), not(permacode_ordinary_pages)))]

mod support;

use permacode::code::Protection;
use permacode::error::PageCall;
use permacode::pages::{PageSource, PooledPages, Step, SystemPages};
use permacode::{CodeArena, DualArena, Error, HeapArena, SideTable};
use permacode_witness::{Memory, memory};
use std::alloc::Layout;
use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;
use support::filter::{When, refuse};
use support::{Blocks, Random, all, in_child, page, span, stopped, store};

const MEGABYTE: usize = 1 << 20;

fn pool(places: usize) -> Arc<PooledPages> {
    Arc::new(PooledPages::new(places).unwrap())
}

fn arena(pages: &Arc<PooledPages>, bytes: usize) -> CodeArena {
    CodeArena::builder().reservation(bytes).pages(pages.clone()).build().unwrap()
}

fn heap(pages: &Arc<PooledPages>, bytes: usize) -> HeapArena {
    HeapArena::builder().reservation(bytes).pages(pages.clone()).build().unwrap()
}

/// What the kernel says of a range.
fn mapped(range: &Range<usize>) -> Memory {
    memory(0, range.clone()).unwrap()
}

/// Mappings of this process that touch a range and that anything can be read from, written to or executed in.
fn accessible(range: &Range<usize>) -> Vec<String> {
    mapped(range).accessible().map(|mapping| mapping.permissions.clone()).collect()
}

#[test]
fn a_dropped_arena_leaves_neither_contents_nor_access_to_the_next() {
    let pages = pool(1);
    let first = arena(&pages, 8 * MEGABYTE);
    let range = first.address_range();
    let mut blocks = Blocks::default();
    let loader = first.load("sealed").unwrap();
    let sealed = span(blocks.alloc(&loader, 100_000).unwrap());
    loader.seal().unwrap();
    let loader = first.load("open").unwrap();
    let open = span(blocks.alloc(&loader, 50_000).unwrap());
    blocks.check();
    drop(loader);
    drop(first);
    assert_eq!(accessible(&range), [""; 0]);
    for address in [sealed.start, sealed.end - 1, open.start] {
        assert_eq!(store(address), stopped(address));
    }

    let second = arena(&pages, 8 * MEGABYTE);
    assert_eq!(second.address_range(), range);
    assert_eq!((second.stats().used, second.stats().claimed, second.modules().count()), (0, 0, 0));
    let loader = second.load("next").unwrap();
    let zeros = loader.alloc_padded(&[], 1, 200_000).unwrap();
    assert!(span(zeros).contains(&sealed.start), "where the first one's were");
    assert!(all(zeros, 0), "and nothing of them");
    let written = loader.alloc_slice_copy(&[7u8; 5000]).unwrap();
    assert!(all(written, 7) && second.locate(written).is_none());
    let module = loader.seal().unwrap();
    assert_eq!(
        (module.protection(), module.id(), second.locate(written).unwrap().module),
        (Protection::ReadOnly, 0, module)
    );
    let address = span(written).start;
    assert_eq!(store(address), stopped(address));
}

#[test]
fn whatever_pages_were_made_of_the_next_arena_has_new_ones() {
    let pages = pool(1);
    let mut ranges = HashSet::new();
    let mut round = |build: &dyn Fn() -> CodeArena, work: &dyn Fn(&CodeArena)| {
        let arena = build();
        ranges.insert(arena.address_range());
        let code = arena.address_range();
        let loader = arena.load("plain").unwrap();
        let block = loader.alloc_slice_copy(&[1u8; 20_000]).unwrap();
        assert_eq!(accessible(&code).iter().find(|access| access.contains('s') || access.contains('x')), None);
        assert!(all(block, 1));
        drop(loader);
        work(&arena);
        drop(arena);
        assert_eq!(accessible(&code), [""; 0]);
    };
    let plain = || arena(&pages, 8 * MEGABYTE);
    let builder = || CodeArena::builder().reservation(8 * MEGABYTE).pages(pages.clone());
    for _ in 0..3 {
        round(&plain, &|arena| {
            arena.seal().unwrap();
        });
        round(&|| builder().protection(Protection::SealedFile).build().unwrap(), &|arena| {
            arena.seal().unwrap();
            arena.harden().unwrap();
            assert!(accessible(&arena.address_range()).iter().any(|access| access == "r--s"));
        });
        round(&plain, &|arena| {
            let native = arena.load_native("native").unwrap();
            native.alloc(&[0xC3; 100], 16).unwrap();
            native.seal().unwrap();
            assert!(accessible(&arena.address_range()).iter().any(|access| access == "r-xp"));
        });
        round(&|| builder().huge_pages().build().unwrap(), &|arena| {
            let loader = arena.load("large").unwrap();
            assert_eq!(loader.alloc_padded(&[2; 9], 1, 5 * MEGABYTE).unwrap()[8], 2);
            loader.seal().unwrap();
        });
    }
    assert_eq!(ranges.len(), 1, "all of them lay in the same place");
}

#[test]
fn a_heap_and_a_table_begin_with_zeros_again() {
    let pages = pool(2);
    let arena = CodeArena::builder().reservation(MEGABYTE).build().unwrap();
    let sites = arena.load("m").unwrap().sites(60_000).unwrap();
    let (mut objects, mut tables) = (HashSet::new(), HashSet::new());
    for size in [8usize, 500, 3000, 100_000, 2 * MEGABYTE, 8] {
        let heap = heap(&pages, 64 * MEGABYTE);
        objects.insert(heap.address_range());
        let layout = Layout::from_size_align(size, 8).unwrap();
        let mut live = Vec::new();
        for _ in 0..(8 * MEGABYTE / size).min(5000) {
            let object = heap.alloc_zeroed(layout).unwrap();
            // SAFETY: a new object of that size, zeroed.
            assert!(all(unsafe { std::slice::from_raw_parts(object.as_ptr(), size) }, 0));
            // SAFETY: the same object.
            unsafe { object.write_bytes(0xAB, size) };
            live.push(object);
        }
        assert_eq!(heap.stats().live, live.len() * heap.usable_size(live[0].as_ptr()).unwrap());

        let table: SideTable<'_, Cell<u64>> =
            SideTable::builder(&arena).capacity(100_000).pages(pages.clone()).build().unwrap();
        let entries = table.of(sites).unwrap();
        tables.insert(entries.as_ptr().addr());
        assert!(entries.iter().all(|entry| entry.get() == 0));
        entries.iter().for_each(|entry| entry.set(u64::MAX));
    }
    assert_eq!((objects.len(), tables.len()), (1, 1));
}

#[test]
fn what_has_no_place_or_another_size_is_not_kept() {
    in_child(|| {
        let pages = pool(2);
        let (one, two, three) = (arena(&pages, MEGABYTE), arena(&pages, MEGABYTE), arena(&pages, MEGABYTE));
        let ranges = [&one, &two, &three].map(CodeArena::address_range);
        drop((one, two, three));
        let kept = |range: &Range<usize>| !mapped(range).mappings.is_empty();
        assert_eq!(ranges.each_ref().map(kept), [true, true, false]);
        let other = arena(&pages, 2 * MEGABYTE);
        let range = other.address_range();
        assert!(ranges[..2].iter().all(|kept| kept.start != range.start));
        drop(other);
        assert!(!kept(&range));
        let again = [arena(&pages, MEGABYTE), arena(&pages, MEGABYTE)].map(|arena| arena.address_range());
        assert_eq!(HashSet::from(again), HashSet::from([ranges[0].clone(), ranges[1].clone()]));
        drop(pages);
        assert_eq!(ranges.each_ref().map(kept), [false; 3], "nothing is left of the pool");
    });
}

#[test]
fn pages_go_when_the_last_arena_is_gone() {
    in_child(|| {
        let pages = pool(2);
        let (one, two) = (arena(&pages, MEGABYTE), arena(&pages, MEGABYTE));
        let ranges = [one.address_range(), two.address_range()];
        drop((pages, one));
        assert!(!mapped(&ranges[0]).mappings.is_empty(), "the other arena shares the pool");
        drop(two);
        assert!(ranges.iter().all(|range| mapped(range).mappings.is_empty()));
    });
}

#[test]
fn a_spare_costs_one_mapping_and_no_memory() {
    in_child(|| {
        let pages = pool(2);
        drop(DualArena::with_pages(pages.clone()).unwrap());
        for round in 1..200 {
            let arenas = DualArena::with_pages(pages.clone()).unwrap();
            let loader = arenas.code.load("m").unwrap();
            loader.alloc_slice_copy(&vec![1u8; round * 1000]).unwrap();
            loader.seal().unwrap();
            for size in [8, 100, 5000, 100_000] {
                arenas.heap.alloc(Layout::from_size_align(size * round % 100_000 + 1, 1).unwrap()).unwrap();
            }
            let ranges = [arenas.code.address_range(), arenas.heap.address_range()];
            drop(arenas);
            for range in ranges {
                let found = mapped(&range);
                assert_eq!((found.mappings.len(), found.resident(), accessible(&range).len()), (1, 0, 0), "{round}");
            }
        }
    });
}

/// Arenas of three sizes, made and dropped by threads, with memory that each checks for what only it wrote.
#[test]
fn no_address_is_two_threads_at_once() {
    const THREADS: usize = 6;
    let (pages, start) = (pool(4), Barrier::new(THREADS));
    let seen: HashSet<usize> = thread::scope(|scope| {
        let work = |thread: usize| {
            let (pages, start) = (&pages, &start);
            scope.spawn(move || {
                let mut random = Random::new(thread as u64 + 1);
                start.wait();
                let case = |case: u32| {
                    let arena = arena(pages, MEGABYTE << random.below(3));
                    let mark = case * THREADS as u32 + thread as u32;
                    let loader = arena.load("case").unwrap();
                    let len = random.below(30_000);
                    let block = loader.alloc_slice_fill_iter((0..len).map(|_| mark)).unwrap();
                    if case % 2 == 0 {
                        thread::yield_now();
                    }
                    assert!(block.iter().all(|&word| word == mark), "somebody else has this memory");
                    loader.seal().unwrap();
                    assert!(block.iter().all(|&word| word == mark));
                    arena.address_range().start
                };
                (0..400).map(case).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(work).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(seen.len() < 400, "address space was used again");
}

/// Threads take and leave the same spares as fast as they can: nothing slow lies between a look at a place and the step.
#[test]
fn a_spare_is_taken_by_one() {
    const ROUNDS: usize = 300_000;
    let (pages, bytes) = (PooledPages::new(2).unwrap(), page());
    let spares = [(); 2].map(|()| reserved(&pages, bytes).addr().get());
    let release = |at: usize| {
        // SAFETY: a whole reservation of the pool, which nobody uses.
        unsafe { pages.release(NonNull::new(std::ptr::with_exposed_provenance_mut(at)).unwrap(), bytes) }.unwrap();
    };
    spares.into_iter().for_each(release);
    let (taken, start) = ([const { AtomicBool::new(false) }; 2], Barrier::new(2));
    let work = || {
        start.wait();
        for _ in 0..ROUNDS {
            let at = reserved(&pages, bytes).addr().get();
            let place = spares.iter().position(|&spare| spare == at).expect("two places for two threads");
            assert!(!taken[place].swap(true, Relaxed), "somebody else has it");
            taken[place].store(false, Relaxed);
            release(at);
        }
    };
    thread::scope(|scope| [(); 2].map(|()| scope.spawn(work)).map(|thread| thread.join().unwrap()));
}

#[test]
fn what_a_refused_commit_made_accessible_half_way_is_renewed_too() {
    in_child(|| {
        let (pages, page) = (PooledPages::new(1).unwrap(), page());
        let base = reserved(&pages, 8 * page);
        // SAFETY: whole pages of the reservation; the kernel changes what lies before the hole before it finds that.
        unsafe {
            assert_eq!(libc::munmap(base.add(4 * page).as_ptr().cast(), page), 0);
            assert_eq!(pages.apply(Step::Commit, base, 8 * page).map_err(|error| error.call), Err(PageCall::Commit));
            base.write(7);
            pages.release(base, 8 * page).unwrap();
        }
        assert_eq!(accessible(&(base.addr().get()..base.addr().get() + 8 * page)), [""; 0]);
        assert_eq!(reserved(&pages, 8 * page), base);
    });
}

/// Refuses to map pages anew in the place of so many bytes, and of no other number.
fn refuse_renewal(bytes: usize) {
    let fixed = When { argument: 3, mask: libc::MAP_FIXED, value: libc::MAP_FIXED };
    refuse(libc::SYS_mmap, &[fixed, When { argument: 1, mask: -1, value: bytes as i32 }], libc::ENOMEM);
}

#[test]
fn only_what_was_committed_this_time_is_renewed() {
    in_child(|| {
        let (pages, page) = (PooledPages::new(1).unwrap(), page());
        let base = reserved(&pages, 16 * page);
        // SAFETY: whole pages of a reservation of this source, used by nobody when it is released.
        unsafe {
            pages.apply(Step::Commit, base, 3 * page).unwrap();
            pages.release(base, 16 * page).unwrap();
            refuse_renewal(3 * page);
            assert_eq!(reserved(&pages, 16 * page), base);
            pages.apply(Step::Commit, base, page).unwrap();
            pages.release(base, 16 * page).unwrap();
        }
        assert!(is_mapped(base));
    });
}

#[test]
fn a_place_whose_pages_could_not_be_renewed_is_nobodys_for_ever() {
    in_child(|| {
        let (pages, page) = (PooledPages::new(1).unwrap(), page());
        refuse_renewal(3 * page);
        let lost = reserved(&pages, 16 * page);
        // SAFETY: whole pages of reservations of this source, used by nobody when they are released.
        unsafe {
            pages.apply(Step::Commit, lost, 3 * page).unwrap();
            pages.release(lost, 16 * page).unwrap();
            assert!(!is_mapped(lost));
            let next = reserved(&pages, 16 * page);
            assert_eq!(next, lost, "the system gives the same addresses, but not by way of the place");
            pages.apply(Step::Commit, next, 5 * page).unwrap();
            pages.release(next, 16 * page).unwrap();
            assert!(!is_mapped(next), "it has no place");
        }
    });
}

#[test]
fn pages_that_were_lost_while_they_were_renewed_take_the_rest_of_the_reservation_along() {
    in_child(|| {
        let (pages, page) = (PooledPages::new(1).unwrap(), page());
        refuse_renewal(3 * page);
        let base = reserved(&pages, 16 * page);
        // SAFETY: whole pages of a reservation of this source; a refusal that took them away is played by unmapping them.
        unsafe {
            let used = base.add(4 * page);
            pages.apply(Step::Commit, used, 3 * page).unwrap();
            assert_eq!(libc::munmap(used.as_ptr().cast(), 3 * page), 0);
            pages.release(base, 16 * page).unwrap();
            assert!(!is_mapped(base) && !is_mapped(base.add(7 * page)) && !is_mapped(base.add(15 * page)));
        }
        // The place is lost: what comes there now is not kept.
        let next = reserved(&pages, 16 * page);
        // SAFETY: a whole reservation of this source, unused.
        unsafe { pages.release(next, 16 * page).unwrap() };
        assert!(!is_mapped(next));
    });
}

/// Whether anything lies at an address; without `/proc`, whose reader might map.
fn is_mapped(at: NonNull<u8>) -> bool {
    // SAFETY: only asks.
    unsafe { SystemPages.resident(at, page()) }.is_ok()
}

/// A reservation, as a source gives it.
fn reserved(pages: &PooledPages, bytes: usize) -> NonNull<u8> {
    pages.reserve(bytes).unwrap()
}

#[test]
fn all_that_was_ever_committed_is_renewed_wherever_it_lies() {
    let (pages, page, count) = (PooledPages::new(3).unwrap(), page(), 64_usize);
    let mut random = Random::new(5);
    let other = reserved(&pages, count * page);
    // SAFETY: whole pages of reservations of this source, used only while they are committed.
    unsafe {
        pages.apply(Step::Commit, other, page).unwrap();
        other.write(9);
        let first = reserved(&pages, count * page);
        for _ in 0..200 {
            let mut written = [false; 64];
            for _ in 0..random.below(5) {
                let start = random.below(count);
                let end = start + random.below(count - start) + 1;
                pages.apply(Step::Commit, first.add(start * page), (end - start) * page).unwrap();
                for (number, written) in written.iter_mut().enumerate().take(end).skip(start) {
                    let found = std::slice::from_raw_parts_mut(first.add(number * page).as_ptr(), page);
                    assert!(all(found, u8::from(std::mem::replace(written, true))));
                    found.fill(1);
                }
            }
            for number in (0..count).filter(|&number| written[number] && number % 3 == 0) {
                pages.apply(Step::Seal, first.add(number * page), page).unwrap();
            }
            pages.release(first, count * page).unwrap();
            assert_eq!(accessible(&(first.addr().get()..first.addr().get() + count * page)), [""; 0]);
            assert_eq!(reserved(&pages, count * page), first);
        }
        assert_eq!(other.read(), 9, "what is in use is not touched");
        pages.release(first, count * page).unwrap();
        pages.release(other, count * page).unwrap();
    }
}

#[test]
fn more_places_than_there_is_memory_for_are_an_error() {
    for places in [usize::MAX, usize::MAX / 32, isize::MAX as usize / 40] {
        let refused = PooledPages::new(places).unwrap_err();
        assert!(matches!(refused, Error::TooLarge { len, .. } if len == places), "{refused}");
    }
    let none = Arc::new(PooledPages::new(0).unwrap());
    let range = arena(&none, MEGABYTE).address_range();
    assert!(accessible(&range).is_empty());
}

#[test]
fn address_space_that_is_refused_is_an_error_and_the_place_is_free_again() {
    in_child(|| {
        let pages = PooledPages::new(1).unwrap();
        let refused = pages.reserve((usize::MAX / 2) & !(page() - 1)).unwrap_err();
        assert_eq!((refused.call, refused.code), (PageCall::Reserve, libc::ENOMEM));
        let base = reserved(&pages, MEGABYTE);
        // SAFETY: a whole reservation of this source, unused.
        unsafe { pages.release(base, MEGABYTE).unwrap() };
        assert!(is_mapped(base), "kept, not given back and found again by chance");
        assert_eq!(reserved(&pages, MEGABYTE), base);
    });
}

#[test]
fn what_cannot_be_mapped_anew_goes_back_to_the_system() {
    in_child(|| {
        let pages = pool(1);
        let lost = arena(&pages, MEGABYTE);
        let range = lost.address_range();
        lost.load("m").unwrap().alloc(1u8).unwrap();
        let fixed = When { argument: 3, mask: libc::MAP_FIXED, value: libc::MAP_FIXED };
        refuse(libc::SYS_mmap, &[fixed], libc::ENOMEM);
        drop(lost);
        assert!(!is_mapped(NonNull::new(std::ptr::with_exposed_provenance_mut(range.start)).unwrap()));
        let next = arena(&pages, MEGABYTE);
        assert_eq!(next.load("m").unwrap().alloc(2u8), Ok(&2));
        drop(next);
        assert_eq!(arena(&pages, MEGABYTE).load("m").unwrap().alloc(3u8), Ok(&3));
    });
}

#[test]
fn a_child_that_is_forked_while_threads_take_and_leave_works_on() {
    let pages = pool(3);
    let work = |mark: u8| {
        let arena = arena(&pages, MEGABYTE);
        let loader = arena.load("case").unwrap();
        let block = loader.alloc_slice_copy(&[mark; 9000]).unwrap();
        assert!(all(loader.alloc_padded(&[], 1, 9000).unwrap(), 0));
        loader.seal().unwrap();
        assert!(all(block, mark));
    };
    thread::scope(|scope| {
        for mark in 1..3 {
            let work = &work;
            // So many that they are at it while children are made.
            scope.spawn(move || (0..3000).for_each(|_| work(mark)));
        }
        for _ in 0..40 {
            in_child(|| (3..30).for_each(work));
        }
    });
}

#[test]
fn a_child_uses_its_copy_of_the_pool_and_leaves_its_parents() {
    let pages = pool(2);
    let kept = arena(&pages, MEGABYTE);
    let loader = kept.load("parent's").unwrap();
    let block = loader.alloc_slice_copy(&[5u8; 9000]).unwrap();
    drop(arena(&pages, MEGABYTE));
    in_child(|| {
        for round in 1..50u8 {
            let mine = [(); 2].map(|()| arena(&pages, MEGABYTE));
            for arena in &mine {
                let loader = arena.load("child's").unwrap();
                assert!(all(loader.alloc_slice_copy(&[round; 9000]).unwrap(), round));
                loader.seal().unwrap();
            }
        }
        // SAFETY: a second owner, as a child's copy of its parent's memory is one; the first is never dropped in this process.
        drop(unsafe { std::ptr::read(&kept) });
        assert_eq!(accessible(&kept.address_range()), [""; 0]);
        assert_eq!(arena(&pages, MEGABYTE).address_range(), kept.address_range());
    });
    assert!(all(block, 5));
    loader.seal().unwrap();
    assert_eq!(store(span(block).start), stopped(span(block).start));
}
