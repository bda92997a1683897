// soundness S25: `CodeRef::get` alone would do, with a handle that is leaked.
use permacode::{CodeArena, CodeRef, Link, Loader};

fn escape<'a>(loader: &Loader<'a>) -> &'static [u64; 4] {
    let long: &'a Link<'static, [u64; 4]> = loader.alloc(Link::unset()).unwrap();
    let handle: &'a CodeRef<'a, Link<'static, [u64; 4]>> = Box::leak(Box::new(CodeRef::new(long)));
    let short: &'a Link<'a, [u64; 4]> = handle.get();
    loader.link(short, loader.alloc([1, 2, 3, 4]).unwrap()).unwrap();
    long.get().unwrap()
}

fn main() {
    let arena = CodeArena::new().unwrap();
    let dangling = escape(&arena.load("m").unwrap());
    drop(arena);
    println!("{dangling:?}");
}
