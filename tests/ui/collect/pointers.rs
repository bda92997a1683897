//! soundness S11, S18: a pointer outlives neither its heap, nor a reset, nor what its object borrows.

use permacode::{Gc, HeapArena};

fn outlives() -> Gc<'static, u8> {
    let heap = HeapArena::new().unwrap();
    Gc::new(&heap, 7).unwrap()
}

fn holds_what_is_gone(heap: &HeapArena) -> Gc<'_, &u8> {
    let number = 7;
    Gc::new(heap, &number).unwrap()
}

fn main() {
    let mut heap = HeapArena::new().unwrap();
    let number = Gc::new(&heap, 7).unwrap();
    heap.reset().unwrap();
    println!("{number}");
}
