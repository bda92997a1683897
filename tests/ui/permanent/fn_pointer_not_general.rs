//! soundness S19: a `fn` pointer with a lifetime per call is permanent in a field of its own only.

use permacode::Permanent;

struct Vm;

#[derive(Permanent)]
struct Table<'a>(&'a [fn(&mut Vm)]);

#[derive(Permanent)]
struct Maybe(Option<fn(&mut Vm)>);

type Handler = fn(&mut Vm);

#[derive(Permanent)]
struct Alias(Handler);

fn main() {}
