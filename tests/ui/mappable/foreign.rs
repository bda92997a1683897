use permacode::{Mappable, Permanent, Plain};
use std::time::Duration;

#[derive(Permanent, Mappable)]
struct Timer<'a> {
    name: &'a str,
    #[permanent(plain)]
    after: Duration,
    then: &'a [Plain<u8>],
}

fn main() {}
