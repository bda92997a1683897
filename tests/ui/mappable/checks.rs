use permacode::{Mappable, Permanent};

#[derive(Permanent, Mappable)]
#[mappable(check = "of_another_type")]
struct One<'a>(&'a str);

fn of_another_type(_: &u32) -> Result<(), &'static str> {
    Ok(())
}

#[derive(Permanent, Mappable)]
#[mappable(check = "says_nothing")]
struct Two<'a>(&'a str);

fn says_nothing(_: &Two<'_>) -> bool {
    true
}

#[derive(Permanent, Mappable)]
#[mappable(check = "keeps")]
struct Three<'a>(&'a str);

fn keeps(_: &'static Three<'static>) -> Result<(), &'static str> {
    Ok(())
}

#[derive(Permanent, Mappable)]
#[mappable(check = "errors_are_words")]
struct Four<'a>(&'a str);

fn errors_are_words(_: &Four<'_>) -> Result<(), Vec<u8>> {
    Ok(())
}

fn main() {}
