//! soundness S12: a pointer goes to no other thread, nor does an object.

use permacode::{Gc, HeapArena};

fn main() {
    let heap: &'static HeapArena = HeapArena::new().unwrap().leak();
    let number = Gc::new(heap, 7).unwrap();
    std::thread::spawn(move || println!("{number}"));
}
