//! What entries of a side table are for, together: one interpreter runs sealed code with caches, counters, quick instructions and constants of
//! its own, and a collector finds the constants.

use permacode::side::{CallCounter, LazyConstant, PolymorphicCache, Quickened, Version};
use permacode::{CodeArena, HeapArena, Permanent, SideTable, Sites};
use std::alloc::Layout;
use std::num::NonZero;
use std::ptr::NonNull;

#[derive(Permanent)]
struct Code<'a> {
    ops: &'a [u8],
    numbers: &'a [u64],
    sites: Sites,
}

/// An instruction: adds a constant, a heap object that is made of a number in the code.
const ADD: u8 = 1;
/// The same, when the constant is known to be there.
const ADD_MADE: NonZero<u8> = NonZero::new(200).unwrap();
const HOT: u32 = 3;

struct Entry {
    quick: Quickened,
    runs: CallCounter,
    constant: LazyConstant<u64>,
    slots: PolymorphicCache<u32, 2>,
}

// SAFETY: every field is zeroable.
unsafe impl bytemuck::Zeroable for Entry {}

fn run(code: &Code<'_>, table: &SideTable<'_, Entry>, heap: &HeapArena, class: usize, now: Version) -> (u64, Vec<u8>) {
    let (mut sum, mut executed) = (0, Vec::new());
    for ((&op, &number), entry) in code.ops.iter().zip(code.numbers).zip(table.of(code.sites).unwrap()) {
        let op = entry.quick.or(op);
        executed.push(op);
        let object = if op == ADD {
            let made = entry.constant.get_or_try_make(|| {
                let object = heap.alloc(Layout::new::<u64>())?.cast::<u64>();
                // SAFETY: a new object of this layout.
                unsafe { object.write(number) };
                Ok::<_, permacode::Error>(object)
            });
            if entry.runs.hit(HOT) {
                entry.quick.set(ADD_MADE);
            }
            made.unwrap()
        } else {
            entry.constant.get().unwrap()
        };
        let slot = entry.slots.get(class, now).unwrap_or_else(|| {
            entry.slots.set(class, now, class as u32);
            class as u32
        });
        // SAFETY: the table's roots keep it alive.
        sum += unsafe { *object.as_ptr() } + u64::from(slot);
    }
    (sum, executed)
}

#[test]
fn entries_change_while_the_code_beside_them_is_sealed_and_a_collector_finds_their_objects() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let table: SideTable<'_, Entry> = SideTable::new(&arena).unwrap();
    let loader = arena.load("m").unwrap();
    let code = |first: u64| {
        let numbers = loader.alloc_slice_fill_iter((0..10_u32).map(|n| first + u64::from(n))).unwrap();
        let ops = loader.alloc_slice_copy(&[ADD; 10]).unwrap();
        loader.alloc(Code { ops, numbers, sites: loader.sites(10).unwrap() }).unwrap()
    };
    let codes = [code(100), code(200), code(300)];
    loader.seal().unwrap();

    let mut now = Version::FIRST;
    let expected = |first: u64, class: u64| (first..first + 10).sum::<u64>() + 10 * class;
    for round in 0..10_u32 {
        for (code, first) in codes[..2].iter().zip([100, 200]) {
            let class = round as usize % 3;
            let (sum, executed) = run(code, &table, &heap, class, now);
            assert_eq!(sum, expected(first, class as u64));
            let op = if round < HOT { ADD } else { ADD_MADE.get() };
            assert_eq!(executed, [op; 10], "round {round}");
        }
        now = if round == 5 { now.next() } else { now };
        // What is not a root goes.
        heap.alloc(Layout::new::<u64>()).unwrap();
        let roots: Vec<NonNull<u64>> = table.walk(|_| true).filter_map(|(_, entry)| entry.constant.get()).collect();
        assert_eq!(roots.len(), 20, "each once, and none for code that did not run");
        roots.iter().for_each(|root| assert_eq!(heap.mark(root.as_ptr()), Some(true)));
        // SAFETY: all that is used from here on is marked.
        unsafe { heap.sweep() };
        heap.clear_marks();
        assert_eq!(heap.stats().objects, 20);
    }
    assert!(codes.iter().all(|code| code.ops == [ADD; 10]), "no instruction was written");
    let unused = table.present(codes[2].sites);
    assert!(unused.iter().all(|entry| entry.constant.get().is_none() && entry.runs.count() == 0));
}
