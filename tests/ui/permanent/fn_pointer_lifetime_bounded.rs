//! soundness S11: bounds that grant the lifetime are not granted to the type at another one.

use permacode::Permanent;

type Keep<'a> = fn(&'a str);

#[derive(Permanent)]
struct Bounded<'a: 'static>(Keep<'a>);

#[derive(Permanent)]
struct Where<'a>(Keep<'a>)
where
    Keep<'a>: Permanent;

fn main() {}
