//! soundness S11: a type that is plain as a whole has no lifetime.

use permacode::Permanent;

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
struct Text<'a>(&'a str);

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
struct Bounded<'a: 'static, T>(&'a T);

fn main() {}
