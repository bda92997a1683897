//! soundness S19: raw pointers, `&mut` and `MaybeUninit` say nothing about what they hold.

use std::mem::MaybeUninit;

use permacode::Permanent;

#[derive(Permanent)]
struct Code<'a> {
    shared: *const u8,
    unique: *mut u8,
    borrowed: &'a mut u8,
    perhaps: MaybeUninit<u8>,
}

fn main() {}
