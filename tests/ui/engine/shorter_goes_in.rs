//! soundness S11: what lives shorter than the engine does not go into its machine.

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
    let text = String::from("a local text");
    engine.enter(|vm| vm.text = &text);
    let arenas = DualArena::new().unwrap();
    engine.enter(|vm| *vm = Vm::new(&arenas).unwrap());
    drop((text, arenas));
    engine.enter(|vm| println!("{}", vm.text));
}
