//! Words and marks, and the lines and blocks that indentation makes.

use crate::error::VmError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'s> {
    Name(&'s str),
    Int(i64),
    Text(String),
    Mark(&'static str),
    Newline,
    Indent,
    Dedent,
    End,
}

/// The longer ones first.
const MARKS: [&str; 20] =
    ["==", "!=", "<=", ">=", "//", "+", "-", "*", "%", "<", ">", "=", "(", ")", "[", "]", ",", ":", ".", ";"];

/// A token and its line.
pub type Placed<'s> = (Token<'s>, usize);

/// Cuts a program into tokens, the last of which is `End`.
pub fn tokens(source: &str) -> Result<Vec<Placed<'_>>, VmError> {
    let mut lexer = Lexer { tokens: Vec::new(), indents: Vec::new(), brackets: 0 };
    let mut lines = 0;
    for (number, line) in source.lines().enumerate() {
        lexer.line(line, number + 1)?;
        lines = number + 1;
    }
    if lexer.brackets != 0 {
        return error(lines, "a bracket is not closed");
    }
    lexer.tokens.extend(lexer.indents.iter().map(|_| (Token::Dedent, lines)));
    lexer.tokens.push((Token::End, lines));
    Ok(lexer.tokens)
}

fn error<T>(line: usize, message: &str) -> Result<T, VmError> {
    Err(VmError::Syntax { line, message: message.to_owned() })
}

struct Lexer<'s> {
    tokens: Vec<Placed<'s>>,
    /// Widths of the open blocks' indentation.
    indents: Vec<usize>,
    /// Open ones, within which lines and indentation mean nothing.
    brackets: usize,
}

impl<'s> Lexer<'s> {
    fn line(&mut self, line: &'s str, number: usize) -> Result<(), VmError> {
        let mut rest = line.trim_start();
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(());
        }
        if self.brackets == 0 {
            self.indent(line.len() - rest.len(), number)?;
        }
        while !rest.is_empty() && !rest.starts_with('#') {
            let (token, length) = token(rest, number)?;
            match token {
                Token::Mark("(" | "[") => self.brackets += 1,
                Token::Mark(")" | "]") => match self.brackets.checked_sub(1) {
                    Some(brackets) => self.brackets = brackets,
                    None => return error(number, "a bracket is closed that was not opened"),
                },
                _ => {}
            }
            self.tokens.push((token, number));
            rest = rest[length..].trim_start();
        }
        if self.brackets == 0 {
            self.tokens.push((Token::Newline, number));
        }
        Ok(())
    }

    fn indent(&mut self, width: usize, line: usize) -> Result<(), VmError> {
        if self.indents.last().copied().unwrap_or(0) < width {
            self.indents.push(width);
            self.tokens.push((Token::Indent, line));
        }
        while self.indents.last().is_some_and(|open| *open > width) {
            self.indents.pop();
            self.tokens.push((Token::Dedent, line));
        }
        if self.indents.last().copied().unwrap_or(0) == width { Ok(()) } else { error(line, "no such indentation") }
    }
}

/// The first token of a text, and its length in bytes.
fn token(text: &str, line: usize) -> Result<(Token<'_>, usize), VmError> {
    let run = |within: fn(char) -> bool| text.find(|letter| !within(letter)).unwrap_or(text.len());
    match text.chars().next() {
        Some('0'..='9') => {
            let length = run(|letter| letter.is_ascii_digit());
            let Ok(int) = text[..length].parse() else { return error(line, "the number is too large") };
            Ok((Token::Int(int), length))
        }
        Some(quote @ ('"' | '\'')) => quoted(text, quote, line),
        Some(letter) if letter.is_alphabetic() || letter == '_' => {
            let length = run(|letter| letter.is_alphanumeric() || letter == '_');
            Ok((Token::Name(&text[..length]), length))
        }
        _ => match MARKS.iter().find(|mark| text.starts_with(**mark)) {
            Some(mark) => Ok((Token::Mark(mark), mark.len())),
            None => error(line, "a character that means nothing"),
        },
    }
}

fn quoted(text: &str, quote: char, line: usize) -> Result<(Token<'_>, usize), VmError> {
    let mut content = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Ok((Token::Text(content), at + 1)),
            '\\' => match letters.next() {
                Some((_, 'n')) => content.push('\n'),
                Some((_, escaped @ ('\\' | '\'' | '"'))) => content.push(escaped),
                _ => return error(line, "no such escape"),
            },
            _ => content.push(letter),
        }
    }
    error(line, "a text is not closed")
}
