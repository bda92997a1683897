//! soundness S19: nobody drops what lies in an arena.

use permacode::Permanent;

#[derive(Permanent)]
struct Code<'a, T: Clone>(&'a T);

impl<T: Clone> Drop for Code<'_, T> {
    fn drop(&mut self) {}
}

#[derive(Permanent)]
enum Const<'a> {
    Str(&'a str),
}

impl Drop for Const<'_> {
    fn drop(&mut self) {}
}

fn main() {}
