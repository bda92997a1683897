//! soundness S10: a machine is made for every lifetime, not for one; and the name of a function of an `impl<'a>` does not do.

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

struct Leaked(Vm<'static>);

impl Machine for Leaked {
    type At<'a> = Vm<'static>;
}

fn main() {
    let made = Engine::<Leaked>::new(DualArena::new().unwrap(), |arenas| Vm::new(arenas));
    drop(made.map(|_| Leaked));
    drop(Engine::<Vm<'_>>::new(DualArena::new().unwrap(), Vm::new));
}
