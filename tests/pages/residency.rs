//! What `Residency` says agrees with what the kernel's own text says, and what it asserts fails when it should.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::code::Protection;
use permacode::residency::{Backing, Mapping, PageState, Residency, ResidencyError, Unclean};
use permacode::{CodeArena, HeapArena, SideTable};
use permacode_witness::{Child, End, in_child, page, span};
use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Sealed code of some pages, and where.
fn sealed(arena: &CodeArena) -> Range<usize> {
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&vec![7u8; 20 * page()]).unwrap();
    loader.seal().unwrap();
    span(block)
}

fn protect(range: &Range<usize>, access: libc::c_int) {
    let start = range.start / page() * page();
    let at = core::ptr::with_exposed_provenance_mut::<libc::c_void>(start);
    // SAFETY: pages of the caller's arena, which nobody but this test uses.
    assert_eq!(unsafe { libc::mprotect(at, range.end - start, access) }, 0);
}

/// A stray store that somebody made possible: what sealing should have stopped.
fn dirty(range: &Range<usize>) {
    protect(range, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: writable just now; volatile, because the program must not know.
    unsafe { core::ptr::with_exposed_provenance_mut::<u8>(range.start).write_volatile(9) };
    protect(range, libc::PROT_READ);
}

/// What a child says that panics.
fn panics(body: impl FnOnce()) -> String {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).expect_err("it should have panicked");
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

/// A child that does `body` and then waits to be looked at.
fn waiting(body: impl FnOnce()) -> Child {
    let (mut reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
    let child = Child::fork(|| {
        body();
        std::io::Write::write_all(&mut writer, b".").unwrap();
        std::thread::sleep(Duration::from_secs(60));
        0
    })
    .unwrap();
    std::io::Read::read_exact(&mut reader, &mut [0]).unwrap();
    child
}

fn end(child: Child) {
    // SAFETY: a child of this test's that was not waited for.
    unsafe { libc::kill(child.pid(), libc::SIGKILL) };
    assert!(matches!(child.wait().unwrap(), End::Signal { signal: libc::SIGKILL, .. }));
}

#[test]
fn sizes_and_permissions_are_those_of_the_kernels_text() {
    let arena = CodeArena::new().unwrap();
    let code = sealed(&arena);
    // In a child, whose pages stay shared with its parent, whatever other tests fork meanwhile.
    in_child(|| {
        let residency = arena.residency().unwrap();
        let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = text.lines().skip_while(|line| !line.starts_with(&format!("{:08x}-", code.start)));
        let head = lines.next().expect("the code has a mapping that begins with it");
        let field = |name: &str| -> usize {
            let line = lines.clone().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
        };
        let first: &Mapping = &residency.mappings()[0];
        assert_eq!(head.split_whitespace().nth(1), Some(&*first.permissions.to_string()));
        assert_eq!(first.permissions.to_string(), "r--p");
        assert_eq!((first.resident, first.private_dirty), (field("Rss:"), field("Private_Dirty:")));
        assert_eq!((first.shared_clean, first.shared_dirty), (field("Shared_Clean:"), field("Shared_Dirty:")));
        assert_eq!(first.backing, Backing::Anonymous);
        assert!(first.resident >= code.len());
        assert_eq!(residency.resident(), residency.shared() + residency.private_dirty());
        assert!(residency.resident() >= code.len());
    });
}

#[test]
fn a_child_that_only_reads_shares_everything_and_says_so() {
    let arena = CodeArena::new().unwrap();
    let code = sealed(&arena);
    in_child(|| {
        arena.assert_clean();
        arena.assert_not_copied();
        let residency = arena.residency().unwrap();
        assert_eq!((residency.private_dirty(), residency.bytes(PageState::PrivateCopy)), (0, 0));
        assert!(residency.shared() >= code.len());
        assert_eq!(residency.not_shared().count(), 0);
        assert!(!residency.to_string().contains("not shared"), "{residency}");
    });
}

#[test]
fn a_page_that_a_child_writes_is_a_copy_and_the_assertion_names_it() {
    let arena = CodeArena::new().unwrap();
    let code = sealed(&arena);
    let page_of = |address: usize| address / page() * page();
    in_child(|| {
        let at = code.start + 5 * page();
        dirty(&(at..at + 1));
        arena.assert_clean(); // it is read-only again
        let residency = arena.residency().unwrap();
        let range = page_of(at)..page_of(at) + page();
        assert_eq!(residency.check_not_copied(), Err(Unclean::Copied { range: range.clone() }));
        assert_eq!(residency.private_dirty(), page());
        let why: Vec<_> = residency.not_shared().collect();
        assert_eq!((why.len(), why[0].range.clone(), why[0].state), (1, range.clone(), PageState::PrivateCopy));
        assert!(residency.to_string().contains("written after a fork"), "{residency}");
        let said = panics(|| arena.assert_not_copied());
        assert!(said.contains(&format!("{:#x}", range.start)) && said.contains("was copied"), "{said}");
    });
}

#[test]
fn a_page_that_is_writable_is_unclean_and_so_is_one_that_is_gone() {
    let arena = CodeArena::new().unwrap();
    let code = sealed(&arena);
    in_child(|| {
        let at = code.start + 3 * page();
        protect(&(at..at + 1), libc::PROT_READ | libc::PROT_WRITE);
        let unclean = arena.residency().unwrap().check_clean();
        assert!(matches!(&unclean, Err(Unclean::Writable { range, permissions })
            if range.start == at / page() * page() && permissions.write));
        let said = panics(|| arena.assert_clean());
        assert!(said.contains("is writable (rw-p)"), "{said}");
        protect(&(at..at + 1), libc::PROT_NONE);
        assert!(matches!(arena.residency().unwrap().check_clean(), Err(Unclean::Unreadable { .. })));
        let at = core::ptr::with_exposed_provenance_mut::<libc::c_void>(at / page() * page());
        // SAFETY: a page of this child's arena, which nobody reads any more.
        assert_eq!(unsafe { libc::munmap(at, page()) }, 0);
        assert!(matches!(arena.residency().unwrap().check_clean(), Err(Unclean::Unreadable { range })
            if range.len() == page()));
    });
}

#[test]
fn what_is_not_sealed_yet_is_not_asserted() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("open").unwrap();
    loader.alloc(1u8).unwrap();
    assert_eq!(arena.residency().unwrap().sealed(), []);
    arena.assert_clean();
    loader.seal().unwrap();
    let sealed = arena.residency().unwrap().sealed().to_vec();
    assert_eq!(sealed.iter().map(|range| range.len()).sum::<usize>(), page());
}

#[test]
fn another_process_is_looked_at_by_its_number() {
    let arena = CodeArena::new().unwrap();
    let code = sealed(&arena);
    let at = code.start + 2 * page();
    let child = waiting(|| dirty(&(at..at + 1)));
    let pid = child.pid() as u32;
    let there = arena.residency_in(pid).unwrap();
    assert_eq!((there.pid(), there.private_dirty()), (pid, page()));
    assert!(there.check_clean().is_ok() && there.check_not_copied().is_err());
    let plain = Residency::of_process(pid, code.clone()).unwrap();
    assert_eq!((plain.private_dirty(), plain.sealed().len()), (page(), 0));
    assert!(plain.shared() >= code.len() - 2 * page());
    end(child);
    assert_eq!(Residency::of_process(pid, code).unwrap_err(), ResidencyError::Gone { pid });
}

#[test]
fn a_whole_process_can_be_looked_at() {
    in_child(|| {
        let all = Residency::of(0..usize::MAX).unwrap();
        assert!(all.resident() > 100 * page() && all.private_dirty() > 0, "{all}");
        assert!(all.mappings().iter().any(|mapping| mapping.backing == Backing::File && mapping.permissions.execute));
    });
}

#[test]
fn a_process_that_ended_and_was_not_waited_for_is_gone_too() {
    let child = Child::fork(|| 0).unwrap();
    let pid = child.pid() as u32;
    let gone = (0..2000).any(|_| {
        std::thread::sleep(Duration::from_millis(1));
        Residency::of_process(pid, 0..usize::MAX >> 17).is_err_and(|error| error == ResidencyError::Gone { pid })
    });
    assert!(gone);
    assert_eq!(child.wait().unwrap(), End::Code(0));
}

#[test]
fn a_process_that_may_not_be_traced_is_a_refusal() {
    let child = waiting(|| {
        // SAFETY: from here on only the privileged may look at this process.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
    });
    let pid = child.pid() as u32;
    match Residency::of_process(pid, 0..usize::MAX) {
        Err(error) => {
            assert_eq!(error, ResidencyError::Permission { pid });
            assert!(error.to_string().contains("may not be looked at"));
        }
        // SAFETY: asks for a number.
        Ok(_) => assert_eq!(unsafe { libc::geteuid() }, 0, "only the privileged see through this"),
    }
    end(child);
}

#[test]
fn a_memory_files_pages_are_nobodys_copy() {
    let arena = CodeArena::builder().protection(Protection::SealedFile).build().unwrap();
    let code = sealed(&arena);
    if let Some(refused) = arena.refused() {
        eprintln!("no memory files here: {refused}");
        return;
    }
    let read = |range: &Range<usize>| assert!(permacode_witness::all(support_bytes(range), 7));
    read(&code);
    let residency = arena.residency().unwrap();
    assert_eq!(residency.mappings()[0].backing, Backing::MemoryFile);
    assert_eq!(residency.private_dirty(), 0);
    assert!(residency.resident() >= code.len());
    in_child(|| {
        read(&code);
        arena.assert_not_copied();
        let residency = arena.residency().unwrap();
        assert_eq!((residency.private_dirty(), residency.not_shared().count()), (0, 0), "{residency}");
    });
}

fn support_bytes(range: &Range<usize>) -> &[u8] {
    let at = core::ptr::with_exposed_provenance::<u8>(range.start);
    // SAFETY: a sealed block of an arena that lives.
    unsafe { core::slice::from_raw_parts(at, range.len()) }
}

#[test]
fn heaps_and_side_tables_say_what_a_child_copied() {
    let heap = HeapArena::new().unwrap();
    let arena = CodeArena::new().unwrap();
    let table: SideTable<'_, Cell<u64>> = SideTable::new(&arena).unwrap();
    let loader = arena.load("m").unwrap();
    let sites = loader.sites(10).unwrap();
    loader.seal().unwrap();
    table.of(sites).unwrap()[0].set(1);
    let mut list = allocator_api2::vec::Vec::new_in(&heap);
    list.extend_from_slice(&[1u64; 4096]);
    in_child(|| {
        assert_eq!((heap.residency().unwrap().private_dirty(), table.residency().unwrap().private_dirty()), (0, 0));
        list[0] = 2;
        table.of(sites).unwrap()[1].set(1);
        assert_eq!(heap.residency().unwrap().private_dirty(), page());
        assert_eq!(table.residency().unwrap().private_dirty(), page());
        assert!(heap.residency().unwrap().shared() >= 7 * page());
        arena.assert_not_copied();
    });
}

#[test]
fn huge_pages_are_counted() {
    let arena = CodeArena::builder().huge_pages().build().unwrap();
    arena.load("m").unwrap().alloc_slice_copy(&vec![1u8; 8 << 20]).unwrap();
    arena.seal().unwrap();
    let residency = arena.residency().unwrap();
    match arena.refused() {
        Some(refused) => eprintln!("no huge pages here: {refused}"),
        None => assert!(residency.huge() >= 4 << 20, "{residency}"),
    }
    assert!(residency.resident() >= 8 << 20);
    arena.assert_clean();
}

// soundness S32
#[test]
fn no_page_is_counted_twice_while_other_threads_seal() {
    // A new arena now and then: a look costs what there is to look at.
    (0..10).for_each(|_| look_ten_times_while_another_thread_seals());
}

fn look_ten_times_while_another_thread_seals() {
    let arena = CodeArena::new().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Loaders that are open side by side and closed in another order: mappings that come, go, and join their neighbours.
            let mut open = Vec::new();
            for round in 0usize.. {
                if done.load(Relaxed) || arena.stats().claimed > arena.stats().reserved / 4 {
                    break;
                }
                let module = arena.load("m").unwrap();
                module.alloc([1u8; 9000]).unwrap();
                open.push(module);
                if open.len() > 40 {
                    open.swap_remove(round * 7 % 40).seal().unwrap();
                }
                if round % 500 == 499 {
                    open.clear();
                    arena.seal().unwrap();
                }
            }
        });
        let apart = |ranges: Vec<&Range<usize>>| ranges.windows(2).all(|pair| pair[0].end <= pair[1].start);
        let counted_once = (0..10).all(|_| {
            let memory = arena.residency().unwrap();
            apart(memory.mappings().iter().map(|mapping| &mapping.range).collect())
                && apart(memory.stretches().iter().map(|stretch| &stretch.range).collect())
        });
        // Said first: the other thread ends whatever the answer is.
        done.store(true, Relaxed);
        assert!(counted_once);
    });
}

