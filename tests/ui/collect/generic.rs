//! A parameter that is not bound is by the derive; what is put into the heap must be `Collect`.

use permacode::kit::Collect;
use permacode::{Gc, HeapArena};

#[derive(Collect)]
struct Pair<'h, T>(Gc<'h, T>, T);

struct Foreign;

fn main() {
    let heap = HeapArena::new().unwrap();
    let _ = Gc::new(&heap, Foreign);
    let _: Option<Pair<'_, Foreign>> = None;
    heap.mark_from(|marker| marker.trace(&None::<Pair<'_, Foreign>>)).unwrap();
    heap.mark_from(|marker| marker.trace(&vec![Gc::new(&heap, 1)])).unwrap();
}
