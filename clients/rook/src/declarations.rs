//! From tokens to a tree: functions, classes and imports.

use crate::parser::Parser;
use crate::syntax_error::SyntaxError;
use crate::token::{Symbol, Token};
use crate::tree::{Class, Function, StatementKind};

impl Parser {
    pub(crate) fn import(&mut self) -> Result<(StatementKind, u16), SyntaxError> {
        self.advance();
        let module = match self.advance() {
            Token::Text(name) | Token::Name(name) => name,
            _ => return Err(SyntaxError::new(self.line(), "expected the name of a module")),
        };
        let renamed = matches!(self.peek(), Token::Name(name) if name == "as") && self.goes_on();
        let name = if renamed {
            self.advance();
            self.expect_name("a name")?
        } else {
            module.rsplit('/').next().unwrap_or(&module).to_owned()
        };
        self.mention(&name);
        self.end_of(StatementKind::Import(module, name), 0)
    }

    pub(crate) fn class(&mut self) -> Result<(StatementKind, u16), SyntaxError> {
        self.advance();
        let name = self.expect_name("the name of a class")?;
        self.mention(&name);
        let base = if self.take(Symbol::Less) { Some(self.expression()?) } else { None };
        let mut depth = base.as_ref().map_or(0, |base| base.depth);
        self.expect(Symbol::BraceOpen)?;
        let mut methods: Vec<Function> = Vec::new();
        while !self.take(Symbol::BraceClose) {
            if self.take(Symbol::Semicolon) {
                continue;
            }
            let line = self.line();
            let method = self.expect_name("a method")?;
            if methods.iter().any(|other| other.name == method) {
                return Err(SyntaxError::new(line, format!("the class has a method `{method}` already")));
            }
            let method = self.nested(|parser| parser.function(method, line, true))?;
            depth = depth.max(method.body.depth);
            methods.push(method);
        }
        Ok((StatementKind::Class(Class { name, base, methods }), depth))
    }

    /// Parses parameters and body of a function.
    pub(crate) fn function(&mut self, name: String, line: u32, method: bool) -> Result<Function, SyntaxError> {
        self.enter_function(method);
        self.expect(Symbol::ParenOpen)?;
        let mut parameters: Vec<String> = Vec::new();
        while !self.take(Symbol::ParenClose) {
            let parameter = self.expect_name("a parameter")?;
            if parameters.contains(&parameter) {
                return Err(SyntaxError::new(self.line(), format!("there are two parameters `{parameter}`")));
            }
            parameters.push(parameter);
            if !self.take(Symbol::Comma) {
                self.expect(Symbol::ParenClose)?;
                break;
            }
        }
        let body = self.block()?;
        let scope = self.leave_function();
        if let (Some(line), true, "init") = (scope.yields, method, &*name) {
            return Err(SyntaxError::new(line, "`init` cannot yield"));
        }
        Ok(Function { name, line, parameters, body, generator: scope.yields.is_some(), mentioned: scope.mentioned })
    }
}
