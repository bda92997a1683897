//! soundness S11, S12: a thread that outlives the call gets nothing of the machine, nor does a scoped one.

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
        let text = vm.text;
        std::thread::spawn(move || println!("{text}"));
    });
    std::thread::scope(|scope| {
        engine.enter(|vm| {
            let text = vm.text;
            scope.spawn(move || println!("{text}"));
        });
    });
}
