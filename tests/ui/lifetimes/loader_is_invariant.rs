// soundness S11: a loader of a long-lived arena is no loader of a short-lived one, nor the other way round.
use permacode::{Link, Loader, OpenModule, Permanent};

fn shorter<'short, 'long: 'short>(loader: Loader<'long>) -> Loader<'short> {
    loader
}

fn longer<'short, 'long: 'short>(loader: Loader<'short>) -> Loader<'long> {
    loader
}

fn shorter_module<'short, 'long: 'short>(module: OpenModule<'long>) -> OpenModule<'short> {
    module
}

fn longer_module<'short, 'long: 'short>(module: OpenModule<'short>) -> OpenModule<'long> {
    module
}

fn shorter_link<'short, 'long: 'short, T: Permanent>(link: &'short Link<'long, T>) -> &'short Link<'short, T> {
    link
}

fn main() {}
