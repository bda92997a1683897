//! soundness S12: threads do not share an engine, although its machine may go from one to the other.

use permacode::kit::Machine;
use permacode::{DualArena, Engine, Error};

struct Text<'a>(&'a str);

impl Machine for Text<'_> {
    type At<'a> = Text<'a>;
}

fn main() {
    let make = || Engine::<Text<'_>>::new(DualArena::new().unwrap(), |_| Ok::<_, Error>(Text("text"))).unwrap();
    let (text, other) = (make(), make());
    std::thread::scope(|scope| {
        scope.spawn(|| println!("{text:?}"));
        scope.spawn(move || drop(other)); // this one may go
    });
}
