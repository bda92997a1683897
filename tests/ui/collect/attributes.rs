//! Attributes and types that are refused by sight, each with what to do.

use permacode::Gc;
use permacode::kit::Collect;

#[derive(Collect)]
#[collect(plain)]
struct OnTheType<'h>(Gc<'h, u8>);

#[derive(Collect)]
struct Unknown<'h> {
    #[collect(skip)]
    field: Gc<'h, u8>,
    #[collect(unsafe_skip, unsafe_skip)]
    twice: u8,
    #[collect(plain)]
    #[collect(unsafe_skip)]
    both: u8,
}

#[derive(Collect)]
enum OnAVariant<'h> {
    #[collect(unsafe_skip)]
    One(Gc<'h, u8>),
}

#[derive(Collect)]
#[repr(C, packed)]
struct Packed<'h>(u8, Gc<'h, u8>);

#[derive(Collect)]
union Either<'h> {
    number: u64,
    object: Gc<'h, u8>,
}

fn main() {}
