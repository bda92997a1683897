//! Programs, written: an attack and its honest twin differ in one lifetime, and in nothing else.

use super::roads::Road;
use super::shapes::Shape;
use std::fmt::Write;

/// The lifetime that a program gives to the link in a block of a shorter-lived arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outer {
    /// An attack: `'static`.
    Static,
    /// An attack: a parameter that outlives the loader's.
    Longer,
    /// The honest twin: the loader's own.
    Own,
}

/// All programs of one kind, as one crate, and where in it each lies.
pub(crate) struct Programs {
    /// Of the crate.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) places: Vec<Place>,
}

/// The lines of one program.
#[derive(Debug)]
pub(crate) struct Place {
    /// For messages.
    #[allow(dead_code)]
    name: String,
    first: usize,
    last: usize,
}

impl Place {
    pub(crate) fn new(name: String, first: usize, last: usize) -> Self {
        Self { name, first, last }
    }

    pub(crate) fn holds(&self, line: usize) -> bool {
        (self.first..=self.last).contains(&line)
    }
}

const HEAD: &str = "#![forbid(unsafe_code)]
#![allow(dead_code, unused, clippy::all)]
pub(crate) use permacode::{CodeArena, CodeRef, CodeSlot, Error, Link, Loader, Permanent, Transients};
pub(crate) use permacode::code::{OneLifetime, shorten};
pub(crate) use permacode::handles::{AtomicCodeSlot, CodeProxy};
/// A handle that is borrowed for as long as it can be.
pub(crate) fn held<'c, T: Permanent>(handle: CodeRef<'c, T>) -> &'c CodeRef<'c, T> {
    Box::leak(Box::new(handle))
}
";

impl Programs {
    /// A program for each shape and each road.
    pub(crate) fn new(shapes: &[Shape], roads: &[Road], outer: Outer) -> Self {
        let name = format!("one_lifetime_{outer:?}").to_lowercase();
        let mut this = Self { name, text: HEAD.to_owned(), places: Vec::new() };
        for shape in shapes {
            // A definition has no other lifetime to spell than `'static`.
            if outer == Outer::Longer && shape.is_spelled() {
                continue;
            }
            let spelled = if outer == Outer::Own { "'a" } else { "'static" };
            let _ =
                writeln!(this.text, "mod {} {{\nuse crate::*;\n{}", shape.name, shape.items.replace("{f}", spelled));
            for road in roads {
                let first = this.lines();
                let _ = writeln!(this.text, "pub mod {} {{\n{}\n}}", road.name, program(shape, road, outer));
                let last = this.lines() - 1;
                this.places.push(Place { name: format!("{} by {}, {outer:?}", shape.name, road.name), first, last });
            }
            this.text.push_str("}\n");
        }
        this
    }

    /// The number of the next line.
    fn lines(&self) -> usize {
        self.text.matches('\n').count() + 1
    }
}

/// A module's text: the definitions of a road, and a function that steals, or uses, what a link leads to.
fn program(shape: &Shape, road: &Road, outer: Outer) -> String {
    // Within a closure the loader's lifetime has no name.
    let own = if road.in_region { "'_" } else { "'l" };
    let (outer, parameter) = match outer {
        Outer::Static => ("'static", ""),
        Outer::Longer => ("'long", ", 'long: 'l"),
        Outer::Own => (own, ""),
    };
    let at = |text: &str, outer: &str| text.replace("{l}", own).replace("{o}", outer);
    let view = road.view.replace("{T}", shape.of).replace("{U}", shape.link_type).replace("{S}", &at(shape.of, own));
    let view = at(&with_links(&view, shape), outer);
    let set = if road.to_link { "view".to_owned() } else { shape.link.replace("$v", "view") };
    let long = shape.link.replace("$v", "long");
    let (of, stolen_type) = (at(shape.of, outer), at(shape.stolen_type, outer));
    let Shape { make, target, stolen, .. } = shape;
    let steal = format!(
        "let long: &{own} {of} = loader.alloc({make}).unwrap();
        let view = {view};
        let link = {set};
        loader.link(link, loader.alloc({target}).unwrap()).unwrap();
        let link = {long};
        let stolen: {stolen_type} = &link.get().unwrap(){stolen};"
    );
    let arguments = "arena: &'l CodeArena, transients: &'l Transients<'l>";
    let items = &road.items;
    if road.in_region {
        format!(
            "use super::*;
        {items}
        pub fn run<'l{parameter}>({arguments}, _: &'l {}) {{
        let code: Result<CodeRef<'l, u64>, Error> = CodeRef::transient(transients, |loader| {{
        {steal}
        loader.alloc(7u64)
        }});
        }}",
            if parameter.is_empty() { "()" } else { "&'long ()" }
        )
    } else {
        format!(
            "use super::*;
        {items}
        pub fn run<'l{parameter}>(loader: &Loader<'l>, {arguments}) -> {stolen_type} {{
        {steal}
        stolen
        }}"
        )
    }
}

/// Replaces each `LINK(x)` by the link in the block that `x` refers to.
fn with_links(text: &str, shape: &Shape) -> String {
    let Some((before, rest)) = text.split_once("LINK(") else { return text.to_owned() };
    let Some((argument, after)) = rest.split_once(')') else { return text.to_owned() };
    format!("{before}{}{}", shape.link.replace("$v", argument), with_links(after, shape))
}
