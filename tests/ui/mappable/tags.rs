//! A derive sees the item before other macros do. Here one is stood in for by the parts of the derive's output: an enum without the `#[repr]`
//! that the description believes in.

use permacode::image::{Field, Probe, Variant};

enum Loose {
    First(bool),
    Second,
}

const _: &[Field] = &const {
    let zeros = Probe::<Loose>::with_tag::<u8>(0, 0);
    // SAFETY: a constant.
    let fields: [Field; 1] = match unsafe { zeros.get() } {
        // SAFETY: a field of that value.
        Loose::First(field) => [unsafe { zeros.field("0", field) }],
        _ => Variant::mismatch(),
    };
    fields
};

const _: &[Field] = &const {
    let ones = Probe::<Loose>::with_tag::<u8>(0xff, 1);
    let fields: [Field; 0] = match unsafe { ones.get() } {
        Loose::Second => [],
        _ => Variant::mismatch(),
    };
    fields
};

fn main() {}
