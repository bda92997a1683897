//! soundness S41: no second call while one runs, and no arenas seen over a call.

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
    engine.enter(|vm| {
        println!("{}", vm.text);
        engine.enter(|again| again.text = "again");
    });
    let arenas = engine.arenas();
    engine.enter(|vm| vm.text = "other");
    println!("{arenas:?}");
}
