//! A table of cells serves one thread.

use permacode::{CodeArena, SideTable};
use permacode::side::InlineCache;

fn main() {
    let arena = CodeArena::new().unwrap();
    let table: SideTable<'_, InlineCache<u32>> = SideTable::new(&arena).unwrap();
    let sites = arena.load("m").unwrap().sites(1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| table.of(sites).unwrap()[0].clear());
    });
}
