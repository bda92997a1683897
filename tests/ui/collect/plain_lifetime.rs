//! `plain` is `'static`: what is borrowed for less may hold anything.

use permacode::kit::Collect;

#[derive(Collect)]
struct Native<'h> {
    #[collect(plain)]
    borrowed: &'h str,
}

fn main() {}
