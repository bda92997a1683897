//! Programs from bytes, for property tests and fuzzing. Feature `generate`.
//!
//! ```text
//!   bytes ──▶ choices ──▶ a program that is well-formed
//!   bytes ──▶ a program of the corpus, with some words taken out, doubled, or put elsewhere
//! ```
//!
//! Every run is bounded by operations and by memory, and ends as a value or as a typed failure.

mod choices;
mod grammar;
mod lexemes;

use crate::failure::Failure;
use crate::interpreter::Interpreter;
use crate::settings::Settings;
use crate::token::Keyword;
use choices::Choices;
use lexemes::lexemes;
use std::rc::Rc;

/// Writes a program that is well-formed.
#[must_use]
pub fn program(bytes: &[u8]) -> String {
    grammar::write(&mut Choices::new(bytes))
}

/// Changes a program word by word, with words of it and of another one.
#[must_use]
pub fn changed(source: &str, other: &str, bytes: &[u8]) -> String {
    let mut choices = Choices::new(bytes);
    let (mut words, others) = (lexemes(source), lexemes(other));
    for _ in 0..=choices.below(3) {
        if words.is_empty() || others.is_empty() {
            break;
        }
        let (at, from) = (choices.index(words.len()), choices.index(others.len()));
        let alike = |words: &[&str], from: usize| (from..words.len()).find(|other| is_alike(words[*other], words[at]));
        match choices.below(12) {
            0 => _ = words.remove(at),
            1 => words.insert(at, others[from]),
            2..=4 => {
                let with = alike(&words, choices.index(words.len()));
                with.into_iter().for_each(|with| words.swap(at, with));
            }
            _ => {
                let with = others[from..].iter().find(|other| is_alike(other, words[at]));
                with.into_iter().for_each(|with| words[at] = with);
            }
        }
    }
    words.join(" ")
}

/// Returns `true` if one word may stand where the other does: both are names, numbers, texts, or operators.
fn is_alike(one: &str, other: &str) -> bool {
    let kind = |word: &str| match word.chars().next() {
        Some('"') => 0,
        Some(c) if c.is_ascii_digit() => 1,
        Some(c) if c.is_alphanumeric() && Keyword::ALL.iter().all(|(keyword, _)| *keyword != word) => 2,
        Some('+' | '-' | '*' | '/' | '%' | '<' | '>') => 3,
        _ => 4,
    };
    kind(one) == kind(other) && kind(one) < 4
}

/// Runs a program with little memory and few operations, and then a small one on the same machine.
///
/// # Panics
///
/// The machine does not work any more.
pub fn run(source: &str, settings: Settings) -> Result<(), Failure> {
    let sources = Rc::new(|name: &str| match name {
        "one" => Some("let x = 1\nfn get() { return x }".to_owned()),
        "bad" => Some("throw Error(\"bad\")".to_owned()),
        _ => None,
    });
    let bounded = Settings { fuel: 20_000, heap_limit: Some(400_000), code_limit: Some(400_000), sources, ..settings };
    let mut rook = Interpreter::new(bounded)?;
    let result = rook.run("main", source);
    rook.take_output();
    rook.refuel(10_000);
    let after = rook.run("after", "print([1, 2, 3], {\"a\": 1}, eval(\"1 + 1\"))");
    let printed = rook.take_output();
    let right = after.is_ok() && printed.ends_with("[1, 2, 3] {\"a\": 1} 2\n");
    assert!(
        right || is_out_of_memory(&after),
        "after this program the machine says {after:?} and {printed:?}:\n{source}"
    );
    result
}

/// The program before holds so much that nothing else fits.
fn is_out_of_memory(result: &Result<(), Failure>) -> bool {
    match result {
        Err(Failure::Uncaught(text, _)) => text.starts_with("MemoryError"),
        Err(Failure::Refused(_)) => true,
        _ => false,
    }
}
