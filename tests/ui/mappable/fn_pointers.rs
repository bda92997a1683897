use permacode::{Mappable, Permanent};

type Handler = fn(u8) -> u8;

#[derive(Permanent, Mappable)]
struct Builtin<'a> {
    name: &'a str,
    run: fn(&mut u8),
}

#[derive(Permanent, Mappable)]
struct Aliased<'a> {
    name: &'a str,
    run: Handler,
}

fn main() {}
