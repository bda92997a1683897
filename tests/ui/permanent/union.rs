//! soundness S19: nobody can tell which field of a union is alive.

use permacode::Permanent;

#[derive(Permanent)]
union Value {
    int: i64,
    float: f64,
}

#[derive(Permanent)]
struct Code(Value);

fn main() {}
