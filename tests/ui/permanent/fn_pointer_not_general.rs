//! soundness S19: a `fn` pointer with a lifetime per call is permanent in a field of its own only; the error says which attribute an alias needs.

use permacode::Permanent;

struct Vm;

#[derive(Permanent)]
struct Table<'a>(&'a [fn(&mut Vm)]);

#[derive(Permanent)]
struct Maybe(Option<fn(&mut Vm)>);

type Handler = fn(&mut Vm);

#[derive(Permanent)]
struct Alias(Handler);

type Step = unsafe extern "C" fn(usize, &Vm, &mut u8) -> u8;

#[derive(Permanent)]
struct Steps<'a> {
    first: Step,
    rest: &'a [Step; 2],
}

type Find = fn(&Vm) -> &u8;

#[derive(Permanent)]
enum Lookup {
    Find(Find),
}

fn main() {}
