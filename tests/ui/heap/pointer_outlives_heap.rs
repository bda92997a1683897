use permacode::{HeapArena, HeapRc};

fn main() {
    let pointer = {
        let heap = HeapArena::new().unwrap();
        HeapRc::new(&heap, 7).unwrap()
    };
    println!("{pointer}");
}
