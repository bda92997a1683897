use permacode::{Mappable, Permanent};

type Number = u32;

#[derive(Permanent, Mappable)]
struct Line<'a> {
    text: &'a str,
    number: Option<Number>,
}

fn main() {}
