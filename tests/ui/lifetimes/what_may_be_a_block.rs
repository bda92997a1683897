// soundness S10, S19: cells and owners are no blocks.
use permacode::CodeArena;
use std::cell::Cell;
use std::sync::atomic::AtomicU32;

fn main() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    loader.alloc(Cell::new(1)).unwrap();
    loader.alloc(AtomicU32::new(1)).unwrap();
    loader.alloc(String::new()).unwrap();
    loader.alloc(&Cell::new(1)).unwrap();
    loader.alloc_slice_fill_iter([Box::new(1)]).unwrap();
}
