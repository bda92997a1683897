//! soundness S11, S19: nothing in a plain field lives shorter than `'static`.

use permacode::{Name, Permanent};

#[derive(Clone, Copy)]
struct Foreign<'a>(&'a u8);

type Keep<'a> = fn(&'a str);

#[derive(Permanent)]
struct Reference<'a>(#[permanent(plain)] &'a u8);

#[derive(Permanent)]
struct Wrapped<'a> {
    #[permanent(plain)]
    foreign: Option<Foreign<'a>>,
}

#[derive(Permanent)]
enum Named<'a> {
    Name(#[permanent(plain)] Name<'a>),
}

// Behind `&`, this field would pass as its supertype `fn(&'static str)`.
#[derive(Permanent)]
struct Argument<'a>(&'a str, #[permanent(plain)] Keep<'a>);

#[derive(Permanent)]
struct Parameter<T>(#[permanent(plain)] Option<T>);

fn main() {}
