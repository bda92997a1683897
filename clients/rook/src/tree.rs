//! The tree of a program: what the parser makes and the compiler reads. Boxes and strings, and nothing of arenas.

use std::collections::HashSet;

/// An expression. `depth` is the height of its tree, which the parser bounds.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) line: u32,
    pub(crate) depth: u16,
    pub(crate) kind: ExprKind,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A variable; `this` and `super` are variables, too.
    Name(String),
    List(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<[Expr; 2]>),
    And(Box<[Expr; 2]>),
    Or(Box<[Expr; 2]>),
    /// The second if the first is true, else the third.
    If(Box<[Expr; 3]>),
    Attribute(Box<Expr>, String),
    Index(Box<[Expr; 2]>),
    Call(Box<Expr>, Vec<Expr>),
    /// A method of the class that this one inherits from.
    Super(String, Vec<Expr>),
    Fn(Box<Function>),
    Yield(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, permacode::Permanent)]
#[permanent(plain)]
pub(crate) enum Unary {
    Negate,
    Not,
}

/// An operator between two values. It stands in bytecode as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, permacode::Permanent)]
#[permanent(plain)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    DivideFloor,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

impl Binary {
    /// The operator as a program spells it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::DivideFloor => "//",
            Self::Remainder => "%",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
        }
    }
}

/// A function, a method, or a whole module.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: u32,
    pub(crate) parameters: Vec<String>,
    pub(crate) body: Block,
    /// It has a `yield` of its own, so a call makes a generator.
    pub(crate) generator: bool,
    /// Names that functions within it mention. A variable of such a name is kept in the heap, where those find it.
    pub(crate) mentioned: HashSet<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) statements: Vec<Statement>,
    pub(crate) depth: u16,
}

#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) line: u32,
    pub(crate) kind: StatementKind,
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    Expr(Expr),
    Let(String, Expr),
    /// `target operator= value`; without an operator a plain assignment.
    Assign(Expr, Option<Binary>, Expr),
    If(Expr, Block, Block),
    While(Expr, Block),
    For(String, Expr, Block),
    Break,
    Continue,
    Return(Option<Expr>),
    Throw(Expr),
    Fn(Function),
    Class(Class),
    Try(Try),
    /// Of the module of this name; bound to the second.
    Import(String, String),
    Block(Block),
}

#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: String,
    pub(crate) base: Option<Expr>,
    pub(crate) methods: Vec<Function>,
}

#[derive(Debug)]
pub(crate) struct Try {
    pub(crate) body: Block,
    pub(crate) catches: Vec<Catch>,
    pub(crate) finally: Option<Block>,
}

#[derive(Debug)]
pub(crate) struct Catch {
    pub(crate) line: u32,
    pub(crate) name: String,
    /// The class that is caught; without one, everything.
    pub(crate) class: Option<Expr>,
    pub(crate) body: Block,
}
