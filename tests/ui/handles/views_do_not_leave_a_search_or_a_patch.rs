// soundness S25: a function for every lifetime knows nothing of how that lifetime and those outside are ordered. If it did (by a bound of `At`, or
// a reference that names both), it could return what it captured as what it was asked for.
use permacode::{CodeRef, Error, Link, Transients};

fn search<'l>(handle: &CodeRef<'l, Link<'l, u64>>, other: &'l Link<'l, u64>) {
    let _ = handle.project::<Link<'l, u64>>(|_| Some(other));
}

fn patch<'l>(handle: &CodeRef<'l, Link<'l, u64>>, transients: &'l Transients<'l>, other: &'l Link<'l, u64>) {
    let _ = handle.patched::<Error, _>(transients, |_, _| Ok(other));
}

fn lower<'l>(transients: &'l Transients<'l>, other: &'l Link<'l, u64>) {
    let _ = CodeRef::<Link<'l, u64>>::transient::<Error, _>(transients, |_| Ok(other));
}

fn main() {
    let _ = (search, patch, lower);
}
