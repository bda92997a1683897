//! Entries begin as zeros, which must be one. The compiler says what to write instead.

use permacode::{CodeArena, SideTable};
use std::cell::Cell;

#[derive(Clone, Copy)]
enum Cache {
    Empty,
    Full(u32),
}

fn main() {
    let arena = CodeArena::new().unwrap();
    let _table: SideTable<'_, Cell<&'static u8>> = SideTable::new(&arena).unwrap();
    let _table: SideTable<'_, Cell<Option<usize>>> = SideTable::new(&arena).unwrap();
    let _table: SideTable<'_, Cell<Cache>> = SideTable::builder(&arena).build().unwrap();
    let _caches = [Cache::Empty, Cache::Full(1)];
}
