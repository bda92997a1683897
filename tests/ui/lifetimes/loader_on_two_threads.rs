// soundness S12: a loader may be sent, not shared.
use permacode::CodeArena;

fn main() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    std::thread::scope(|threads| {
        threads.spawn(|| loader.alloc(1u8).unwrap());
        threads.spawn(|| loader.alloc(2u8).unwrap());
    });
}
