// A proxy answers; it gives no pointer, no reference, no handle, and no write.
use permacode::{CodeArena, CodeRef, Permanent};

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
}
use permacode::handles::CodeProxy;

fn main() {
    let arena = CodeArena::new().unwrap();
    let code: &Code<'_> = arena.load("m").unwrap().alloc(Code { name: "f" }).unwrap();
    let proxy = CodeProxy::new(&arena, CodeRef::new(code), |code: &Code<'_>| code.name).unwrap();
    let _ = proxy.get();
    let _ = proxy.permanent();
    let _ = proxy.as_ptr();
    let _ = proxy.promote(&arena.load("m").unwrap());
    let _: &Code<'_> = &*proxy;
    let _: &CodeRef<'_, Code<'_>> = &proxy.code;
    let _: CodeRef<'_, Code<'_>> = proxy.into();
}
