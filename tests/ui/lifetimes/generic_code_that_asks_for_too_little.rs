// soundness S25: in generic code the bound must be written: a `T` at any lifetime would do otherwise.
use permacode::{CodeRef, Permanent};

fn hold<'a, T: Permanent>(code: &'a T) -> CodeRef<'a, T> {
    CodeRef::new(code)
}

fn convert<'a, T: Permanent>(code: &'a T) -> CodeRef<'a, T> {
    code.into()
}

fn hold_longer<'a, T: Permanent>(code: &'a T::At<'static>) -> CodeRef<'a, T::At<'static>> {
    CodeRef::new(code)
}

fn main() {
    hold(&1u32);
    convert(&1u32);
    hold_longer::<u32>(&1);
}
