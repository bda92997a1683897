use permacode::{Mappable, Permanent};

#[derive(Permanent, Mappable)]
#[mappable(check = "7", verify = "x")]
struct Six<'a>(#[mappable(check = "x")] &'a str);

#[derive(Permanent, Mappable)]
#[repr(u8)]
enum Seven {
    #[mappable(check = "x")]
    One,
}

#[derive(Permanent, Mappable)]
#[mappable(check = "x")]
#[mappable(check = "x")]
struct Eight;

fn main() {}
