//! The kit: a collector, what it can look into, when it runs, and what it does where something is refused.

mod collector;
mod deep;
mod derive;
mod engine;
mod engine_elsewhere;
mod engine_ends;
mod example;
mod flat;
mod fork;
mod keep;
mod model;
mod pacer;
mod refused;
mod transients;

#[global_allocator]
static ALLOCATOR: permacode_witness::Refusing = permacode_witness::Refusing;

/// A heap that is small enough for many tests at once.
fn heap() -> permacode::HeapArena {
    permacode::HeapArena::builder().reservation(64 << 20).build().unwrap()
}

/// Allocates at the places of objects that are gone, and writes there.
fn disturb(heap: &permacode::HeapArena, size: usize) {
    let layout = std::alloc::Layout::from_size_align(size, 8).unwrap();
    let count = (4 << 20) / size.max(400);
    let places: Vec<_> = (0..count).map(|_| heap.alloc(layout).unwrap()).collect();
    // SAFETY: new objects of this layout, which are given back once.
    places.iter().for_each(|place| unsafe { place.write_bytes(0xdb, size) });
    // SAFETY: as above.
    places.into_iter().for_each(|place| unsafe { heap.free(place, layout) });
}
