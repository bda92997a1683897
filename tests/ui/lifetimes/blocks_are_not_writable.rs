// soundness S19: only `&T` leaves a loader.
use permacode::CodeArena;

fn main() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let number: &u32 = loader.alloc(1).unwrap();
    *number = 2;
    let numbers = loader.alloc_slice_copy(&[1, 2, 3]).unwrap();
    numbers[0] = 4;
}
