//! soundness S11: the attribute is checked to the lifetime, in both directions.

use permacode::Permanent;

type Particular<'a> = fn(&'a u8);
type General = fn(&u8);

#[derive(Permanent)]
struct Alias<'a> {
    #[permanent(fn_pointer = "fn(&'static u8)")]
    longer: Particular<'a>,
    #[permanent(fn_pointer = "Particular<'a>")]
    no_pointer: Particular<'a>,
}

#[derive(Permanent)]
struct Longer<'a> {
    #[permanent(fn_pointer = "fn(&'static u8)")]
    longer: Particular<'a>,
}

#[derive(Permanent)]
struct TooGeneral {
    #[permanent(fn_pointer = "fn(&u8)")]
    particular: Particular<'static>,
}

#[derive(Permanent)]
struct TooParticular {
    #[permanent(fn_pointer = "fn(&'static u8)")]
    general: General,
}

fn main() {}
