//! soundness S19: a generic type is permanent only for permanent parameters.

use std::cell::Cell;

use permacode::Permanent;

#[derive(Permanent)]
struct Wrapper<T>(T);

#[derive(Permanent)]
struct Code {
    direct: Wrapper<Cell<u8>>,
    deeper: Option<(u8, [Wrapper<Option<Cell<u8>>>; 2])>,
}

#[derive(Permanent)]
struct Assumed<T: Iterator>(T::Item);

fn main() {}
