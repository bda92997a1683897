// soundness S11
use permacode::{CodeArena, CodeRef, HeapArena, Permanent, Transients};

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
}

fn eval<'t>(transients: &'t Transients<'t>) -> CodeRef<'t, Code<'t>> {
    CodeRef::transient(transients, |loader| loader.alloc(Code { name: loader.alloc_str("eval")? })).unwrap()
}

fn main() {
    let without_transients = {
        let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
        let (arena, heap) = (&*Box::leak(Box::new(arena)), &*Box::leak(Box::new(heap)));
        let transients = Transients::new(arena, heap);
        eval(&transients)
    };
    println!("{}", without_transients.get().name);

    let arena = CodeArena::new().unwrap();
    let without_heap;
    {
        let heap = HeapArena::new().unwrap();
        let transients = Transients::new(&arena, &heap);
        without_heap = eval(&transients);
        drop(heap);
    }
    println!("{}", without_heap.get().name);

    let without_arena = {
        let arena = CodeArena::new().unwrap();
        let name: &str = arena.load("m").unwrap().alloc_str("permanent").unwrap();
        let code: &Code<'_> = arena.load("m").unwrap().alloc(Code { name }).unwrap();
        CodeRef::new(code)
    };
    println!("{}", without_arena.get().name);
}
