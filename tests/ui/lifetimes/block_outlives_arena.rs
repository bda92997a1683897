// soundness S11: a block is gone with its arena.
use permacode::CodeArena;

fn main() {
    let text = {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        loader.alloc_str("text").unwrap()
    };
    println!("{text}");
}
