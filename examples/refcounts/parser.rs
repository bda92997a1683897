//! From tokens to a program. What is nested too deeply is refused, so that nothing behind can run out of stack.

use crate::code::Operator;
use crate::error::VmError;
use crate::syntax::{Expr, Function, Statement};
use crate::token::{Placed, Token, tokens};

/// How high a tree may become.
const HIGHEST: usize = 80;

const KEYWORDS: [&str; 23] = [
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

struct Parser<'s> {
    tokens: Vec<Placed<'s>>,
    next: usize,
    height: usize,
}

impl<'s> Parser<'s> {
    fn peek(&self) -> &Token<'s> {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, VmError> {
        let last = self.tokens.len().saturating_sub(1);
        let line = self.tokens.get(self.next.min(last)).map_or(0, |(_, line)| *line);
        Err(VmError::Syntax { line, message: message.into() })
    }

    fn is_mark(&self, mark: &str) -> bool {
        matches!(self.peek(), Token::Mark(found) if *found == mark)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(found) if *found == word)
    }

    fn skip_if(&mut self, found: bool) -> bool {
        self.next += usize::from(found);
        found
    }

    fn mark(&mut self, mark: &str) -> Result<(), VmError> {
        if self.skip_if(self.is_mark(mark)) { Ok(()) } else { self.error(format!("`{mark}` expected")) }
    }

    fn word(&mut self, word: &str) -> Result<(), VmError> {
        if self.skip_if(self.is_word(word)) { Ok(()) } else { self.error(format!("`{word}` expected")) }
    }

    fn name(&mut self) -> Result<String, VmError> {
        match *self.peek() {
            Token::Name(name) if !KEYWORDS.contains(&name) => {
                self.next += 1;
                Ok(name.to_owned())
            }
            _ => self.error("a name expected"),
        }
    }

    fn higher(&mut self) -> Result<(), VmError> {
        self.height += 1;
        if self.height <= HIGHEST { Ok(()) } else { self.error("nested too deeply") }
    }

    fn within<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, VmError>) -> Result<T, VmError> {
        let height = self.height;
        self.higher()?;
        let parsed = parse(self)?;
        self.height = height;
        Ok(parsed)
    }

    // ── statements ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

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

    // ── expressions ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn params(&mut self, end: &str) -> Result<Vec<String>, VmError> {
        let mut params: Vec<String> = Vec::new();
        while !self.is_mark(end) {
            let name = self.name()?;
            if params.contains(&name) {
                return self.error(format!("two parameters `{name}`"));
            }
            params.push(name);
            if !self.skip_if(self.is_mark(",")) {
                break;
            }
        }
        Ok(params)
    }

    /// An expression, or several with commas, which are a tuple.
    fn expressions(&mut self) -> Result<Expr, VmError> {
        let first = self.expression()?;
        if !self.is_mark(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip_if(self.is_mark(",")) {
            if matches!(self.peek(), Token::Newline | Token::Mark(")" | "=" | ";")) {
                break;
            }
            items.push(self.expression()?);
        }
        Ok(Expr::Tuple(items))
    }

    fn expression(&mut self) -> Result<Expr, VmError> {
        self.within(|parser| {
            if parser.skip_if(parser.is_word("lambda")) {
                let params = parser.params(":")?;
                parser.mark(":")?;
                let body = vec![Statement::Return(parser.expression()?)];
                return Ok(Expr::Lambda(Box::new(Function { name: "<lambda>".to_owned(), params, body })));
            }
            if parser.skip_if(parser.is_word("yield")) {
                let nothing = matches!(parser.peek(), Token::Newline | Token::Mark(";" | ")"));
                let item = if nothing { Expr::None } else { parser.expressions()? };
                return Ok(Expr::Yield(Box::new(item)));
            }
            let value = parser.binary(0)?;
            if !parser.skip_if(parser.is_word("if")) {
                return Ok(value);
            }
            let condition = parser.binary(0)?;
            parser.word("else")?;
            Ok(Expr::If(Box::new([condition, value, parser.expression()?])))
        })
    }

    /// Operators that bind at least as tightly as `least`.
    fn binary(&mut self, least: u8) -> Result<Expr, VmError> {
        let height = self.height;
        let mut left = self.unary()?;
        let mut last = u8::MAX;
        while let Some((join, level, words)) = self.operator().filter(|(_, level, _)| *level >= least) {
            if level == COMPARISON && last == COMPARISON {
                return self.error("comparisons in a row");
            }
            last = level;
            self.next += words;
            self.higher()?;
            let right = self.binary(level + 1)?;
            let (a, b) = (Box::new(left), Box::new(right));
            left = match join {
                Join::Or => Expr::Or(a, b),
                Join::And => Expr::And(a, b),
                Join::With(operator) => Expr::Binary(operator, a, b),
            };
        }
        self.height = height;
        Ok(left)
    }

    /// The operator that comes next, how tightly it binds, and of how many words it is.
    fn operator(&self) -> Option<(Join, u8, usize)> {
        use Operator::*;
        let with = |operator, level| Some((Join::With(operator), level, 1));
        match *self.peek() {
            Token::Name("or") => Some((Join::Or, 0, 1)),
            Token::Name("and") => Some((Join::And, 1, 1)),
            Token::Name("is") => match self.tokens.get(self.next + 1) {
                Some((Token::Name("not"), _)) => Some((Join::With(IsNot), COMPARISON, 2)),
                _ => with(Is, COMPARISON),
            },
            Token::Mark("==") => with(Equal, COMPARISON),
            Token::Mark("!=") => with(NotEqual, COMPARISON),
            Token::Mark("<") => with(Less, COMPARISON),
            Token::Mark("<=") => with(LessEqual, COMPARISON),
            Token::Mark(">") => with(Greater, COMPARISON),
            Token::Mark(">=") => with(GreaterEqual, COMPARISON),
            Token::Mark("+") => with(Add, COMPARISON + 1),
            Token::Mark("-") => with(Subtract, COMPARISON + 1),
            Token::Mark("*") => with(Multiply, COMPARISON + 2),
            Token::Mark("//") => with(Divide, COMPARISON + 2),
            Token::Mark("%") => with(Remainder, COMPARISON + 2),
            _ => None,
        }
    }

    fn unary(&mut self) -> Result<Expr, VmError> {
        if self.skip_if(self.is_word("not")) {
            return self.within(|parser| Ok(Expr::Not(Box::new(parser.binary(COMPARISON)?))));
        }
        if self.skip_if(self.is_mark("-")) {
            return self.within(|parser| Ok(Expr::Negative(Box::new(parser.unary()?))));
        }
        let height = self.height;
        let mut value = self.atom()?;
        loop {
            self.higher()?;
            value = if self.skip_if(self.is_mark("(")) {
                Expr::Call(Box::new(value), self.items(")")?)
            } else if self.skip_if(self.is_mark("[")) {
                let index = self.expression()?;
                self.mark("]")?;
                Expr::Index(Box::new(value), Box::new(index))
            } else if self.skip_if(self.is_mark(".")) {
                Expr::Attribute(Box::new(value), self.name()?)
            } else {
                self.height = height;
                return Ok(value);
            };
        }
    }

    /// Expressions up to a closing bracket.
    fn items(&mut self, end: &str) -> Result<Vec<Expr>, VmError> {
        let mut items = Vec::new();
        while !self.is_mark(end) {
            items.push(self.expression()?);
            if !self.skip_if(self.is_mark(",")) {
                break;
            }
        }
        self.mark(end)?;
        Ok(items)
    }

    fn atom(&mut self) -> Result<Expr, VmError> {
        match self.peek().clone() {
            Token::Name(word) if KEYWORDS.contains(&word) => {
                self.next += 1;
                match word {
                    "None" => Ok(Expr::None),
                    "True" => Ok(Expr::Bool(true)),
                    "False" => Ok(Expr::Bool(false)),
                    _ => self.error(format!("`{word}` is no value")),
                }
            }
            Token::Name(_) => self.name().map(Expr::Name),
            Token::Int(int) => {
                self.next += 1;
                Ok(Expr::Int(int))
            }
            Token::Text(text) => {
                self.next += 1;
                Ok(Expr::Text(text))
            }
            Token::Mark("(") => {
                self.next += 1;
                let value = if self.is_mark(")") { Expr::Tuple(Vec::new()) } else { self.expressions()? };
                self.mark(")")?;
                Ok(value)
            }
            Token::Mark("[") => {
                self.next += 1;
                self.list()
            }
            _ => self.error("an expression expected"),
        }
    }

    /// A list or a comprehension, behind its bracket.
    fn list(&mut self) -> Result<Expr, VmError> {
        if self.skip_if(self.is_mark("]")) {
            return Ok(Expr::List(Vec::new()));
        }
        let first = self.expression()?;
        if !self.skip_if(self.is_word("for")) {
            let mut items = vec![first];
            if !self.is_mark("]") {
                self.mark(",")?;
            }
            items.extend(self.items("]")?);
            return Ok(Expr::List(items));
        }
        let name = self.name()?;
        self.word("in")?;
        let source = self.binary(0)?;
        let condition = if self.skip_if(self.is_word("if")) { Some(self.binary(0)?) } else { None };
        self.mark("]")?;
        let function = Function::comprehension(first, name, condition);
        Ok(Expr::Call(Box::new(Expr::Lambda(Box::new(function))), vec![source]))
    }
}

/// How tightly comparisons bind; `not` binds like them.
const COMPARISON: u8 = 3;

/// What two operands become.
enum Join {
    Or,
    And,
    With(Operator),
}
