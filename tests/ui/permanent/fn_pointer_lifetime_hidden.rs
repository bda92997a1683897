//! soundness S11: aliases, `Self`, generics and projections hide the lifetime from sight, not from the check.

use std::marker::PhantomData;

use permacode::Permanent;

type Keep<'a> = fn(&'a str);
type Give<'a> = fn() -> &'a str;

trait Project {
    type Out;
}
impl<'a> Project for &'a str {
    type Out = fn(&'a str);
}

// Behind `&`, this field would pass as its supertype `fn(&'static str)`, which is permanent.
#[derive(Permanent)]
struct Argument<'a>(Keep<'a>);

#[derive(Permanent)]
struct Result<'a>(Give<'a>);

#[derive(Permanent)]
struct Itself<'a>(&'a str, fn(&Self));

#[derive(Permanent)]
struct Parameter<T>(fn(T));

#[derive(Permanent)]
struct Nested<'a>((u8, Option<&'a Keep<'a>>));

#[derive(Permanent)]
enum Phantom<'a> {
    Phantom { keep: PhantomData<Keep<'a>> },
}

#[derive(Permanent)]
struct Projected<'a>(<&'a str as Project>::Out);

fn main() {}
