// Nothing is added to a finished module.
use permacode::CodeArena;

fn main() {
    let arena = CodeArena::new().unwrap();
    let module = arena.load("finished").unwrap().finish();
    module.alloc(1u8).unwrap();
}
