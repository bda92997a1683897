//! What a compiler gives before anything touches an arena: a tree of strings, vectors and boxes.
//!
//! The language has integers, `+`, `-`, `<`, `if`, and functions of any number of parameters that may lie in one another and call
//! themselves, what lies in them, and what they lie in: `(fn fib (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))`.

use crate::code::Op;
use crate::machine::VmError;

/// A compiled function.
#[derive(Debug, Default)]
pub struct Code {
    pub name: String,
    pub params: u8,
    pub ops: Vec<u8>,
    pub consts: Vec<Const>,
    /// Calls in it: each has a counter outside of the code.
    pub sites: usize,
}

#[derive(Debug)]
pub enum Const {
    Int(i64),
    Code(Box<Code>),
}

/// Compiles the one function that `source` is.
pub fn parse(source: &str) -> Result<Code, VmError> {
    let spaced = source.replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace();
    let code = Scope::function(&mut words, None)?;
    words.next().map_or(Ok(code), |word| error(format!("`{word}` behind the end")))
}

/// `fib n`, the slow way.
pub fn fibonacci() -> Code {
    parse("(fn fib (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))").expect("a correct program")
}

/// `0 + 1 + … + (n - 1)`, by a function that goes back to its parent.
pub fn sum_below() -> Code {
    parse("(fn sum (n) (fn rest (n) (+ n (sum n))) (if (< n 1) 0 (rest (- n 1))))").expect("a correct program")
}

/// A function while it is compiled.
struct Scope<'p> {
    code: Code,
    locals: Vec<String>,
    parent: Option<&'p str>,
}

fn error<T>(message: impl Into<String>) -> Result<T, VmError> {
    Err(VmError::Syntax(message.into()))
}

fn next<'s>(words: &mut impl Iterator<Item = &'s str>) -> Result<&'s str, VmError> {
    words.next().map_or_else(|| error("the program ends too early"), Ok)
}

fn expect<'s>(words: &mut impl Iterator<Item = &'s str>, expected: &str) -> Result<(), VmError> {
    match next(words)? {
        word if word == expected => Ok(()),
        word => error(format!("`{expected}` expected, `{word}` found")),
    }
}

fn small(number: usize, what: &str) -> Result<u8, VmError> {
    u8::try_from(number).or_else(|_| error(format!("too many {what}")))
}

impl Scope<'_> {
    fn function<'s>(words: &mut impl Iterator<Item = &'s str>, parent: Option<&str>) -> Result<Code, VmError> {
        expect(words, "(")?;
        expect(words, "fn")?;
        Scope::function_behind_fn(words, parent)
    }

    fn function_behind_fn<'s>(
        words: &mut impl Iterator<Item = &'s str>,
        parent: Option<&str>,
    ) -> Result<Code, VmError> {
        let name = next(words)?.to_owned();
        let mut scope = Scope { code: Code { name, ..Code::default() }, locals: Vec::new(), parent };
        expect(words, "(")?;
        loop {
            match next(words)? {
                ")" => break,
                param => scope.locals.push(param.to_owned()),
            }
        }
        scope.code.params = small(scope.locals.len(), "parameters")?;
        while !scope.expression(words)? {}
        expect(words, ")")?;
        scope.emit(Op::Return);
        Ok(scope.code)
    }

    fn emit(&mut self, op: Op) {
        self.code.ops.push(op as u8);
    }

    fn constant(&mut self, constant: Const) -> Result<u8, VmError> {
        self.code.consts.push(constant);
        small(self.code.consts.len() - 1, "constants")
    }

    /// Compiles an expression; or, and then the result is false, a function among the constants.
    fn expression<'s>(&mut self, words: &mut impl Iterator<Item = &'s str>) -> Result<bool, VmError> {
        match next(words)? {
            "(" => {}
            ")" => return error("an expression expected, `)` found"),
            word => return self.atom(word).map(|()| true),
        }
        match next(words)? {
            "fn" => {
                let inner = Scope::function_behind_fn(words, Some(&self.code.name))?;
                self.constant(Const::Code(Box::new(inner)))?;
                return Ok(false);
            }
            "if" => return self.condition(words).map(|()| true),
            "+" => self.operands(words, 2, Op::Add)?,
            "-" => self.operands(words, 2, Op::Subtract)?,
            "<" => self.operands(words, 2, Op::Less)?,
            callee => self.call(words, callee)?,
        }
        expect(words, ")").map(|()| true)
    }

    fn atom(&mut self, word: &str) -> Result<(), VmError> {
        let (op, operand) = match self.locals.iter().position(|local| local == word) {
            Some(local) => (Op::Local, small(local, "locals")?),
            None => match word.parse() {
                Ok(int) => (Op::Const, self.constant(Const::Int(int))?),
                Err(_) => return error(format!("`{word}` is not known")),
            },
        };
        self.emit(op);
        self.code.ops.push(operand);
        Ok(())
    }

    fn operands<'s>(&mut self, words: &mut impl Iterator<Item = &'s str>, count: u8, op: Op) -> Result<(), VmError> {
        for _ in 0..count {
            self.value(words)?;
        }
        self.emit(op);
        Ok(())
    }

    fn value<'s>(&mut self, words: &mut impl Iterator<Item = &'s str>) -> Result<(), VmError> {
        if self.expression(words)? { Ok(()) } else { error("a value expected, a function found") }
    }

    fn condition<'s>(&mut self, words: &mut impl Iterator<Item = &'s str>) -> Result<(), VmError> {
        self.value(words)?;
        let otherwise = self.jump(Op::JumpIfZero);
        self.value(words)?;
        let end = self.jump(Op::Jump);
        self.land(otherwise)?;
        self.value(words)?;
        self.land(end)?;
        expect(words, ")")
    }

    fn jump(&mut self, op: Op) -> usize {
        self.emit(op);
        self.code.ops.push(0);
        self.code.ops.len()
    }

    fn land(&mut self, jump: usize) -> Result<(), VmError> {
        self.code.ops[jump - 1] = small(self.code.ops.len() - jump, "bytes to jump over")?;
        Ok(())
    }

    fn call<'s>(&mut self, words: &mut impl Iterator<Item = &'s str>, callee: &str) -> Result<(), VmError> {
        let inner = self.code.consts.iter().position(|it| matches!(it, Const::Code(code) if code.name == callee));
        let (op, operand, params) = match inner.map(|at| (at, &self.code.consts[at])) {
            Some((at, Const::Code(code))) => (Op::CallConst, small(at, "constants")?, code.params),
            _ if callee == self.code.name => (Op::CallSelf, 0, self.code.params),
            // The parent's parameters are not known yet; the machine checks them.
            _ if Some(callee) == self.parent => (Op::CallParent, 0, 1),
            _ => return error(format!("function `{callee}` is not known")),
        };
        self.operands(words, params, op)?;
        let site = small(self.code.sites, "calls")?;
        self.code.ops.extend([operand, site]);
        self.code.sites += 1;
        Ok(())
    }
}
