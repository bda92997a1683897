// soundness S11: what is put in through one reference comes out through another.
use permacode::{CodeRef, CodeSlot};
use permacode::handles::AtomicCodeSlot;

fn main() {
    static LONG: u32 = 1;
    let atomic: AtomicCodeSlot<'static, u32> = AtomicCodeSlot::new(&LONG);
    let plain: CodeSlot<'static, u32> = CodeSlot::new(CodeRef::new(&LONG));
    {
        let short = 2u32;
        atomic.replace(&short);
        plain.replace(CodeRef::new(&short));
        fn shorten<'s>(slot: &'s AtomicCodeSlot<'static, u32>) -> &'s AtomicCodeSlot<'s, u32> {
            slot
        }
        shorten(&atomic).replace(&short);
    }
    println!("{} {}", atomic.get(), plain.get().get());
}
