//! The part of the parser that reads expressions.

use crate::code::Operator;
use crate::error::VmError;
use crate::parser::{KEYWORDS, Parser};
use crate::syntax::{Expr, Function, Statement};
use crate::token::Token;

/// How tightly comparisons bind; `not` binds like them.
const COMPARISON: u8 = 3;

/// What two operands become.
enum Join {
    Or,
    And,
    With(Operator),
}

impl Parser<'_> {
    pub(crate) fn params(&mut self, end: &str) -> Result<Vec<String>, VmError> {
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
    pub(crate) fn expressions(&mut self) -> Result<Expr, VmError> {
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

    pub(crate) fn expression(&mut self) -> Result<Expr, VmError> {
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
