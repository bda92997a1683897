//! soundness S41: traits of a handle see the code at the lifetime of a borrow, so an implementation for one lifetime is none.

use permacode::Permanent;
use permacode::handles::CodeRc;
use std::cell::Cell;

thread_local! {
    static STOLEN: Cell<&'static str> = const { Cell::new("") };
}

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
}

impl PartialEq for Code<'static> {
    fn eq(&self, other: &Self) -> bool {
        STOLEN.set(self.name);
        self.name == other.name
    }
}

impl std::fmt::Debug for Code<'static> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        STOLEN.set(self.name);
        f.write_str(self.name)
    }
}

fn compare(code: &CodeRc<Code<'static>>) -> bool {
    code.eq(code)
}

fn show(code: CodeRc<Code<'static>>) -> String {
    format!("{code:?}")
}

fn main() {}
