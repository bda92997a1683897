//! From tokens to a tree: expressions.

use crate::parser::Parser;
use crate::syntax_error::SyntaxError;
use crate::token::{Keyword, Symbol, Token};
use crate::tree::{Binary, Expr, ExprKind, Unary};

/// The strengths with which operators bind, loosest first.
mod power {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const COMPARE: u8 = 4;
    pub(super) const SUM: u8 = 5;
    pub(super) const PRODUCT: u8 = 6;
}

/// An operator between two operands.
enum Infix {
    And,
    Or,
    Binary(Binary),
}

impl Parser {
    /// Parses an expression. Whatever it contains comes back to here.
    pub(crate) fn expression(&mut self) -> Result<Expr, SyntaxError> {
        self.nested(|parser| {
            let line = parser.line();
            if parser.take_keyword(Keyword::Yield) {
                parser.note_yield(line);
                let value = parser.expression()?;
                let depth = parser.above(line, [value.depth])?;
                return Ok(Expr { line, depth, kind: ExprKind::Yield(Box::new(value)) });
            }
            let condition = parser.binary(power::OR)?;
            if !parser.take(Symbol::Question) {
                return Ok(condition);
            }
            let then = parser.expression()?;
            parser.expect(Symbol::Colon)?;
            let otherwise = parser.expression()?;
            let depth = parser.above(line, [condition.depth, then.depth, otherwise.depth])?;
            Ok(Expr { line, depth, kind: ExprKind::If(Box::new([condition, then, otherwise])) })
        })
    }

    /// Parses operands and the operators between them that bind at least as tightly as `least`.
    fn binary(&mut self, least: u8) -> Result<Expr, SyntaxError> {
        let mut left = self.unary(least)?;
        while let Some((infix, power)) = self.infix().filter(|(_, power)| *power >= least) {
            let line = self.line();
            self.advance();
            let right = self.binary(power + 1)?;
            let depth = self.above(line, [left.depth, right.depth])?;
            let both = Box::new([left, right]);
            let kind = match infix {
                Infix::And => ExprKind::And(both),
                Infix::Or => ExprKind::Or(both),
                Infix::Binary(operator) => ExprKind::Binary(operator, both),
            };
            left = Expr { line, depth, kind };
        }
        Ok(left)
    }

    fn infix(&self) -> Option<(Infix, u8)> {
        let operator = match self.peek() {
            Token::Keyword(Keyword::Or) => return Some((Infix::Or, power::OR)),
            Token::Keyword(Keyword::And) => return Some((Infix::And, power::AND)),
            Token::Keyword(Keyword::In) => (Binary::In, power::COMPARE),
            Token::Symbol(symbol) => match symbol {
                Symbol::EqualEqual => (Binary::Equal, power::COMPARE),
                Symbol::NotEqual => (Binary::NotEqual, power::COMPARE),
                Symbol::Less => (Binary::Less, power::COMPARE),
                Symbol::LessEqual => (Binary::LessEqual, power::COMPARE),
                Symbol::Greater => (Binary::Greater, power::COMPARE),
                Symbol::GreaterEqual => (Binary::GreaterEqual, power::COMPARE),
                Symbol::Plus => (Binary::Add, power::SUM),
                Symbol::Minus if self.goes_on() => (Binary::Subtract, power::SUM),
                Symbol::Star => (Binary::Multiply, power::PRODUCT),
                Symbol::Slash => (Binary::Divide, power::PRODUCT),
                Symbol::SlashSlash => (Binary::DivideFloor, power::PRODUCT),
                Symbol::Percent => (Binary::Remainder, power::PRODUCT),
                _ => return None,
            },
            _ => return None,
        };
        Some((Infix::Binary(operator.0), operator.1))
    }

    fn unary(&mut self, least: u8) -> Result<Expr, SyntaxError> {
        let line = self.line();
        let (operator, operand) = if self.take(Symbol::Minus) {
            (Unary::Negate, self.nested(|parser| parser.unary(power::PRODUCT + 1))?)
        } else if least <= power::NOT && self.take_keyword(Keyword::Not) {
            (Unary::Not, self.nested(|parser| parser.binary(power::NOT))?)
        } else {
            return self.postfix();
        };
        let depth = self.above(line, [operand.depth])?;
        Ok(Expr { line, depth, kind: ExprKind::Unary(operator, Box::new(operand)) })
    }

