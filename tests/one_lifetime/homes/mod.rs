//! Code in a home: programs that try to bring a reference into it that is too short, and to get one out that is too long.
//!
//! A program for each type that a reference can hide in ([`shapes`]) and each way in or out ([`roads`]). An attack and its honest twin differ in
//! one lifetime, or in one word. Honest ones must compile, so an attack is no slip of the pen. Attacks must not, each for an error of its
//! own about lifetimes. The compiler checks the lifetimes of each function by itself, so all programs of a kind are one crate.

mod roads;
mod shapes;

use crate::compiler::{Error, Library};
use roads::{Attack, ROADS, Road};
use shapes::{SHAPES, Shape};
use std::ops::RangeInclusive;
use std::thread;

const HEAD: &str = "#![forbid(unsafe_code)]
#![allow(dead_code, unused, clippy::all)]
pub(crate) use permacode::handles::{CodeRc, CodeRcSlot, Home};
pub(crate) use permacode::{CodeArena, CodeRef, Error, HeapArena, Link, Loader, OpenModule, Owned, Permanent, Transients};
pub(crate) use std::cell::Cell;
/// An error that can hold a reference.
pub(crate) enum Smuggled<'c, T> { Out(&'c T), Own(Error) }
impl<T> From<Error> for Smuggled<'_, T> {
    fn from(error: Error) -> Self { Self::Own(error) }
}
";

/// The kinds of programs: honest ones, and two attacks that differ where there is more than one longer lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Honest,
    Static,
    Longer,
}

/// All programs of one kind, as one crate, and the lines of each.
struct Programs {
    text: String,
    places: Vec<(String, RangeInclusive<usize>)>,
}

