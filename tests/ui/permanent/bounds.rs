//! soundness S11: a parameter with a bound of its own has no lifetimes; a bound that names one holds for all.

use permacode::Permanent;

#[derive(Permanent)]
struct Cloned<T: Clone>(T);

fn permanent<T: Permanent>(_: T) {}

fn use_it<'a>(text: &'a str) {
    permanent(Cloned(1));
    permanent(Cloned(text));
}

trait Lookup<'k> {}

#[derive(Permanent)]
struct Map<'k, K: Lookup<'k>>(&'k str, K);

fn main() {}
