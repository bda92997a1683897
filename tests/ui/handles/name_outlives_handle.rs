//! soundness S28: a name of transient code is no key of a map that outlives the code; its address goes to another name.

use std::collections::HashMap;

use permacode::{CodeArena, CodeRef, HeapArena, Name, Transients};

fn main() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let transients = Transients::new(&arena, &heap);
    let mut globals: HashMap<Name<'_>, u32> = HashMap::new();
    let code: CodeRef<'_, (Name<'_>, u32)> =
        CodeRef::transient(&transients, |loader| loader.alloc((loader.intern_name("password")?, 0))).unwrap();
    globals.insert(code.get().0, 1);
    drop(code);
    assert_eq!(globals.get("greeting"), None);
}
