// soundness S11, S18: an arena that is borrowed can be neither dropped nor moved.
use permacode::CodeArena;

fn main() {
    let arena = CodeArena::new().unwrap();
    let number = arena.load("m").unwrap().alloc(7u32).unwrap();
    drop(arena);
    println!("{number}");

    let arena = CodeArena::new().unwrap();
    let number = arena.load("m").unwrap().intern("name").unwrap();
    let moved = arena;
    println!("{number} {moved:?}");
}
