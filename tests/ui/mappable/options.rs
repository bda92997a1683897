use permacode::{Mappable, Permanent};

#[derive(Permanent, Mappable)]
struct Line<'a> {
    text: &'a str,
    number: Option<u32>,
}

#[derive(Permanent, Mappable)]
struct Deep<'a> {
    lines: &'a [Option<u32>],
}

#[derive(Permanent, Mappable)]
struct Real {
    number: Option<f64>,
}

fn main() {}
