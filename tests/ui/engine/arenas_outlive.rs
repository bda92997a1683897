//! soundness S11: arenas that an engine shows are gone with it, and when they are taken back.

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
    let (one, other) = (engine(), engine());
    let (first, second) = (one.arenas(), other.arenas());
    drop(one);
    let back = other.into_arenas();
    println!("{first:?} {second:?} {back:?}");
}
