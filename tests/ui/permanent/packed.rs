//! soundness S19: the fields of a packed type cannot be borrowed.

use permacode::Permanent;

#[derive(Permanent)]
#[repr(packed)]
struct One(u8, u32);

#[repr(C, packed(2))]
#[derive(Permanent)]
struct Two(u8, u32);

#[derive(Permanent)]
#[cfg_attr(not(any()), repr(align(1), packed))]
struct Three(u8, u32);

macro_rules! with_attribute {
    ($attribute:meta, $item:item) => { #[$attribute] $item };
}
with_attribute!(repr(packed), #[derive(Permanent)] struct Four(u8, u32););

fn main() {}
