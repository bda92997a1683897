//! soundness S11, S41: nothing that a machine borrows goes into a variable outside, from `enter` or from `make`.

use permacode::kit::Machine;
use permacode::{DualArena, Engine, Error};

struct Vm<'a> {
    arenas: &'a DualArena,
    text: &'a str,
}

impl Machine for Vm<'_> {
    type At<'a> = Vm<'a>;
}

impl<'a> Vm<'a> {
    fn new(arenas: &'a DualArena) -> Result<Self, Error> {
        Ok(Self { arenas, text: arenas.code.load("m")?.alloc_str("text")? })
    }
}

fn engine() -> Engine<Vm<'static>> {
    Engine::<Vm<'_>>::new(DualArena::new().unwrap(), |arenas| Vm::new(arenas)).unwrap()
}

fn main() {
    let mut engine = engine();
    let mut text = None;
    engine.enter(|vm| text = Some(vm.text));
    let mut seen = None;
    let other = Engine::<Vm<'_>>::new(DualArena::new().unwrap(), |arenas| {
        seen = Some(arenas);
        Vm::new(arenas)
    });
    drop((engine, other));
    println!("{text:?} {seen:?}");
}