impl Programs {
    fn new(kind: Kind) -> Self {
        let mut this = Self { text: HEAD.to_owned(), places: Vec::new() };
        for shape in SHAPES {
            let Shape { name, items, .. } = shape;
            this.text.push_str(&format!("mod {name} {{\nuse crate::*;\n{items}\n"));
            for road in ROADS.iter().filter(|road| has_twin(shape, road)) {
                if kind == Kind::Longer && !matches!(road.attack, Attack::Out) {
                    continue;
                }
                let first = this.lines();
                this.text.push_str(&format!("pub mod {} {{\n{}\n}}\n", road.name, program(shape, road, kind)));
                this.places.push((format!("{name} by {}, {kind:?}", road.name), first..=this.lines() - 1));
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

/// A block with a link outside of the home is refused at any lifetime, because a link cannot be shortened.
fn has_twin(shape: &Shape, road: &Road) -> bool {
    let linked = [shape.items, shape.of].iter().any(|text| text.contains("Link<"));
    !linked || !matches!(road.attack, Attack::In) || !road.body.contains("outer")
}

/// The text of one program.
fn program(shape: &Shape, road: &Road, kind: Kind) -> String {
    let honest = kind == Kind::Honest;
    let (outer, hook) = match road.attack {
        Attack::In => (if honest { "'static" } else { "'a" }, ""),
        Attack::Out if honest => ("'c", ""),
        Attack::Out => (if kind == Kind::Static { "'static" } else { "'long" }, ""),
        Attack::Hook(attack, twin) => ("'c", if honest { twin } else { attack }),
    };
    // What stands outside is as old as the attack needs it.
    let outside = if matches!(road.attack, Attack::In) { outer } else { "'c" };
    let at = |lifetime: &str| shape.of.replace("{l}", lifetime);
    let fill = |text: &str| {
        let text = text.replace("HOOK", hook);
        let text = call(&call(&text, "MAKE(", shape.make, "$r"), "READ(", shape.read, "$v");
        let types = [("{T}", "'static"), ("{O}", outer), ("{X}", "'x"), ("{C}", "'c")];
        types.iter().fold(text, |text, (name, lifetime)| text.replace(name, &at(lifetime))).replace("{o}", outer)
    };
    let (body, returns) = (fill(road.body), fill(road.returns));
    let [of_code, of_outer, of_c] = ["'static", outside, "'c"].map(at);
    format!(
        "use super::*;
        pub fn run<'c, 'a, 'long: 'c>(
            home: &'c Home, code: &'c CodeRc<{of_code}>, number: &'c CodeRc<u64>, slot: &'c CodeRcSlot<{of_code}>,
            short: &{outside} u64, outer: &{outside} {of_outer}, constant: &'static {of_code}, _: &'long (),
            cell: &Cell<Option<&'c {of_c}>>, lender: &'c Loader<'c>, loaders: &Cell<Option<&'c Loader<'c>>>,
        ) -> Result<{returns}, Error> {{
        {body}
        }}"
    )
}

/// Replaces each `NAME(x)` by the text that it stands for, with `x` in the place of the parameter.
fn call(text: &str, name: &str, stands_for: &str, parameter: &str) -> String {
    let Some((before, rest)) = text.split_once(name) else { return text.to_owned() };
    let mut open = 1;
    let end = rest.find(|letter| {
        open += i32::from(letter == '(') - i32::from(letter == ')');
        open == 0
    });
    let (argument, after) = rest.split_at(end.expect("a parenthesis is open"));
    let argument = call(argument, name, stands_for, parameter);
    format!("{before}({}){}", stands_for.replace(parameter, &argument), call(&after[1..], name, stands_for, parameter))
}

/// Every error must be about lifetimes, and within a program. Returns the programs without one.
fn accepted<'p>(programs: &'p Programs, errors: &[Error]) -> Vec<&'p str> {
    let about_lifetimes = ["lifetime may not live long enough", "[E0521]", "[E0505]", "[E0597]", "[E0716]"];
    for error in errors {
        assert!(about_lifetimes.iter().any(|about| error.message.starts_with(about)), "{error:?}");
        assert!(programs.places.iter().any(|(_, lines)| lines.contains(&error.line)), "{error:?}");
    }
    let refused = |lines: &RangeInclusive<usize>| errors.iter().any(|error| lines.contains(&error.line));
    programs.places.iter().filter(|(_, lines)| !refused(lines)).map(|(name, _)| name.as_str()).collect()
}

// soundness S41
#[test]
fn nothing_short_comes_into_a_home_and_nothing_long_gets_out() {
    let library = Library::find();
    let kinds = [Kind::Honest, Kind::Static, Kind::Longer];
    let [honest, attacks @ ..] = kinds.map(|kind| (kind, Programs::new(kind)));
    let compile = |(kind, programs): &(Kind, Programs)| {
        library.errors_of(&format!("homes_{kind:?}").to_lowercase(), &programs.text)
    };
    let (slips, errors) = thread::scope(|scope| {
        let errors = attacks.each_ref().map(|attacks| scope.spawn(|| compile(attacks)));
        (compile(&honest), errors.map(|errors| errors.join().unwrap()))
    });
    assert!(slips.is_empty(), "{slips:?}");
    let compiled: Vec<_> =
        attacks.iter().zip(&errors).flat_map(|((_, programs), errors)| accepted(programs, errors)).collect();
    let all: usize = attacks.iter().map(|(_, programs)| programs.places.len()).sum();
    println!("{} attacks of {all} compile, {} controls do", compiled.len(), honest.1.places.len());
    assert!(compiled.is_empty(), "{compiled:?}");
    assert!(SHAPES.len() >= 16 && ROADS.len() >= 40 && all > honest.1.places.len());
}

// The measure itself: one that compiles is seen.
#[test]
fn an_attack_that_compiles_would_be_seen() {
    let library = Library::find();
    let mut programs = Programs::new(Kind::Honest);
    let line = programs.lines();
    programs.text.push_str("fn longer<'l>(short: &'l u8) -> &'static u8 { short }\n");
    programs.places.push(("longer".to_owned(), line..=line));
    let errors = library.errors_of("homes_measure", &programs.text);
    let compiled = accepted(&programs, &errors);
    assert_eq!((errors.len(), compiled.len() + 1), (1, programs.places.len()));
    assert!(!compiled.contains(&"longer"));
}
