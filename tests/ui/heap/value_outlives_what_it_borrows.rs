use permacode::{HeapArena, HeapRc};
use std::cell::RefCell;

struct Loud<'a>(&'a str);

impl Drop for Loud<'_> {
    fn drop(&mut self) {
        println!("{}", self.0);
    }
}

fn main() {
    let heap = HeapArena::new().unwrap();
    let shelf = HeapRc::new(&heap, RefCell::new(None)).unwrap();
    {
        let text = String::from("short");
        *shelf.borrow_mut() = Some(HeapRc::new(&heap, Loud(&text)).unwrap());
    }
    drop(shelf);

    let pointer = HeapRc::new(&heap, Loud("fixed")).unwrap();
    let inner = &pointer.0;
    let value: &Loud<'_> = &pointer;
    drop(pointer);
    println!("{inner} {}", value.0);
}
