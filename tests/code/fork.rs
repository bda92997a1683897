//! Forks: a child has all that was there, can do all that its parent can, never waits, and dirties no page of code by reading it.
//!
//! Invariants 3 and 5.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::code::Protection;
use permacode::error::PageCall;
use permacode::{CodeArena, Link, Loader, OpenModule, Permanent};
use permacode_witness::code::Blocks;
use permacode_witness::{Child, Disturbed, End, copied, in_child, memory, span, stopped, store, watched};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

/// A block that knows what it should hold, and can be published by one pointer.
#[derive(Permanent)]
struct Known<'a> {
    seed: u64,
    words: &'a [u64],
    name: &'a str,
    back: Link<'a, Known<'a>>,
}

fn known<'a>(loader: &Loader<'a>, seed: u64) -> &'a Known<'a> {
    let words = loader.alloc_slice_fill_iter((0..(seed % 60) as u32).map(|n| seed ^ u64::from(n))).unwrap();
    let name = loader.intern(&format!("name {}", seed % 500)).unwrap();
    let known = loader.alloc(Known { seed, words, name, back: Link::unset() }).unwrap();
    loader.link(&known.back, known).unwrap();
    known
}

impl Known<'_> {
    fn holds(&self) -> bool {
        self.words.iter().zip(0..).all(|(&word, n)| word == self.seed ^ n)
            && self.words.len() as u64 == self.seed % 60
            && self.name == format!("name {}", self.seed % 500)
            && self.back.get().is_some_and(|back| back.seed == self.seed)
    }
}

/// What loaders published, for children to read without a lock.
struct Shelf<'a> {
    places: Vec<AtomicPtr<Known<'a>>>,
    next: AtomicUsize,
}

impl<'a> Shelf<'a> {
    fn put(&self, known: &'a Known<'a>) {
        let place = self.next.fetch_add(1, Relaxed) % self.places.len();
        self.places[place].store(std::ptr::from_ref(known).cast_mut(), Release);
    }

    fn all(&self) -> impl Iterator<Item = &'a Known<'a>> {
        // SAFETY: null, or a block of the arena, which outlives the shelf's lifetime.
        self.places.iter().filter_map(|place| unsafe { place.load(Acquire).as_ref() })
    }
}

/// All that a child may do while its parent's threads, which it lacks, were in the middle of anything.
fn child(arena: &CodeArena, shelf: &Shelf<'_>, round: u64) {
    assert!(shelf.all().all(Known::holds));
    let modules = arena.modules().count();
    let loader = arena.load("child's").unwrap();
    assert!(shelf.all().all(|known| std::ptr::eq(loader.intern(known.name).unwrap(), known.name)));
    assert_eq!(loader.intern(&format!("new in {round}")).unwrap(), format!("new in {round}"));
    let mut blocks = Blocks::default();
    let own: Vec<&Known<'_>> = (0..20).map(|n| known(&loader, round * 100 + n)).collect();
    blocks.alloc(&loader, 20_000).unwrap();
    let module = loader.seal().unwrap();
    assert_eq!(module.protection(), Protection::ReadOnly);
    blocks.alloc(&arena.load("child's second").unwrap(), 300).unwrap();
    let _ = arena.seal().unwrap();
    assert_eq!(arena.locate(own[0]).map(|at| at.module), Some(module));
    assert!(arena.modules().count() >= modules + 2 && arena.modules().any(|other| other == module));
    assert!(own.iter().all(|known| known.holds()) && shelf.all().all(Known::holds));
    blocks.check();
    assert!(arena.stats().claimed > 0);
}

/// Loads, interns, finishes and seals until told to stop.
fn load_for_ever<'a>(arena: &'a CodeArena, shelf: &Shelf<'a>, thread: u64, stop: &AtomicBool) {
    let mut seed = thread << 40;
    while !stop.load(Acquire) {
        let loader = arena.load("parent's").unwrap();
        for _ in 0..1 + seed % 30 {
            seed += 1;
            shelf.put(known(&loader, seed));
        }
        match seed % 4 {
            0 => drop(loader),
            1 => assert_eq!(loader.finish().name(), "parent's"),
            2 => assert_eq!(loader.seal().unwrap().protection(), Protection::ReadOnly),
            _ => assert!(arena.seal().unwrap().held <= 3),
        }
    }
}

