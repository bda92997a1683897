// soundness S11: only a leaked arena gives `&'static`.
use permacode::CodeArena;

fn forever(arena: &CodeArena) -> &'static str {
    arena.load("m").unwrap().alloc_str("text").unwrap()
}

fn main() {
    forever(&CodeArena::new().unwrap());
}
