//! Heap objects are their thread's, and so is a table that refers to them.

use permacode::{CodeArena, SideTable};
use permacode::side::LazyConstant;

fn main() {
    let arena = CodeArena::new().unwrap();
    let table: SideTable<'_, LazyConstant<u32>> = SideTable::new(&arena).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(table));
    });
}
