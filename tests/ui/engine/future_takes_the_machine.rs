//! soundness S11, S41: no future takes the machine out of a call.

use permacode::kit::Machine;
use permacode::{DualArena, Engine};

struct Vm<'a>(&'a DualArena);

impl Machine for Vm<'_> {
    type At<'a> = Vm<'a>;
}

fn run(engine: &mut Engine<Vm<'static>>) -> impl Future<Output = usize> {
    engine.enter(|vm| async { vm.0.code.stats().modules })
}

fn main() {}
