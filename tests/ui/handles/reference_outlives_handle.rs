// soundness S11: what is read through a handle is gone with it, however deep it lies.
use permacode::{CodeArena, CodeRef, HeapArena, Permanent, Transients};

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
}

fn main() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let transients = Transients::new(&arena, &heap);
    let make = || -> CodeRef<'_, Code<'_>> {
        CodeRef::transient(&transients, |loader| loader.alloc(Code { name: loader.alloc_str("eval")? })).unwrap()
    };

    let handle = make();
    let code = handle.get();
    drop(handle);
    println!("{}", code.name);

    let handle = make();
    let name: &str = handle.get().name;
    drop(handle);
    println!("{name}");

    let name = make().get().name;
    println!("{name}");
}