#[test]
fn several_ranges_are_told_as_each_by_itself() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let code = sealed(&arena);
    let list = allocator_api2::vec![in &heap; 7u8; 50_000];
    let (whole, objects) = (arena.address_range(), span(&list));
    let ranges = [
        whole.clone(),
        objects.clone(),
        code.start..code.start + 1,
        whole, // twice, and within each other
        0..0,
        page()..2 * page(), // where nothing is mapped
        heap.address_range(),
    ];
    // Of a process that does nothing meanwhile.
    permacode_witness::watched(
        || (),
        |pid| {
            let pid = pid as u32;
            let told = Residency::of_ranges(pid, &ranges).unwrap();
            assert_eq!(told.len(), ranges.len());
            for (told, range) in told.iter().zip(&ranges) {
                let alone = Residency::of_process(pid, range.clone()).unwrap();
                assert_eq!((told.pid(), told.range()), (pid, range.clone()));
                assert_eq!((told.mappings(), told.stretches()), (alone.mappings(), alone.stretches()), "{range:?}");
            }
            assert!(told[1].resident() >= list.len() && told[4].mappings().is_empty() && told[5].resident() == 0);
            assert!(Residency::of_ranges(pid, &[]).unwrap().is_empty());
        },
    );
    assert!(matches!(Residency::of_ranges(u32::MAX >> 2, &ranges), Err(ResidencyError::Gone { .. })));
}
