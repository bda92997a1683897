//! soundness S12: an engine goes to no other thread if something in its machine does not.

use permacode::kit::Machine;
use permacode::{DualArena, Engine};
use std::cell::Cell;

struct Vm<'a>(&'a Cell<u32>);

impl Machine for Vm<'_> {
    type At<'a> = Vm<'a>;
}

fn main() {
    let made = Engine::<Vm<'_>>::new(DualArena::new().unwrap(), |arenas| arenas.code.keep(Cell::new(7)).map(Vm));
    let mut engine = made.unwrap();
    std::thread::spawn(move || engine.enter(|vm| vm.0.set(8)));
}
