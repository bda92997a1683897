//! soundness S11, S41: the machines of two engines have two lifetimes.

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
    let (mut one, mut other) = (engine(), engine());
    one.enter(|one| other.enter(|other| std::mem::swap(one, other)));
    one.enter(|one| other.enter(|other| one.text = other.text));
}