    /// Parses calls, elements and attributes of a value.
    fn postfix(&mut self) -> Result<Expr, SyntaxError> {
        let mut value = self.primary()?;
        loop {
            let line = self.line();
            if self.peek() == &Token::Symbol(Symbol::ParenOpen) && self.goes_on() {
                let arguments = self.arguments()?;
                let depth = self.above(line, arguments.iter().map(|argument| argument.depth).chain([value.depth]))?;
                value = Expr { line, depth, kind: ExprKind::Call(Box::new(value), arguments) };
            } else if self.peek() == &Token::Symbol(Symbol::BracketOpen) && self.goes_on() {
                self.advance();
                let index = self.bracketed(Self::expression)?;
                self.expect(Symbol::BracketClose)?;
                let depth = self.above(line, [value.depth, index.depth])?;
                value = Expr { line, depth, kind: ExprKind::Index(Box::new([value, index])) };
            } else if self.take(Symbol::Dot) {
                let name = self.expect_name("the name of an attribute")?;
                let depth = self.above(line, [value.depth])?;
                value = Expr { line, depth, kind: ExprKind::Attribute(Box::new(value), name) };
            } else {
                return Ok(value);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, SyntaxError> {
        let line = self.line();
        let mut depth = 1;
        let kind = match self.peek().clone() {
            Token::Int(number) => self.simple(ExprKind::Int(number)),
            Token::Float(number) => self.simple(ExprKind::Float(number)),
            Token::Text(text) => self.simple(ExprKind::Text(text)),
            Token::Keyword(Keyword::Nil) => self.simple(ExprKind::Nil),
            Token::Keyword(Keyword::True) => self.simple(ExprKind::Bool(true)),
            Token::Keyword(Keyword::False) => self.simple(ExprKind::Bool(false)),
            Token::Name(name) => {
                self.mention(&name);
                self.simple(ExprKind::Name(name))
            }
            Token::Keyword(Keyword::This) => {
                self.method_only(line, "`this`")?;
                self.mention("this");
                self.simple(ExprKind::Name("this".to_owned()))
            }
            Token::Keyword(Keyword::Super) => {
                self.method_only(line, "`super`")?;
                self.advance();
                self.mention("this");
                self.mention("super");
                self.expect(Symbol::Dot)?;
                let name = self.expect_name("the name of a method")?;
                let arguments = self.arguments()?;
                depth = self.above(line, arguments.iter().map(|argument| argument.depth))?;
                ExprKind::Super(name, arguments)
            }
            Token::Keyword(Keyword::Fn) => {
                self.advance();
                let function = self.function("fn".to_owned(), line, false)?;
                depth = self.above(line, [function.body.depth])?;
                ExprKind::Fn(Box::new(function))
            }
            Token::Symbol(Symbol::ParenOpen) => {
                self.advance();
                let inner = self.bracketed(Self::expression)?;
                self.expect(Symbol::ParenClose)?;
                return Ok(inner);
            }
            Token::Symbol(Symbol::BracketOpen) => {
                self.advance();
                let elements = self.separated(Symbol::BracketClose, Self::expression)?;
                depth = self.above(line, elements.iter().map(|element| element.depth))?;
                ExprKind::List(elements)
            }
            Token::Symbol(Symbol::BraceOpen) => {
                self.advance();
                let entries = self.separated(Symbol::BraceClose, |parser| {
                    let key = parser.expression()?;
                    parser.expect(Symbol::Colon)?;
                    Ok((key, parser.expression()?))
                })?;
                depth = self.above(line, entries.iter().map(|(key, value)| key.depth.max(value.depth)))?;
                ExprKind::Dict(entries)
            }
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Expr { line, depth, kind })
    }

    fn simple(&mut self, kind: ExprKind) -> ExprKind {
        self.advance();
        kind
    }

    fn method_only(&self, line: u32, what: &str) -> Result<(), SyntaxError> {
        if self.in_method() {
            Ok(())
        } else {
            Err(SyntaxError::new(line, format!("{what} stands outside of a method")))
        }
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, SyntaxError> {
        let line = self.line();
        self.expect(Symbol::ParenOpen)?;
        let arguments = self.separated(Symbol::ParenClose, Self::expression)?;
        if arguments.len() > usize::from(u8::MAX) {
            return Err(SyntaxError::new(line, "a call has more than 255 arguments"));
        }
        Ok(arguments)
    }

    /// Parses elements between commas, and the bracket behind them.
    fn separated<T>(
        &mut self,
        close: Symbol,
        element: impl Fn(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<Vec<T>, SyntaxError> {
        self.bracketed(|parser| {
            let mut elements = Vec::new();
            while parser.peek() != &Token::Symbol(close) {
                elements.push(element(parser)?);
                if !parser.take(Symbol::Comma) {
                    break;
                }
            }
            Ok(elements)
        })
        .and_then(|elements| self.expect(close).map(|()| elements))
    }

    /// Parses what stands in brackets, and may go on over line ends.
    fn bracketed<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, SyntaxError>) -> Result<T, SyntaxError> {
        self.brackets += 1;
        let parsed = parse(self)?;
        self.brackets -= 1;
        Ok(parsed)
    }
}
