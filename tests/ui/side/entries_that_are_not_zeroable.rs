//! Entries begin as zeros, which must be one.

use permacode::{CodeArena, SideTable};
use std::cell::Cell;

fn main() {
    let arena = CodeArena::new().unwrap();
    let _table: SideTable<'_, Cell<&'static u8>> = SideTable::new(&arena).unwrap();
}