// soundness S23
#[test]
fn children_forked_in_the_middle_of_loads_and_seals_do_all_of_it_too() {
    let (start, mut forks) = (Instant::now(), 0);
    while forks < 400 && (forks < 100 || start.elapsed() < Duration::from_secs(10)) {
        // A new arena now and then: what a fork costs grows with what it copies.
        let arena = CodeArena::builder().reservation(1 << if usize::BITS > 32 { 33 } else { 28 }).build().unwrap();
        let shelf = Shelf { places: (0..100).map(|_| AtomicPtr::default()).collect(), next: AtomicUsize::new(0) };
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 0..3 {
                let (arena, shelf, stop) = (&arena, &shelf, &stop);
                scope.spawn(move || load_for_ever(arena, shelf, thread, stop));
            }
            let ends: Vec<End> = (0..25)
                .map(|round| {
                    Child::run(|| {
                        child(&arena, &shelf, round);
                        0
                    })
                    .unwrap()
                })
                .collect();
            stop.store(true, Release);
            assert!(ends.iter().all(|end| *end == End::Code(0)), "{ends:?}");
            forks += ends.len();
        });
        assert!(shelf.all().all(Known::holds));
    }
}

// soundness S23: not at random moments but inside of each page call, where a lock would be held if there were one.
#[test]
fn a_child_forked_inside_of_a_page_call_can_load_and_seal() {
    for call in [PageCall::Commit, PageCall::Seal, PageCall::Decommit] {
        let source = Disturbed::new();
        let arena = CodeArena::builder().reservation(8 << 20).pages(source.clone()).build().unwrap();
        let shelf = Shelf { places: vec![AtomicPtr::default()], next: AtomicUsize::new(0) };
        let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
        shelf.put(known(&two, 77));
        let mut blocks = Blocks::default();
        blocks.alloc(&two, 100).unwrap();
        let _ = two.finish();
        let in_call = || in_child(|| child(&arena, &shelf, 5));
        Disturbed::during(call, in_call, || match call {
            PageCall::Commit => assert!(blocks.alloc(&one, 50_000).is_ok()),
            PageCall::Seal => assert!(arena.seal().unwrap().pages > 0),
            _ => {
                source.pages.fail_call(PageCall::Commit, 0);
                assert!(blocks.alloc(&one, 50_000).is_err());
            }
        });
        blocks.alloc(&one, 50_000).unwrap();
        assert_eq!(one.seal().unwrap().protection(), Protection::ReadOnly);
        blocks.check();
        assert_eq!(arena.modules().count(), 2, "the child's modules are the child's");
    }
}

/// An arena of several hundred modules, some sealed, some finished, one open.
fn loaded(arena: &CodeArena) -> (Vec<&Known<'_>>, OpenModule<'_>) {
    let mut all = Vec::new();
    for round in 0..300u64 {
        let loader = arena.load("m").unwrap();
        all.extend((0..20).map(|n| known(&loader, round * 20 + n)));
        match round % 3 {
            0 => assert!(loader.seal().is_ok()),
            1 => assert!(arena.seal().is_ok()),
            _ => drop(loader),
        }
    }
    let open = arena.load("open").unwrap();
    all.push(known(&open, 100_000));
    (all, open)
}

#[test]
fn a_child_that_only_reads_and_looks_up_writes_no_page_of_code_or_records() {
    let arena = CodeArena::builder().reservation(64 << 20).build().unwrap();
    let (all, open) = loaded(&arena);
    let reads = || {
        assert!(all.iter().all(|known| known.holds()));
        assert!(all[..6000].iter().all(|known| arena.locate(*known).is_some_and(|at| at.module.bytes() > at.offset)));
        assert!(all.iter().all(|known| std::ptr::eq(open.intern(known.name).unwrap(), known.name)));
        let bytes: usize = arena.modules().map(|module| module.bytes() + module.name().len()).sum();
        assert!(bytes > 100_000 && arena.modules().any(|module| module.protection() == Protection::ReadOnly));
        assert!(arena.stats().claimed >= bytes / 2 && arena.contains(all[7]));
    };
    let (code, tables) = (arena.address_range(), arena.bookkeeping_ranges());
    let (resident, dirty, copied_code, copied_tables) = watched(reads, |pid| {
        let code_memory = memory(pid, code.clone()).unwrap();
        let used = code.start..code.start + arena.stats().claimed;
        (
            code_memory.resident(),
            code_memory.private_dirty(),
            copied(pid, [used]).unwrap(),
            copied(pid, tables.clone()).unwrap(),
        )
    });
    assert!(resident > 100_000, "{resident}");
    assert_eq!((dirty, copied_code, copied_tables), (0, 0, 0));
}

#[test]
fn a_child_that_opens_a_module_to_look_names_up_writes_no_page_of_code() {
    let arena = CodeArena::builder().reservation(64 << 20).build().unwrap();
    let (all, open) = loaded(&arena);
    let looks = || {
        let loader = arena.load("child's").unwrap();
        assert!(all.iter().all(|known| std::ptr::eq(loader.intern(known.name).unwrap(), known.name)));
        assert_eq!(loader.finish().bytes(), 0);
        assert!(arena.seal().is_ok());
    };
    let code = arena.address_range();
    let dirty = watched(looks, |pid| memory(pid, code).unwrap().private_dirty());
    assert_eq!(dirty, 0);
    drop(open);
}

