//! The words of a text as they stand there, for programs that are changed word by word.

use crate::token::Symbol;

/// Splits a text into words, signs, texts and line ends. Blanks are left out.
pub(super) fn lexemes(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let len = match next {
            '"' => text_len(rest),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            c if c.is_ascii_digit() => rest.find(|c: char| !(c.is_alphanumeric() || c == '.')).unwrap_or(rest.len()),
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            }
            c => {
                Symbol::ALL.iter().find(|(sign, _)| rest.starts_with(sign)).map_or(c.len_utf8(), |(sign, _)| sign.len())
            }
        };
        let (lexeme, behind) = rest.split_at(len);
        if lexeme == "\n" || !lexeme.trim().is_empty() && !lexeme.starts_with('#') {
            found.push(lexeme);
        }
        rest = behind;
    }
    found
}

/// The length of the text in quotation marks that stands first.
fn text_len(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\\' => escaped = !escaped,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    rest.len()
}
