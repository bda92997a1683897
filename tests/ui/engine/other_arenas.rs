//! soundness S11: `make` returns a machine of the engine's own arenas, or of arenas that live for ever.

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
    let other = DualArena::new().unwrap();
    let engine = Engine::<Vm<'_>>::new(DualArena::new().unwrap(), |_| Vm::new(&other));
    drop(other);
    engine.unwrap().enter(|vm| println!("{}", vm.text));
}
