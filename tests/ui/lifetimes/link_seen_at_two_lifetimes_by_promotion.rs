// soundness S25: `CodeRef::promote` would show the link at the arena's lifetime, to be set there and read as `'static`.
use permacode::{CodeArena, CodeRef, Link};

fn escape(arena: &CodeArena) -> &'static [u64; 4] {
    let loader = arena.load("m").unwrap();
    let long: &Link<'static, [u64; 4]> = loader.alloc(Link::unset()).unwrap();
    let short: &Link<'_, [u64; 4]> = CodeRef::new(long).promote(&loader).unwrap();
    loader.link(short, loader.alloc([1, 2, 3, 4]).unwrap()).unwrap();
    long.get().unwrap()
}

fn main() {
    let arena = CodeArena::new().unwrap();
    let dangling: &'static [u64; 4] = escape(&arena);
    drop(arena);
    println!("{dangling:?}");
}
