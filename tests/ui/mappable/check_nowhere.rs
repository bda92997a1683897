use permacode::{Mappable, Permanent};

#[derive(Permanent, Mappable)]
#[mappable(check = "is_nowhere")]
struct Five<'a>(&'a str);

fn main() {}
