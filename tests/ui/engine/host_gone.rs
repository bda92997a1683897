//! soundness S11: a host that a machine borrows from outlives the engine, since the machine's destructor sees it.

use permacode::kit::Machine;
use permacode::{DualArena, Engine, Error};

struct Vm<'a, 'host> {
    arenas: &'a DualArena,
    printed: &'host str,
}

impl<'host> Machine for Vm<'_, 'host> {
    type At<'a> = Vm<'a, 'host>;
}

fn main() {
    let _engine;
    let printed = String::from("text");
    _engine = Engine::<Vm<'_, '_>>::new(DualArena::new().unwrap(), |arenas| {
        Ok::<_, Error>(Vm { arenas, printed: &printed })
    });
}