// The measure itself: a child that does load copies what it writes to, and only that.
#[test]
fn a_child_that_loads_dirties_what_it_loads() {
    let arena = CodeArena::builder().reservation(64 << 20).build().unwrap();
    let (_all, open) = loaded(&arena);
    let loads = || {
        let loader = arena.load("child's").unwrap();
        loader.alloc_slice_copy(&[1u8; 50_000]).unwrap();
        assert!(loader.seal().is_ok());
    };
    let code = arena.address_range();
    let dirty = watched(loads, |pid| memory(pid, code).unwrap().private_dirty());
    assert!((50_000..70_000).contains(&dirty), "{dirty}");
    drop(open);
}

#[test]
fn a_child_that_drops_its_arena_leaves_its_parents() {
    let arena = CodeArena::builder().reservation(8 << 20).build().unwrap();
    let mut blocks = Blocks::default();
    let loader = arena.load("m").unwrap();
    blocks.alloc(&loader, 30_000).unwrap();
    loader.seal().unwrap();
    let loader = arena.load("open").unwrap();
    blocks.alloc(&loader, 500).unwrap();
    let address = blocks.iter().next().map(|block| span(block).start).unwrap();
    in_child(|| {
        // SAFETY: a second owner, as a child's copy of its parent's memory is one; the first is never dropped in this process.
        drop(unsafe { std::ptr::read(&arena) });
        let mapped = memory(0, arena.address_range()).unwrap();
        assert!(mapped.mappings.iter().all(|mapping| !(mapping.range.start..mapping.range.end).contains(&address)));
    });
    blocks.check();
    blocks.alloc(&loader, 500).unwrap();
    loader.seal().unwrap();
    blocks.check_apart(&arena, &[]);
    assert_eq!(store(address), stopped(address));
}

#[test]
fn a_leaked_arena_and_shared_bytes_work_in_children() {
    let arena: &'static CodeArena = CodeArena::builder().reservation(8 << 20).build().unwrap().leak();
    let owned = Arc::new(CodeArena::builder().reservation(8 << 20).build().unwrap());
    let text: &'static str = arena.load("m").unwrap().alloc_str("for ever").unwrap();
    let shared = owned.share(owned.load("m").unwrap().alloc_str("as long as it is held").unwrap().as_bytes()).unwrap();
    drop(owned);
    in_child(move || {
        assert_eq!((text, &shared[..]), ("for ever", &b"as long as it is held"[..]));
        assert_eq!(arena.load("child's").unwrap().intern("new"), Ok("new"));
        drop(shared);
        assert_eq!(arena.seal().map(|sealed| sealed.pages), Ok(1));
    });
    assert_eq!(text, "for ever");
}

/// Where memory files are mapped in this process.
fn files() -> Vec<usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let starts =
        maps.lines().filter(|line| line.contains("/memfd:permacode-")).filter_map(|line| line.split('-').next());
    starts.map(|start| usize::from_str_radix(start, 16).unwrap()).collect()
}

/// Mappings of memory files beside an arena, in this process, but for those of other arenas.
fn files_beside(arena: &CodeArena, others: &[usize]) -> usize {
    let code = arena.address_range();
    files().iter().filter(|start| !code.contains(start) && !others.contains(start)).count()
}

// Whatever a replacement maps elsewhere meanwhile, nobody in a child would unmap. A trial mapping of each file was left in 37 of 400 children.
#[test]
fn a_child_forked_while_a_thread_hardens_has_no_memory_file_beside_the_code() {
    // In a child, where no other test maps any. What they had mapped when it was made stays as it is.
    in_child(|| harden_and_fork(&files()));
}

fn harden_and_fork(others: &[usize]) {
    for _ in 0..16 {
        // A new arena now and then: what a fork costs grows with what it copies.
        let arena = CodeArena::builder().reservation(1 << 30).protection(Protection::SealedFile).build().unwrap();
        let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
        let harden = || {
            let loader = arena.load("m").unwrap();
            loader.alloc_slice_copy(&[7u8; 200_000]).unwrap();
            rounds.fetch_add(1, Relaxed);
            loader.seal().unwrap().protection()
        };
        if harden() < Protection::SealedFile {
            eprintln!("NOT SHOWN: {:?}", arena.refused());
            return;
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Acquire) {
                    harden();
                }
            });
            let ends: Vec<_> =
                (0..25).map(|_| Child::run(|| files_beside(&arena, others).min(100) as i32).unwrap()).collect();
            stop.store(true, Release);
            assert!(ends.iter().all(|end| *end == End::Code(0)), "{ends:?}");
        });
        assert_eq!(files_beside(&arena, others), 0, "nor has this process any");
        assert!(rounds.load(Relaxed) > 1, "nothing was hardened meanwhile");
    }
}
