//! No loader of an evaluation goes to another thread, and no reference gets into its code, or out of an owner or a slot (soundness S11, S12).

use permacode::owned::{OwnedSlot, SharedHome};
use permacode::{CodeArena, Error, Owned, Sites};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

fn home() -> Arc<SharedHome> {
    Arc::new(SharedHome::new(Arc::new(CodeArena::new().unwrap())))
}

fn the_loader_goes_to_a_thread() -> Result<Owned<u32>, Error> {
    Owned::transient(&home(), |loader| thread::scope(|scope| scope.spawn(|| loader.alloc(7)).join().unwrap()))
}

fn the_loader_stays_with_a_thread(kept: &mut Option<&permacode::Loader<'static>>) -> Result<Owned<u32>, Error> {
    Owned::transient(&home(), |loader| {
        *kept = Some(loader);
        loader.alloc(7)
    })
}

fn code_refers_to_a_local() -> Result<Owned<&'static u32>, Error> {
    let local = 7;
    Owned::transient(&home(), |loader| loader.alloc(&local))
}

fn code_refers_to_what_is_borrowed(text: &str) -> Result<Owned<str>, Error> {
    Owned::transient(&home(), |_| Ok(text))
}

fn a_block_leaves_its_lowering() -> &'static u32 {
    let mut out = None;
    let _ = Owned::<u32>::transient(&home(), |loader| {
        out = Some(loader.alloc(7)?);
        loader.alloc(8)
    });
    out.unwrap()
}

fn code_outlives_its_owner(owner: Owned<str>) -> usize {
    let text = owner.get();
    drop(owner);
    text.len()
}

fn code_outlives_its_promotion(owner: &Owned<u32>) -> &u32 {
    owner.promote("m").unwrap().get()
}

fn code_outlives_what_a_slot_gave(slot: &OwnedSlot<str>) -> &str {
    slot.get().get()
}

fn a_slot_outlives_no_borrow(slot: OwnedSlot<str>) -> usize {
    let owner = thread::scope(|_| slot.get());
    let text = owner.get();
    drop((slot, owner));
    text.len()
}

fn a_closure_of_one_thread_clears() -> Result<SharedHome, Error> {
    let cleared = Rc::new(7);
    SharedHome::new(Arc::new(CodeArena::new()?)).clearing(move |_: Sites| assert_eq!(*cleared, 7))
}

fn a_closure_that_borrows_clears(count: &std::sync::atomic::AtomicU32) -> Result<SharedHome, Error> {
    SharedHome::new(Arc::new(CodeArena::new()?)).clearing(|_| drop(count.load(std::sync::atomic::Ordering::Relaxed)))
}

fn main() {}
