// soundness S25: the link lives as short as it should, but what it leads to would be read at a longer lifetime.
use permacode::{CodeArena, CodeRef, Link, Loader, Permanent};

#[derive(Permanent)]
struct Node<'a, 'b> {
    text: &'b str,
    next: Link<'a, Node<'b, 'b>>,
}

fn escape<'a>(loader: &Loader<'a>, text: &'a str) -> &'static str {
    let long: &'a Node<'a, 'static> = loader.alloc(Node { text: "x", next: Link::unset() }).unwrap();
    let short: &'a Node<'a, 'a> = CodeRef::new(long).promote(loader).unwrap();
    let to: &'a Node<'a, 'a> = loader.alloc(Node { text, next: Link::unset() }).unwrap();
    loader.link(&short.next, to).unwrap();
    let back: &'a Node<'static, 'static> = long.next.get().unwrap();
    back.text
}

fn main() {
    let string = String::from("soon gone");
    let arena = CodeArena::new().unwrap();
    let dangling = escape(&arena.load("m").unwrap(), &string);
    drop(arena);
    drop(string);
    println!("{dangling}");
}
