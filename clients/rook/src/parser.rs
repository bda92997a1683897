//! From tokens to a tree: statements. `declarations.rs` has functions, classes and imports, `expression.rs` the expressions.
//!
//! The height of a tree is bounded, so that whatever walks it, the compiler and the drop of its boxes, needs a bounded stack.

use crate::lexer::tokens;
use crate::syntax_error::SyntaxError;
use crate::token::{Keyword, Placed, Symbol, Token};
use crate::tree::{Binary, Block, Catch, Expr, ExprKind, Function, Statement, StatementKind, Try};
use std::collections::HashSet;

/// The greatest height of a tree.
const DEEPEST: u16 = 150;

/// Parses a module or the text of an `eval`: a function without parameters.
pub(crate) fn parse(name: &str, source: &str) -> Result<Function, SyntaxError> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, brackets: 0, nested: 0, scopes: vec![Scope::default()] };
    let mut body = Block::default();
    while parser.peek() != &Token::End {
        parser.statement_into(&mut body)?;
    }
    let scope = parser.leave_function();
    if let Some(line) = scope.yields {
        return Err(SyntaxError::new(line, "`yield` stands outside of a function"));
    }
    let (name, mentioned) = (name.to_owned(), scope.mentioned);
    Ok(Function { name, line: 1, parameters: Vec::new(), body, generator: false, mentioned })
}

pub(crate) struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    /// The count of open brackets: within them an expression goes on in the next line.
    pub(crate) brackets: usize,
    /// The depth of the parser in itself.
    nested: u16,
    scopes: Vec<Scope>,
}

/// A function while its body is parsed.
#[derive(Default)]
pub(crate) struct Scope {
    /// The names in it.
    used: HashSet<String>,
    /// The names in functions within it.
    pub(crate) mentioned: HashSet<String>,
    /// The line of its first `yield`.
    pub(crate) yields: Option<u32>,
    /// A method: `this` and `super` mean something in it.
    method: bool,
}

