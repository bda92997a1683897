//! Closures that catch a panic around an evaluation need no `AssertUnwindSafe` for what this crate gives them.

use permacode::code::{CodeArenaBuilder, Location, Modules, NativeModule, SharedBytes};
use permacode::handles::{AtomicCodeSlot, CodeProxy, CodeRc, CodeRcSlot, Home};
use permacode::heap::{GlobalHeap, HeapArenaBuilder, Registration};
use permacode::side::{CallCounter, InlineCache, SideTableBuilder};
use permacode::{
    CodeArena, CodeRef, CodeSlot, DualArena, HeapArena, HeapRc, Link, Loader, Module, OpenModule, SideTable, Transients,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU32;

// Arenas, and what is made with them.
assert_impl_all!(CodeArena: UnwindSafe, RefUnwindSafe);
assert_impl_all!(CodeArenaBuilder: UnwindSafe, RefUnwindSafe);
assert_impl_all!(Loader<'static>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(OpenModule<'static>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(NativeModule<'static>: UnwindSafe, RefUnwindSafe, Send);
assert_impl_all!(Module<'static>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(Modules<'static>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(Location<'static>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(SharedBytes: UnwindSafe, RefUnwindSafe);
assert_impl_all!(Link<'static, u64>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(HeapArena: UnwindSafe, RefUnwindSafe);
assert_impl_all!(HeapArenaBuilder: UnwindSafe, RefUnwindSafe);
assert_impl_all!(GlobalHeap: UnwindSafe, RefUnwindSafe);
assert_impl_all!(Registration<'static>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(HeapRc<'static, u64>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(DualArena: UnwindSafe, RefUnwindSafe);

// Handles. What they refer to never changes.
assert_impl_all!(CodeRef<'static, u64>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(CodeProxy<'static, u64>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(AtomicCodeSlot<'static, u64>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(Transients<'static>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(Home: UnwindSafe, RefUnwindSafe);
assert_impl_all!(CodeRc<u64>: UnwindSafe, RefUnwindSafe);

// A table is what its entries are.
assert_impl_all!(SideTable<'static, AtomicU32>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(SideTableBuilder<'static, AtomicU32>: UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(SideTable<'static, Cell<u32>>: RefUnwindSafe);

// Cells of the user's, as those of the standard library: a panic between two changes may leave one without the other.
assert_not_impl_any!(CodeSlot<'static, u64>: RefUnwindSafe);
assert_not_impl_any!(CodeRcSlot<u64>: RefUnwindSafe);
assert_not_impl_any!(HeapRc<'static, Cell<u32>>: UnwindSafe);
assert_not_impl_any!(InlineCache<u32>: RefUnwindSafe);
assert_not_impl_any!(CallCounter: RefUnwindSafe);

#[test]
fn a_panic_in_an_evaluation_is_caught_as_it_stands_and_all_goes_on() {
    let arenas = DualArena::new().unwrap();
    let (code, heap) = (&arenas.code, &arenas.heap);
    let transients = Transients::new(code, heap);
    let loader = code.load("m").unwrap();
    let number = loader.alloc(41u64).unwrap();
    for round in 0..3 {
        let caught = catch_unwind(|| {
            let shared = HeapRc::new(heap, *number + 1).unwrap();
            let eval: CodeRef<'_, u64> = CodeRef::transient(&transients, |l| {
                let code = l.alloc(*shared)?;
                assert!(round != 1, "half-way");
                Ok::<_, permacode::Error>(code)
            })
            .unwrap();
            loader.alloc(*eval.get()).unwrap()
        });
        assert_eq!(caught.ok(), (round != 1).then_some(&42));
    }
    assert_eq!((transients.stats().regions, heap.stats().objects, loader.bytes()), (0, 0, 3 * 8));
}
