// soundness S11: a part is found within the code, and does not leave the closure that finds it.
use permacode::{CodeArena, CodeRef, HeapArena, Permanent, Transients};

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
}

fn main() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let transients = Transients::new(&arena, &heap);
    let outer: CodeRef<'_, (u32, Code<'_>)> =
        CodeRef::transient(&transients, |loader| loader.alloc((1, Code { name: loader.alloc_str("eval")? }))).unwrap();
    let mut kept = None;
    let own = Code { name: "own" };
    let _ = outer.project::<Code<'_>>(|pair| {
        kept = Some(pair.1.name);
        Some(&own)
    });
    drop(outer);
    println!("{kept:?}");
}
