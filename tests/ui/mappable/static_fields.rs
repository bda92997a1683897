//! soundness S35: a field that is `'static` would lead into an image for longer than the image is there.

use permacode::{Mappable, Permanent};

#[derive(Permanent, Mappable)]
struct Named {
    name: &'static str,
}

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Chosen<'a> {
    Good(&'a str),
    Bad(Option<&'static [u8]>),
}

#[derive(Permanent, Mappable)]
struct Tuple<'a>(&'a u8, (u8, &'static u8));

fn main() {}
