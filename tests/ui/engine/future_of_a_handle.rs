//! soundness S12: a task that holds a counted handle, an object or a heap over an `await` goes to no other thread.

use permacode::{CodeRef, Gc, HeapArena};

async fn handle(code: CodeRef<'static, u32>) -> u32 {
    std::future::ready(()).await;
    *code.get()
}

async fn object(object: Gc<'static, u32>) -> u32 {
    std::future::ready(()).await;
    *object
}

fn send<T: Send>(_: T) {}

fn spawn(heap: &'static HeapArena, code: CodeRef<'static, u32>) {
    send(handle(code));
    send(object(Gc::new(heap, 7).unwrap()));
}

fn main() {}
