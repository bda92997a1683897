// soundness S12: counts are plain, so what counts stays on its thread.
use permacode::{CodeRef, CodeSlot, Transients};
use permacode::handles::CodeProxy;

fn send<T: Send>() {}
fn share<T: Sync>() {}

fn main() {
    send::<CodeRef<'static, u32>>();
    share::<CodeRef<'static, u32>>();
    send::<CodeSlot<'static, u32>>();
    share::<CodeSlot<'static, u32>>();
    send::<CodeProxy<'static, u32>>();
    share::<CodeProxy<'static, u32>>();
    send::<Transients<'static>>();
    share::<Transients<'static>>();
}
