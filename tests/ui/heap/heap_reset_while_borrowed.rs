use allocator_api2::vec::Vec;
use permacode::{HeapArena, HeapRc};

fn pointer(heap: &mut HeapArena) {
    let pointer = HeapRc::new(heap, 7).unwrap();
    heap.reset().unwrap();
    println!("{pointer}");
}

fn vector(mut heap: HeapArena) {
    let mut vector = Vec::new_in(&heap);
    vector.push(1);
    heap.reset().unwrap();
    vector.push(2);
}

fn walk(mut heap: HeapArena) {
    heap.walk(|_, _| heap.reset().unwrap());
}

fn main() {
    let mut heap = HeapArena::new().unwrap();
    pointer(&mut heap);
    vector(heap);
    walk(HeapArena::new().unwrap());
}
