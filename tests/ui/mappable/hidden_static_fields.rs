//! soundness S35: the same behind an alias, a generic argument, an `Option`, a tuple, and in a type that is plain as a whole.

use permacode::{Link, Mappable, Permanent};

type Text = &'static str;

#[derive(Permanent, Mappable)]
struct Alias {
    name: Text,
}

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Variant<'a> {
    Good(&'a str),
    Bad(Option<Text>),
}

#[derive(Permanent, Mappable)]
struct Tuple(u8, (u8, Text));

#[derive(Permanent, Mappable)]
struct Wrapper<T>(T);

#[derive(Permanent, Mappable)]
struct Argument<'a>(&'a u8, Wrapper<Text>);

#[derive(Permanent, Mappable)]
struct Linked(Link<'static, u8>);

#[derive(Clone, Copy, Permanent, Mappable)]
#[permanent(plain)]
struct Plain {
    name: Text,
}

#[derive(Permanent, Mappable)]
struct PlainField {
    #[permanent(plain)]
    name: Text,
}

/// A module that is called as the crate, and has a trait of its own that is called `Permanent`.
mod fake {
    pub use permacode::{Mappable, Sites, code, image};

    pub trait Permanent {
        type At<'x>;
    }
    impl<T> Permanent for T {
        type At<'x> = T;
    }
}

#[derive(Mappable)]
#[permanent(crate = "fake")]
struct Faked {
    name: Text,
}

// SAFETY: text, which is traced.
unsafe impl Permanent for Faked {
    type At<'x> = Faked;

    fn trace(&self, tracer: &mut permacode::code::Tracer<'_>) {
        self.name.trace(tracer);
    }
}

fn main() {}
