//! What the compiler gives before anything touches an arena: strings, vectors and boxes.

use crate::code::Op;

/// A compiled function, or the program around all functions.
#[derive(Debug, Default)]
pub struct Code {
    pub name: String,
    pub params: u16,
    pub locals: u16,
    pub captured: u16,
    pub generator: bool,
    pub cells: Vec<u16>,
    pub ops: Vec<Op>,
    pub consts: Vec<Const>,
    pub names: Vec<String>,
    /// The name that each instruction with a cache looks up, by its site.
    pub named: Vec<u16>,
    /// How many constants become objects.
    pub texts: u16,
}

#[derive(Debug)]
pub enum Const {
    None,
    Bool(bool),
    Int(i64),
    Text(String, u16),
    Code(Box<Code>),
}
