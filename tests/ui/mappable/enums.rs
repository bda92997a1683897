use permacode::{Mappable, Permanent};

#[derive(Permanent, Mappable)]
enum Loose<'a> {
    Nil,
    Str(&'a str),
}

#[derive(Permanent, Mappable)]
#[repr(C)]
enum OfC {
    A,
    B,
}

#[derive(Permanent, Mappable)]
enum Nothing {}

fn main() {}
