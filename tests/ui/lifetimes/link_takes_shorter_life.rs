// soundness S11: a covariant link would be a use after free. The long-lived block would hold a target of the short-lived arena.
use permacode::{CodeArena, Link, Permanent};

#[derive(Permanent)]
struct Node<'a> {
    text: &'a str,
    next: Link<'a, Node<'a>>,
}

fn main() {
    let long = CodeArena::new().unwrap();
    let loader = long.load("long").unwrap();
    let from = loader.alloc(Node { text: "from", next: Link::unset() }).unwrap();
    {
        let short = CodeArena::new().unwrap();
        let to = short.load("short").unwrap().alloc(Node { text: "to", next: Link::unset() }).unwrap();
        loader.link(&from.next, to).unwrap();
    }
    println!("{}", from.next.get().unwrap().text);
}
