// soundness S25: what a type is at a lifetime, it must be at that lifetime again: `At` may not go round in a circle.
use permacode::Permanent;
use permacode::code::Tracer;

struct Odd<'a>(&'a u8);
struct Even<'a>(&'a u8);

unsafe impl Permanent for Odd<'_> {
    type At<'x> = Even<'x>;
    fn trace(&self, _: &mut Tracer<'_>) {}
}

unsafe impl Permanent for Even<'_> {
    type At<'x> = Odd<'x>;
    fn trace(&self, _: &mut Tracer<'_>) {}
}

fn main() {
    (Odd(&1), Even(&2));
}
