//! soundness S17: numbers that nothing could find are refused where the derive sees them.

use permacode::{Permanent, Sites};

type Numbers = Sites;

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
#[repr(C, packed)]
struct Op {
    code: u8,
    sites: Numbers,
}

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
union Either {
    sites: Sites,
    word: u64,
}

fn main() {}
