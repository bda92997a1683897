//! soundness S11: a `fn` pointer is contravariant: at a shorter lifetime it would take shorter borrows.

use std::marker::PhantomData;

use permacode::Permanent;

#[derive(Permanent)]
struct Spelled<'a> {
    name: &'a str,
    keep: fn(&'a str),
    nested: for<'x> fn(&'x u8, fn() -> &'a str),
    maybe: Option<fn(&'a str)>,
    phantom: PhantomData<fn(&'a str) -> &'a str>,
    alias: fn(Alias<'a>),
}

type Alias<'a> = &'a str;

fn main() {}
