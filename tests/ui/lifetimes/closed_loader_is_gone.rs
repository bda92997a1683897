// soundness S11: a closed loader takes no more blocks, and a failed seal does not give it back.
use permacode::CodeArena;

fn main() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("finished").unwrap();
    loader.finish();
    loader.alloc(1u8).unwrap();

    let loader = arena.load("sealed").unwrap();
    let _ = loader.seal();
    loader.intern("late").unwrap();
}
