//! One block, one lifetime: programs that try to see a block at two, so that what is set through the one is read through the other.
//!
//! ```text
//!   long: &'l T<'static> ── road ──▶ view: &'l T<'l> ── loader.link(the view's link, short) ──▶ the link of long, read: &'static, and gone
//! ```
//!
//! A program for each type that a link can hide in ([`shapes`]) and each way from a block to a view ([`roads`]). In an attack the link of the
//! block lives longer than the loader; in its honest twin it does not, and nothing else is different. Honest ones must compile, so an attack is
//! no slip of the pen; attacks must not, each for an error of its own about lifetimes. The compiler checks the lifetimes of each function
//! by itself, so all programs of a kind are one crate, and an error in one hides none in another.
//!
//! Tried by hand without the bound of `CodeRef::new` and `From`: 1,104 of the 1,530 attacks compile, which are all by 24 of the roads with
//! 24 of the types, but for a region's with `'long`. The others rest on what holds without it: spelled types, generic code that asks for
//! the bound itself, and that links are invariant.
#![cfg(not(miri))]

mod compiler;
mod homes;
mod owners;
mod program;
mod roads;
mod shapes;

use compiler::{Error, Library};
use program::{Outer, Place, Programs};
use roads::ROADS;
use shapes::SHAPES;
use std::thread;

fn programs(outer: Outer) -> Programs {
    Programs::new(SHAPES, ROADS, outer)
}

/// Every error must be about lifetimes, and within a program. Returns the programs without one.
fn accepted<'p>(programs: &'p Programs, errors: &[Error]) -> Vec<&'p Place> {
    for error in errors {
        let about_lifetimes = ["lifetime may not live long enough", "[E0521]"];
        assert!(about_lifetimes.iter().any(|about| error.message.starts_with(about)), "{error:?}");
        assert!(programs.places.iter().any(|place| place.holds(error.line)), "{error:?}");
    }
    programs.places.iter().filter(|place| !errors.iter().any(|error| place.holds(error.line))).collect()
}

// soundness S25
#[test]
fn no_program_sees_a_block_at_two_lifetimes_and_honest_ones_compile() {
    let library = Library::find();
    let [honest, attacks @ ..] = [Outer::Own, Outer::Static, Outer::Longer].map(programs);
    let compile = |programs: &Programs| library.errors_of(&programs.name, &programs.text);
    let (slips, errors) = thread::scope(|scope| {
        let errors = attacks.each_ref().map(|attacks| scope.spawn(|| compile(attacks)));
        (compile(&honest), errors.map(|errors| errors.join().unwrap()))
    });

    let twins = honest.places.len();
    assert!(slips.is_empty(), "{slips:?}");
    assert!(SHAPES.len() >= 17 && ROADS.len() >= 16 && twins == SHAPES.len() * ROADS.len());
    let compiled: Vec<_> =
        attacks.iter().zip(&errors).flat_map(|(attacks, errors)| accepted(attacks, errors)).collect();
    let all: usize = attacks.iter().map(|attacks| attacks.places.len()).sum();
    println!("{} attacks of {all} compile, {twins} controls do", compiled.len());
    assert!(compiled.is_empty(), "{compiled:?}");
    assert!(all > twins, "attacks with `'static` for all, and others");
}

#[test]
fn twins_are_the_same_but_for_lifetimes() {
    let (honest, attacks) = (programs(Outer::Own), programs(Outer::Static));
    let without_lifetimes = |programs: &Programs| -> String {
        let mut parts = programs.text.split('\'');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            text + part.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_')
        })
    };
    assert_ne!(honest.text, attacks.text);
    assert_eq!(without_lifetimes(&honest), without_lifetimes(&attacks));
}

// The measure itself: what is no attack but a slip is not taken for one that was refused, and one that compiles is seen.
#[test]
fn an_error_is_found_where_it_lies() {
    let library = Library::find();
    let mut programs = programs(Outer::Own);
    let lines = programs.text.matches('\n').count();
    programs.text.push_str("fn longer<'l>(short: &'l u8) -> &'static u8 {\n    short\n}\nfn slip() {}\n");
    let errors = library.errors_of("one_error", &programs.text);
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [lines + 2]);
    assert!(errors[0].message.starts_with("lifetime may not live long enough"), "{errors:?}");
    programs.text.push_str("fn second() -> u8 { () }\n");
    let errors = library.errors_of("two_errors", &programs.text);
    assert!(errors.iter().any(|error| error.message.starts_with("[E0308]")), "{errors:?}");
}

// soundness S11, S41
#[test]
fn no_program_smuggles_a_reference_into_an_owner_or_out_of_one_and_honest_ones_compile() {
    let library = Library::find();
    let [attacks, honest] = [owners::Kind::Attack, owners::Kind::Honest].map(owners::Programs::new);
    let compile = |programs: &owners::Programs| library.errors_of(&programs.name, &programs.text);
    let (slips, errors) = thread::scope(|scope| {
        let errors = scope.spawn(|| compile(&attacks));
        (compile(&honest), errors.join().unwrap())
    });
    assert!(slips.is_empty(), "{slips:?}");
    assert!(owners::types() >= 16 && owners::roads().count() >= 40 && attacks.places.len() == honest.places.len());
    let refused = |place: &&Place| errors.iter().any(|error| place.holds(error.line));
    let compiled: Vec<_> = attacks.places.iter().filter(|place| !refused(place)).collect();
    println!("{} attacks of {} compile, {} controls do", compiled.len(), attacks.places.len(), honest.places.len());
    assert!(compiled.is_empty(), "{compiled:?}");
    for error in &errors {
        // Of a lifetime, a borrow that does not last, a move or a write beneath a borrow; or a closure that accepts one lifetime only.
        let about = [
            "lifetime may not live long enough",
            "[E0521]",
            "[E0597]",
            "[E0505]",
            "[E0506]",
            "[E0502]",
            "[E0499]",
            "[E0515]",
        ];
        let more = ["[E0716]", "[E0373]"];
        let expected = about.iter().chain(&more).any(|about| error.message.starts_with(about));
        assert!(expected && attacks.places.iter().any(|place| place.holds(error.line)), "{error:?}");
    }
}
