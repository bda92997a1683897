//! A vector of a version of allocator-api2 that permacode was not told of: the compiler names the versions, and permacode the features.

use allocator_api2_03::vec::Vec;
use permacode::HeapArena;
use permacode::kit::Collect;

#[derive(Collect)]
struct List<'h> {
    values: Vec<u8, &'h HeapArena>,
}

fn main() {}
