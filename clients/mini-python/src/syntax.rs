//! A parsed program, before anything is known of its names.

use crate::code::Operator;

#[derive(Debug)]
pub enum Expr {
    None,
    Bool(bool),
    Int(i64),
    Text(String),
    Name(String),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Lambda(Box<Function>),
    Call(Box<Expr>, Vec<Expr>),
    Attribute(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// Condition, then, otherwise.
    If(Box<[Expr; 3]>),
    Yield(Box<Expr>),
}

#[derive(Debug)]
pub enum Statement {
    Pass,
    Expr(Expr),
    Assign(String, Expr),
    SetAttribute(Expr, String, Expr),
    Delete(String),
    Return(Expr),
    /// Conditions with their blocks, and what is done if none holds.
    If(Vec<(Expr, Vec<Statement>)>, Vec<Statement>),
    While(Expr, Vec<Statement>),
    For(String, Expr, Vec<Statement>),
    Function(Function),
    Nonlocal(String),
    Global(String),
    /// One more item of the list that a comprehension makes.
    Append(Expr),
}

#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub params: Vec<String>,
    pub body: Vec<Statement>,
}

/// Names that programs cannot write: what a comprehension goes over, and what it makes.
pub const SOURCE: &str = ".0";
pub const RESULT: &str = ".list";

impl Function {
    /// `[item for name in SOURCE if condition]`, as a function of what it goes over.
    pub fn comprehension(item: Expr, name: String, condition: Option<Expr>) -> Self {
        let append = Statement::Append(item);
        let each = match condition {
            Some(condition) => Statement::If(vec![(condition, vec![append])], Vec::new()),
            None => append,
        };
        let body = vec![
            Statement::Assign(RESULT.to_owned(), Expr::List(Vec::new())),
            Statement::For(name, Expr::Name(SOURCE.to_owned()), vec![each]),
            Statement::Return(Expr::Name(RESULT.to_owned())),
        ];
        Self { name: "<listcomp>".to_owned(), params: vec![SOURCE.to_owned()], body }
    }
}