impl Parser {
    // ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn peek(&self) -> &Token {
        &self.tokens[self.at].token
    }

    pub(crate) fn line(&self) -> u32 {
        self.tokens[self.at].line
    }

    /// Returns `true` if the next token may go on with the expression before it, though it could also begin a statement.
    pub(crate) fn goes_on(&self) -> bool {
        self.brackets > 0 || !self.tokens[self.at].first
    }

    pub(crate) fn advance(&mut self) -> Token {
        let token = self.tokens[self.at].token.clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    pub(crate) fn take(&mut self, symbol: Symbol) -> bool {
        let found = self.peek() == &Token::Symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    pub(crate) fn take_keyword(&mut self, keyword: Keyword) -> bool {
        let found = self.peek() == &Token::Keyword(keyword);
        if found {
            self.advance();
        }
        found
    }

    pub(crate) fn expect(&mut self, symbol: Symbol) -> Result<(), SyntaxError> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    pub(crate) fn expect_name(&mut self, what: &str) -> Result<String, SyntaxError> {
        match self.peek() {
            Token::Name(_) => match self.advance() {
                Token::Name(name) => Ok(name),
                _ => Err(self.unexpected(what)),
            },
            _ => Err(self.unexpected(what)),
        }
    }

    pub(crate) fn unexpected(&self, wanted: &str) -> SyntaxError {
        SyntaxError::new(self.line(), format!("expected {wanted}, found {}", self.peek()))
    }

    // ── bounds and scopes ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// The height of a tree above trees of these heights.
    pub(crate) fn above(&self, line: u32, depths: impl IntoIterator<Item = u16>) -> Result<u16, SyntaxError> {
        let depth = depths.into_iter().max().unwrap_or(0) + 1;
        if depth > DEEPEST { Err(too_deep(line)) } else { Ok(depth) }
    }

    /// Parses something that may contain itself.
    pub(crate) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.nested == DEEPEST {
            return Err(too_deep(self.line()));
        }
        self.nested += 1;
        let parsed = parse(self);
        self.nested -= 1;
        parsed
    }

    /// Begins a function.
    pub(crate) fn enter_function(&mut self, method: bool) {
        self.scopes.push(Scope { method, ..Scope::default() });
    }

    /// Ends a function. All names in it are mentioned within the one around it.
    pub(crate) fn leave_function(&mut self) -> Scope {
        let scope = self.scopes.pop().unwrap_or_default();
        if let Some(outer) = self.scopes.last_mut() {
            outer.mentioned.extend(scope.used.iter().chain(&scope.mentioned).cloned());
        }
        scope
    }

    /// Notes that the function mentions a name.
    pub(crate) fn mention(&mut self, name: &str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.used.insert(name.to_owned());
        }
    }

    pub(crate) fn note_yield(&mut self, line: u32) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.yields.get_or_insert(line);
        }
    }

    pub(crate) fn in_method(&self) -> bool {
        self.scopes.iter().any(|scope| scope.method)
    }

    // ── statements ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Parses a statement and adds it to a block.
    fn statement_into(&mut self, block: &mut Block) -> Result<(), SyntaxError> {
        if self.take(Symbol::Semicolon) {
            return Ok(());
        }
        let line = self.line();
        let (kind, depth) = self.nested(Self::statement)?;
        block.depth = block.depth.max(self.above(line, [depth])?);
        block.statements.push(Statement { line, kind });
        Ok(())
    }

    /// A statement, and the height of what is in it.
    fn statement(&mut self) -> Result<(StatementKind, u16), SyntaxError> {
        let line = self.line();
        match self.peek().clone() {
            Token::Keyword(Keyword::Let) => {
                self.advance();
                let name = self.expect_name("a name")?;
                self.mention(&name);
                let value = if self.take(Symbol::Equal) { self.expression()? } else { nil(line) };
                let depth = value.depth;
                self.end_of(StatementKind::Let(name, value), depth)
            }
            Token::Keyword(Keyword::If) => self.if_statement(),
            Token::Keyword(Keyword::While) => {
                self.advance();
                let (condition, body) = (self.expression()?, self.block()?);
                let depth = condition.depth.max(body.depth);
                Ok((StatementKind::While(condition, body), depth))
            }
            Token::Keyword(Keyword::For) => {
                self.advance();
                let name = self.expect_name("the name of a variable")?;
                self.mention(&name);
                if !self.take_keyword(Keyword::In) {
                    return Err(self.unexpected("`in`"));
                }
                let (over, body) = (self.expression()?, self.block()?);
                let depth = over.depth.max(body.depth);
                Ok((StatementKind::For(name, over, body), depth))
            }
            Token::Keyword(Keyword::Break) => {
                self.advance();
                self.end_of(StatementKind::Break, 0)
            }
            Token::Keyword(Keyword::Continue) => {
                self.advance();
                self.end_of(StatementKind::Continue, 0)
            }
            Token::Keyword(Keyword::Return) => {
                self.advance();
                let bare = self.at_end() || !self.goes_on();
                let value = if bare { None } else { Some(self.expression()?) };
                let depth = value.as_ref().map_or(0, |value| value.depth);
                self.end_of(StatementKind::Return(value), depth)
            }
            Token::Keyword(Keyword::Throw) => {
                self.advance();
                let value = self.expression()?;
                let depth = value.depth;
                self.end_of(StatementKind::Throw(value), depth)
            }
            Token::Keyword(Keyword::Fn) if matches!(self.tokens[self.at + 1].token, Token::Name(_)) => {
                self.advance();
                let name = self.expect_name("a name")?;
                self.mention(&name);
                let function = self.function(name, line, false)?;
                let depth = function.body.depth;
                Ok((StatementKind::Fn(function), depth))
            }
            Token::Keyword(Keyword::Class) => self.class(),
            Token::Keyword(Keyword::Try) => self.try_statement(),
            Token::Keyword(Keyword::Import) => self.import(),
            Token::Symbol(Symbol::BraceOpen) => {
                let block = self.block()?;
                let depth = block.depth;
                Ok((StatementKind::Block(block), depth))
            }
            _ => self.expression_statement(),
        }
    }

    /// Returns `true` if nothing of this statement can follow.
    fn at_end(&self) -> bool {
        matches!(self.peek(), Token::End | Token::Symbol(Symbol::BraceClose | Symbol::Semicolon))
    }

    /// Checks that a statement ends here.
    pub(crate) fn end_of(&mut self, kind: StatementKind, depth: u16) -> Result<(StatementKind, u16), SyntaxError> {
        if self.take(Symbol::Semicolon) || self.at_end() || self.tokens[self.at].first {
            return Ok((kind, depth));
        }
        Err(self.unexpected("the end of the statement"))
    }

    fn expression_statement(&mut self) -> Result<(StatementKind, u16), SyntaxError> {
        let line = self.line();
        let target = self.expression()?;
        let operator = match self.peek() {
            Token::Symbol(Symbol::Equal) => None,
            Token::Symbol(Symbol::PlusEqual) => Some(Binary::Add),
            Token::Symbol(Symbol::MinusEqual) => Some(Binary::Subtract),
            Token::Symbol(Symbol::StarEqual) => Some(Binary::Multiply),
            Token::Symbol(Symbol::SlashEqual) => Some(Binary::Divide),
            _ => {
                let depth = target.depth;
                return self.end_of(StatementKind::Expr(target), depth);
            }
        };
        self.advance();
        let assignable = match &target.kind {
            ExprKind::Name(name) => name != "this",
            ExprKind::Attribute(..) | ExprKind::Index(_) => true,
            _ => false,
        };
        if !assignable {
            return Err(SyntaxError::new(line, "only a variable, an attribute or an element can be assigned to"));
        }
        let value = self.expression()?;
        let depth = target.depth.max(value.depth);
        self.end_of(StatementKind::Assign(target, operator, value), depth)
    }

    fn if_statement(&mut self) -> Result<(StatementKind, u16), SyntaxError> {
        self.advance();
        let (condition, then) = (self.expression()?, self.block()?);
        let mut otherwise = Block::default();
        if self.take_keyword(Keyword::Else) {
            if self.peek() == &Token::Keyword(Keyword::If) {
                self.statement_into(&mut otherwise)?;
            } else {
                otherwise = self.block()?;
            }
        }
        let depth = condition.depth.max(then.depth).max(otherwise.depth);
        Ok((StatementKind::If(condition, then, otherwise), depth))
    }

    fn try_statement(&mut self) -> Result<(StatementKind, u16), SyntaxError> {
        self.advance();
        let body = self.block()?;
        let (mut catches, mut depth) = (Vec::new(), body.depth);
        loop {
            let line = self.line();
            if !self.take_keyword(Keyword::Catch) {
                break;
            }
            let name = self.expect_name("a name for what is caught")?;
            self.mention(&name);
            let class = if self.take(Symbol::Colon) { Some(self.expression()?) } else { None };
            let body = self.block()?;
            depth = depth.max(body.depth).max(class.as_ref().map_or(0, |class| class.depth));
            catches.push(Catch { line, name, class, body });
        }
        let finally = if self.take_keyword(Keyword::Finally) { Some(self.block()?) } else { None };
        if catches.is_empty() && finally.is_none() {
            return Err(self.unexpected("`catch` or `finally`"));
        }
        depth = depth.max(finally.as_ref().map_or(0, |block| block.depth));
        Ok((StatementKind::Try(Try { body, catches, finally }), depth))
    }

    pub(crate) fn block(&mut self) -> Result<Block, SyntaxError> {
        self.expect(Symbol::BraceOpen)?;
        let brackets = std::mem::take(&mut self.brackets);
        let mut block = Block::default();
        while !self.take(Symbol::BraceClose) {
            if self.peek() == &Token::End {
                return Err(self.unexpected("`}`"));
            }
            self.statement_into(&mut block)?;
        }
        self.brackets = brackets;
        Ok(block)
    }
}

fn nil(line: u32) -> Expr {
    Expr { line, depth: 1, kind: ExprKind::Nil }
}

fn too_deep(line: u32) -> SyntaxError {
    SyntaxError::new(line, format!("this is nested more than {DEEPEST} deep"))
}
