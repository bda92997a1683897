use allocator_api2::vec::Vec;
use permacode::HeapArena;

fn main() {
    let mut vector;
    {
        let heap = HeapArena::new().unwrap();
        vector = Vec::new_in(&heap);
    }
    vector.push(7);
}
