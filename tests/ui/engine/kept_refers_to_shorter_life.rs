//! soundness S11: what is kept refers to nothing that lives shorter than the reference to it.

use permacode::{CodeArena, SideTable};
use std::cell::Cell;

fn main() {
    let arena: &'static CodeArena = CodeArena::new().unwrap().leak();
    let kept: &'static Cell<&'static str> = {
        let text = String::from("a local text");
        arena.keep(Cell::new(&*text)).unwrap()
    };
    let table: &'static SideTable<'static, Cell<Option<&'static str>>> = SideTable::new(arena).unwrap().keep().unwrap();
    let text = String::from("a local text");
    table.of(arena.load("m").unwrap().sites(1).unwrap()).unwrap()[0].set(Some(&text));
    println!("{}", kept.get());
}
