//! From tokens to a program: statements here, expressions in `expression`. What is nested too deeply is refused, so that nothing behind can
//! run out of stack.

use crate::error::VmError;
use crate::syntax::{Expr, Function, Statement};
use crate::token::{Placed, Token, tokens};

/// How high a tree may become.
const HIGHEST: usize = 80;

pub(crate) const KEYWORDS: [&str; 23] = [
    "None", "True", "False", "and", "or", "not", "is", "in", "if", "else", "elif", "for", "while", "def", "return",
    "lambda", "yield", "del", "pass", "nonlocal", "global", "import", "class",
];

/// Parses a program.
pub fn parse(source: &str) -> Result<Vec<Statement>, VmError> {
    let mut parser = Parser { tokens: tokens(source)?, next: 0, height: 0 };
    let mut program = Vec::new();
    while *parser.peek() != Token::End {
        parser.statement(&mut program)?;
    }
    Ok(program)
}

pub struct Parser<'s> {
    pub(crate) tokens: Vec<Placed<'s>>,
    pub(crate) next: usize,
    /// How high the tree is above what is being parsed.
    pub(crate) height: usize,
}

impl<'s> Parser<'s> {
    pub(crate) fn peek(&self) -> &Token<'s> {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    pub(crate) fn error<T>(&self, message: impl Into<String>) -> Result<T, VmError> {
        let last = self.tokens.len().saturating_sub(1);
        let line = self.tokens.get(self.next.min(last)).map_or(0, |(_, line)| *line);
        Err(VmError::Syntax { line, message: message.into() })
    }

    pub(crate) fn is_mark(&self, mark: &str) -> bool {
        matches!(self.peek(), Token::Mark(found) if *found == mark)
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(found) if *found == word)
    }

    pub(crate) fn skip_if(&mut self, found: bool) -> bool {
        self.next += usize::from(found);
        found
    }

    pub(crate) fn mark(&mut self, mark: &str) -> Result<(), VmError> {
        if self.skip_if(self.is_mark(mark)) { Ok(()) } else { self.error(format!("`{mark}` expected")) }
    }

    pub(crate) fn word(&mut self, word: &str) -> Result<(), VmError> {
        if self.skip_if(self.is_word(word)) { Ok(()) } else { self.error(format!("`{word}` expected")) }
    }

    pub(crate) fn name(&mut self) -> Result<String, VmError> {
        match *self.peek() {
            Token::Name(name) if !KEYWORDS.contains(&name) => {
                self.next += 1;
                Ok(name.to_owned())
            }
            _ => self.error("a name expected"),
        }
    }

    pub(crate) fn higher(&mut self) -> Result<(), VmError> {
        self.height += 1;
        if self.height <= HIGHEST { Ok(()) } else { self.error("nested too deeply") }
    }

    pub(crate) fn within<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, VmError>) -> Result<T, VmError> {
        let height = self.height;
        self.higher()?;
        let parsed = parse(self)?;
        self.height = height;
        Ok(parsed)
    }

    /// One line, or one statement with its blocks.
    fn statement(&mut self, to: &mut Vec<Statement>) -> Result<(), VmError> {
        let Token::Name(word) = *self.peek() else { return self.line(to) };
        let statement = match word {
            "def" => {
                self.next += 1;
                let name = self.name()?;
                self.mark("(")?;
                let params = self.params(")")?;
                self.mark(")")?;
                Statement::Function(Function { name, params, body: self.block()? })
            }
            "if" => self.condition()?,
            "while" => {
                self.next += 1;
                Statement::While(self.expression()?, self.block()?)
            }
            "for" => {
                self.next += 1;
                let name = self.name()?;
                self.word("in")?;
                Statement::For(name, self.expression()?, self.block()?)
            }
            _ => return self.line(to),
        };
        to.push(statement);
        Ok(())
    }

    fn condition(&mut self) -> Result<Statement, VmError> {
        let (mut cases, mut otherwise) = (Vec::new(), Vec::new());
        while self.is_word("if") || (self.is_word("elif") && !cases.is_empty()) {
            if self.is_word("if") && !cases.is_empty() {
                break;
            }
            self.next += 1;
            cases.push((self.expression()?, self.block()?));
        }
        if self.skip_if(self.is_word("else")) {
            otherwise = self.block()?;
        }
        Ok(Statement::If(cases, otherwise))
    }

    /// What stands behind a colon.
    fn block(&mut self) -> Result<Vec<Statement>, VmError> {
        self.mark(":")?;
        self.within(|parser| {
            let mut block = Vec::new();
            if !parser.skip_if(*parser.peek() == Token::Newline) {
                parser.line(&mut block)?;
                return Ok(block);
            }
            if !parser.skip_if(*parser.peek() == Token::Indent) {
                return parser.error("an indented block expected");
            }
            while !parser.skip_if(*parser.peek() == Token::Dedent) {
                parser.statement(&mut block)?;
            }
            Ok(block)
        })
    }

    /// Simple statements with `;` between them.
    fn line(&mut self, to: &mut Vec<Statement>) -> Result<(), VmError> {
        loop {
            to.push(self.simple()?);
            let more = self.skip_if(self.is_mark(";"));
            if self.skip_if(*self.peek() == Token::Newline) {
                return Ok(());
            }
            if !more {
                return self.error("the end of the line expected");
            }
        }
    }

    fn simple(&mut self) -> Result<Statement, VmError> {
        let word = match *self.peek() {
            Token::Name(word) => word,
            _ => "",
        };
        let statement: fn(String) -> Statement = match word {
            "pass" => {
                self.next += 1;
                return Ok(Statement::Pass);
            }
            "return" => {
                self.next += 1;
                let nothing = matches!(self.peek(), Token::Newline | Token::Mark(";"));
                return Ok(Statement::Return(if nothing { Expr::None } else { self.expressions()? }));
            }
            "del" => Statement::Delete,
            "nonlocal" => Statement::Nonlocal,
            "global" => Statement::Global,
            _ => {
                let target = self.expressions()?;
                if !self.skip_if(self.is_mark("=")) {
                    return Ok(Statement::Expr(target));
                }
                return match target {
                    Expr::Name(name) => Ok(Statement::Assign(name, self.expressions()?)),
                    Expr::Attribute(object, name) => Ok(Statement::SetAttribute(*object, name, self.expressions()?)),
                    _ => self.error("nothing that can be assigned to"),
                };
            }
        };
        self.next += 1;
        Ok(statement(self.name()?))
    }
}
