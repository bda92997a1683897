// soundness S11: blocks of a region do not leave the lowering function but as its result.
use permacode::{CodeArena, CodeRef, Error, HeapArena, Permanent, Transients};

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
}

fn main() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let transients = Transients::new(&arena, &heap);

    let mut kept: Option<&Code<'_>> = None;
    let code: Result<CodeRef<'_, Code<'_>>, Error> = CodeRef::transient(&transients, |loader| {
        let code = loader.alloc(Code { name: "eval" })?;
        kept = Some(code);
        Ok(code)
    });
    drop(code);
    println!("{}", kept.unwrap().name);

    let module = arena.load("m").unwrap();
    let code: Result<CodeRef<'_, Code<'_>>, Error> = CodeRef::transient(&transients, |loader| {
        let name = loader.alloc_str("eval")?;
        module.alloc(Code { name })?;
        loader.alloc(Code { name })
    });
    drop(code);

    let code: Result<CodeRef<'_, Code<'_>>, Error> = CodeRef::transient(&transients, |outer| {
        let name = outer.alloc_str("outer")?;
        let inner: CodeRef<'_, Code<'_>> = CodeRef::transient(&transients, |inner| inner.alloc(Code { name }))?;
        drop(inner);
        outer.alloc(Code { name })
    });
    drop(code);
}
