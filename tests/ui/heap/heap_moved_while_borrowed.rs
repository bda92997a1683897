use allocator_api2::vec::Vec;
use permacode::{HeapArena, HeapRc};

fn main() {
    let heap = HeapArena::new().unwrap();
    let pointer = HeapRc::new(&heap, 7).unwrap();
    let moved = heap;
    println!("{pointer} {moved:?}");

    let heap = HeapArena::new().unwrap();
    let vector: Vec<u8, _> = Vec::new_in(&heap);
    let leaked = heap.leak();
    println!("{vector:?} {leaked:?}");

    let heap = HeapArena::new().unwrap();
    let registered = heap.register().unwrap();
    drop(heap);
    drop(registered);
}
