//! soundness S10: what the derive does not know it does not pass over.

use permacode::Permanent;

#[derive(Permanent)]
#[permanent(send)]
#[permanent(crate = 1)]
#[permanent]
struct OnType<#[permanent(skip)] T> {
    #[permanent(skip)]
    unknown: u8,
    #[permanent(fn_pointer = "Handler")]
    no_pointer: u8,
    #[permanent(fn_pointer = "fn(", crate = "x")]
    no_type: u8,
    #[permanent(fn_pointer = "fn()", fn_pointer = "fn()")]
    twice: fn(),
    #[permanent(fn_pointer)]
    no_value: T,
    #[permanent(fn_pointer = "")]
    empty: u8,
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
