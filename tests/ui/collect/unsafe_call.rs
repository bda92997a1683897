//! A collection is a promise about what is used afterwards.

use permacode::{CodeArena, Gc, HeapArena, Transients};

fn main() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let transients = Transients::new(&arena, &heap);
    let number = Gc::new(&heap, 7).unwrap();
    heap.collect(|marker| marker.trace(&number)).unwrap();
    transients.collect(|marker| marker.trace(&number)).unwrap();
}
