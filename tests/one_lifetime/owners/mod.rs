//! Owners of code: programs that smuggle a short reference into a root, or get one out of an owner and keep it.
//!
//! ```text
//!   into   short: &'l str ── road ──▶ root of an Owned, which outlives 'l
//!   out    owner ── road ──▶ view ── the owner ends, or the view goes where nothing ends ──▶ read, and gone
//! ```
//!
//! A program for each type and each road. A road's text has alternatives, written `«attack¦honest»`, and is otherwise the same in both.
//! Holes of the compiler itself that safe code alone can reach are no attacks on owners, and are not among the roads.

mod into;
mod out;
mod shapes;

use crate::program::Place;
use shapes::{SHAPES, Shape};
use std::fmt::Write;

/// A way into an owner, or out of one.
pub(crate) struct Road {
    pub(crate) name: &'static str,
    pub(crate) body: &'static str,
    /// The types that it is for.
    pub(crate) with: Types,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Types {
    All,
    /// Those that a handle can have: sized ones.
    OfHandles,
    /// Those that may be shortened as they are: without links.
    Covariant,
    /// Those with a lifetime that may be shortened.
    Shortened,
    /// Those without a lifetime, which are looked through.
    Plain,
}

impl Types {
    fn have(self, shape: &Shape) -> bool {
        match self {
            Self::All => true,
            Self::OfHandles => shape.sized,
            Self::Covariant => shape.covariant,
            Self::Shortened => shape.covariant && !shape.is_plain(),
            Self::Plain => shape.is_plain(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Attack,
    Honest,
}

/// All programs of one kind, as one crate, and where in it each lies.
pub(crate) struct Programs {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) places: Vec<Place>,
}

const HEAD: &str = "#![forbid(unsafe_code)]
#![allow(dead_code, unused, clippy::all)]
pub(crate) use permacode::code::shorten;
pub(crate) use permacode::handles::AtomicCodeSlot;
pub(crate) use permacode::owned::{Held, OwnedSideTable, OwnedSlot, SharedHome};
pub(crate) use permacode::{CodeArena, CodeRef, CodeSlot, Error, Link, Loader, Owned, Permanent, SideTable, Sites, Transients};
pub(crate) use std::cell::{Cell, RefCell};
pub(crate) use std::sync::{Arc, Mutex};
pub(crate) struct Refused<'e>(Option<&'e str>);
impl From<Error> for Refused<'_> {
    fn from(_: Error) -> Self { Self(None) }
}
pub(crate) fn used<T>(_: T) {}
pub(crate) fn held<'c, T: Permanent>(handle: CodeRef<'c, T>) -> &'c CodeRef<'c, T> {
    Box::leak(Box::new(handle))
}
";

pub(crate) fn roads() -> impl Iterator<Item = &'static Road> {
    into::ROADS.iter().chain(out::ROADS)
}

pub(crate) fn types() -> usize {
    SHAPES.len()
}

impl Programs {
    pub(crate) fn new(kind: Kind) -> Self {
        let name = format!("owners_{kind:?}").to_lowercase();
        let (mut text, mut places) = (HEAD.to_owned(), Vec::new());
        let lines = |text: &str| text.matches('\n').count() + 1;
        for shape in SHAPES {
            let Shape { name, items, label, make, text: leaf, .. } = shape;
            let _ = writeln!(
                text,
                "mod {name} {{
use crate::*;
{items}
pub type Label = {label};
pub type At<'m> = <Label as Held>::At<'m>;
pub fn make<'m>(loader: &Loader<'m>, s: &'m str) -> Result<&'m At<'m>, Error> {{ {make} }}
pub fn text<'m>(v: &'m At<'m>) -> &'m str {{ {leaf} }}
pub fn own(arena: &Arc<CodeArena>) -> Result<Owned<Label>, Error> {{
    Owned::load(arena, \"m\", |loader| make(loader, loader.alloc_str(\"own\")?))
}}"
            );
            for road in roads().filter(|road| road.with.have(shape)) {
                let first = lines(&text);
                let _ = writeln!(text, "pub mod {} {{\nuse super::*;\n{}\n}}", road.name, chosen(road.body, kind));
                places.push(Place::new(format!("{name} by {}, {kind:?}", road.name), first, lines(&text) - 1));
            }
            text.push_str("}\n");
        }
        Self { name, text, places }
    }
}

/// A text with one of its alternatives, everywhere.
fn chosen(text: &str, kind: Kind) -> String {
    let mut parts = text.split('«');
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (both, rest) = part.split_once('»').unwrap_or_else(|| panic!("an alternative has no end: {part}"));
        let (attack, honest) = both.split_once('¦').unwrap_or_else(|| panic!("one alternative only: {both}"));
        all.push_str(if kind == Kind::Attack { attack } else { honest });
        all.push_str(rest);
    }
    all
}
