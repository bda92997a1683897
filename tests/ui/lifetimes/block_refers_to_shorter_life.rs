// soundness S11: a block takes no reference that lives shorter than the arena is borrowed.
use permacode::CodeArena;

fn main() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let block: &(u8, &str) = {
        let text = String::from("short");
        loader.alloc((1, text.as_str())).unwrap()
    };
    println!("{}", block.1);
}
