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

struct Frame<'a>(&'a mut Vm);

type Find = fn(&Vm) -> &u8;
type Enter = fn(Frame<'_>, Option<&u8>);

#[derive(Permanent)]
enum Lookup {
    Find(Find),
    Enter { enter: Enter },
}

fn main() {}
