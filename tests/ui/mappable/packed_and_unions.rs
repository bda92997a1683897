use permacode::{Mappable, Permanent};

#[derive(Clone, Copy, Permanent, Mappable)]
#[permanent(plain)]
#[repr(C, packed)]
struct Op {
    code: u8,
    argument: u32,
}

#[derive(Clone, Copy, Permanent, Mappable)]
#[permanent(plain)]
union Bits {
    float: f32,
    int: u32,
}

fn main() {}
