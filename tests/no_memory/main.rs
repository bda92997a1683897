//! A program whose allocator, which is this test program's, has no memory left.

mod handles;
mod residency;

#[global_allocator]
static ALLOCATOR: permacode_witness::Refusing = permacode_witness::Refusing;
