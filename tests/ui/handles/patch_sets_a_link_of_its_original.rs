// soundness S25: the loader of the original has another lifetime than the view that a patch gets, so it sets no link through it.
use permacode::{CodeRef, Error, Link, Loader, Permanent, Transients};

#[derive(Permanent)]
struct Code<'a> {
    next: Link<'a, Code<'a>>,
}

fn patch<'a>(loader: &Loader<'a>, code: &'a Code<'a>, transients: &'a Transients<'a>) {
    let patched: Result<_, Error> = CodeRef::new(code).patched(transients, |_, view| {
        loader.link(&view.next, code)?;
        Ok(view)
    });
    drop(patched);
}

fn main() {
    let _ = patch;
}
