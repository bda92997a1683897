// soundness S11: transient code takes nothing that lives shorter than it might.
use permacode::{CodeArena, CodeRef, Error, HeapArena, Permanent, Transients};

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
}

fn main() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let transients = Transients::new(&arena, &heap);
    let name = String::from("short");
    let code: Result<CodeRef<'_, Code<'_>>, Error> =
        CodeRef::transient(&transients, |loader| loader.alloc(Code { name: &name }));
    drop(code);

    let permanent: &Code<'_> = arena.load("m").unwrap().alloc(Code { name: "permanent" }).unwrap();
    let code: Result<CodeRef<'_, Code<'_>>, Error> = CodeRef::transient(&transients, |_| Ok(permanent));
    drop(code);
}
