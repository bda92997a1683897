//! From text to tokens.

use crate::syntax_error::SyntaxError;
use crate::token::{Keyword, Placed, Symbol, Token};

/// Splits a program into tokens, the last of which is [`Token::End`].
pub(crate) fn tokens(source: &str) -> Result<Vec<Placed>, SyntaxError> {
    let mut lexer = Lexer { rest: source, line: 1, first: true };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let (line, first) = (lexer.line, lexer.first);
        let token = lexer.next()?;
        lexer.first = false;
        let end = token == Token::End;
        tokens.push(Placed { token, line, first });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    rest: &'s str,
    line: u32,
    /// No token was on this line so far.
    first: bool,
}

impl<'s> Lexer<'s> {
    /// Leaves blanks, line ends and comments behind.
    fn skip_blanks(&mut self) {
        while let Some(next) = self.rest.chars().next() {
            match next {
                '\n' => {
                    self.line += 1;
                    self.first = true;
                    self.rest = &self.rest[1..];
                }
                '#' => self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]),
                blank if blank.is_whitespace() => self.rest = &self.rest[blank.len_utf8()..],
                _ => return,
            }
        }
    }

    fn next(&mut self) -> Result<Token, SyntaxError> {
        let Some(next) = self.rest.chars().next() else { return Ok(Token::End) };
        if next.is_ascii_digit() {
            return self.number();
        }
        if next == '"' {
            return self.text();
        }
        if next.is_alphabetic() || next == '_' {
            let name = self.take_while(|c| c.is_alphanumeric() || c == '_');
            return Ok(match Keyword::ALL.iter().find(|(text, _)| *text == name) {
                Some((_, keyword)) => Token::Keyword(*keyword),
                None => Token::Name(name.to_owned()),
            });
        }
        match Symbol::ALL.iter().find(|(text, _)| self.rest.starts_with(text)) {
            Some((text, symbol)) => {
                self.rest = &self.rest[text.len()..];
                Ok(Token::Symbol(*symbol))
            }
            None => Err(self.error(format!("`{next}` means nothing here"))),
        }
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let start = self.rest;
        self.take_while(|c| c.is_ascii_digit());
        let mut float = false;
        if self.rest.starts_with('.') && self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            float = true;
            self.rest = &self.rest[1..];
            self.take_while(|c| c.is_ascii_digit());
        }
        if let Some(exponent) = self.rest.strip_prefix(['e', 'E']) {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.starts_with(|c: char| c.is_ascii_digit()) {
                float = true;
                self.rest = digits;
                self.take_while(|c| c.is_ascii_digit());
            }
        }
        let text = &start[..start.len() - self.rest.len()];
        let number = if float { text.parse().ok().map(Token::Float) } else { text.parse().ok().map(Token::Int) };
        number.ok_or_else(|| self.error(format!("the number `{text}` is too large")))
    }

    fn text(&mut self) -> Result<Token, SyntaxError> {
        let line = self.line;
        self.rest = &self.rest[1..];
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, next)) = chars.next() {
            match next {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Token::Text(text));
                }
                '\n' => break,
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, same @ ('"' | '\\'))) => text.push(same),
                    Some((_, other)) => {
                        return Err(self.error(format!("`\\{other}` is no escape: use \\n, \\t, \\\" or \\\\")));
                    }
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(SyntaxError::new(line, "the text has no end: write `\"` behind it"))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn error(&self, message: String) -> SyntaxError {
        SyntaxError::new(self.line, message)
    }
}
