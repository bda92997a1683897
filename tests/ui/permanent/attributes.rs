//! soundness S10: what the derive does not know it does not pass over.

use permacode::Permanent;

#[derive(Permanent)]
#[permanent(send)]
#[permanent(crate = 1)]
#[permanent]
struct OnType<#[permanent(skip)] T> {
    #[permanent(skip)]
    unknown: u8,
    #[permanent(plain = "fn()")]
    value: u8,
    #[permanent(plain, crate = "x")]
    on_the_type: u8,
    #[permanent(plain, plain)]
    twice: fn(),
    #[permanent(plain())]
    parentheses: T,
}

#[derive(Clone, Copy, Permanent)]
#[permanent(plain, plain)]
struct Whole {
    #[permanent(plain)]
    again: u8,
}

#[derive(Permanent)]
#[permanent(crate = "a path")]
struct NoPath;

#[derive(Permanent)]
enum OnVariant {
    #[permanent(crate = "permacode")]
    Variant,
}

fn main() {}
