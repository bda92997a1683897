//! The grammar of the language, read backwards: from choices to a program.

use super::choices::Choices;
use std::fmt::Write;

/// The depth to which statements and expressions are nested.
const DEEPEST: usize = 5;

const NAMES: [&str; 8] = ["a", "b", "c", "d", "f", "g", "k", "o"];
/// The values that variables begin with.
const VALUES: [&str; 12] = [
    "5",
    "[1, 2, 3]",
    "{\"k\": 1, 2: nil}",
    "\"some text\"",
    "fn(a) { return a }",
    "fn() { return a }",
    "fn(a, b) { yield a; yield b }",
    "(fn() { for x in [1, 2, 3] { yield x } })()",
    "C()",
    "C",
    "range(4)",
    "0.25",
];
const ATTRIBUTES: [&str; 6] = ["x", "y", "get", "go", "message", "name"];
const METHODS: [&str; 14] = [
    "push", "pop", "get", "go", "next", "keys", "remove", "slice", "join", "split", "extend", "reverse", "iter", "copy",
];
const FUNCTIONS: [&str; 16] = [
    "print", "str", "len", "type", "range", "list", "int", "next", "abs", "sum", "map", "filter", "sorted", "gc",
    "is_a", "repr",
];
const ERRORS: [&str; 6] = ["Error", "TypeError", "ValueError", "MemoryError", "StopError", "C"];

/// Writes a program.
pub(super) fn write(choices: &mut Choices<'_>) -> String {
    let mut writer = Writer { out: String::new(), choices, depth: 0, function: Function::Module, in_loop: false };
    writer.out.push_str("class C { init() { this.x = 1 } get() { return this.x } iter() { yield this.x } }\n");
    for name in NAMES {
        let value = writer.choices.one_of(&VALUES);
        _ = writeln!(writer.out, "let {name} = {value}");
    }
    while !writer.choices.is_empty() && writer.out.len() < 6_000 {
        if writer.choices.below(8) == 0 {
            writer.statement();
        } else {
            writer.say("try {\n");
            writer.statement();
            writer.say("} catch k {}\n"); // most mistakes are caught, so that programs go on
        }
    }
    writer.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Module,
    Plain,
    Method,
    Init,
    Generator,
}

struct Writer<'c, 'b> {
    out: String,
    choices: &'c mut Choices<'b>,
    depth: usize,
    function: Function,
    in_loop: bool,
}

impl Writer<'_, '_> {
    fn say(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn name(&mut self) -> &'static str {
        self.choices.one_of(&NAMES)
    }

    fn statement(&mut self) {
        let flat = self.depth >= DEEPEST || self.out.len() > 5_000;
        match self.choices.below(if flat { 8 } else { 20 }) {
            0 | 1 => {
                self.expression();
            }
            2 => self.assignment(),
            3 => {
                let name = self.name();
                _ = write!(self.out, "let {name} = ");
                self.expression();
            }
            4 => self.way_out(),
            5 => {
                self.say("print(");
                self.expression();
                self.say(")");
            }
            6 => {
                self.say("throw ");
                self.expression();
            }
            7 => self.attribute_assignment(),
            8 | 9 => {
                self.say("if ");
                self.expression();
                self.block(self.in_loop);
                self.say(" else ");
                self.block(self.in_loop);
            }
            10 => {
                self.say("while ");
                self.expression();
                self.block(true);
            }
            11 | 12 => {
                let name = self.name();
                _ = write!(self.out, "for {name} in ");
                self.expression();
                self.block(true);
            }
            13 | 14 => {
                let name = self.name();
                _ = write!(self.out, "fn {name}");
                self.function();
            }
            15 => self.class(),
            16..=18 => self.try_statement(),
            _ => {
                let module = self.choices.one_of(&["one", "bad", "none"]);
                let name = self.name();
                _ = write!(self.out, "import \"{module}\" as {name}");
            }
        }
        self.out.push('\n');
    }

    fn assignment(&mut self) {
        let (name, operator) = (self.name(), self.choices.one_of(&["=", "+=", "-=", "*=", "/="]));
        _ = write!(self.out, "{name} {operator} ");
        self.expression();
    }

    fn attribute_assignment(&mut self) {
        let (name, attribute) = (self.name(), self.choices.one_of(&ATTRIBUTES));
        if self.choices.below(2) == 0 {
            _ = write!(self.out, "{name}.{attribute} = ");
        } else {
            _ = write!(self.out, "{name}[");
            self.expression();
            self.say("] = ");
        }
        self.expression();
    }

    /// `return`, `break`, `continue` or `yield`, where it may stand.
    fn way_out(&mut self) {
        match (self.choices.below(3), self.in_loop, self.function) {
            (0, true, _) => self.say("break"),
            (1, true, _) => self.say("continue"),
            (_, _, Function::Module) => self.say("nil"),
            (_, _, Function::Init) => self.say("return"),
            (2, _, Function::Generator) => {
                self.say("yield ");
                self.expression();
            }
            _ => {
                self.say("return ");
                self.expression();
            }
        }
    }

    /// A block; its loop is the one around, if it says so.
    fn block(&mut self, in_loop: bool) {
        let outside = std::mem::replace(&mut self.in_loop, in_loop);
        self.depth += 1;
        self.say(" {\n");
        for _ in 0..self.choices.below(4) {
            self.statement();
        }
        self.say("}");
        self.depth -= 1;
        self.in_loop = outside;
    }

    fn function(&mut self) {
        let kind = if self.choices.below(3) == 0 { Function::Generator } else { Function::Plain };
        self.function_of(kind);
    }

    fn function_of(&mut self, kind: Function) {
        let outside = std::mem::replace(&mut self.function, kind);
        let parameters = usize::from(self.choices.below(3));
        _ = write!(self.out, "({})", NAMES[..parameters].join(", "));
        if kind == Function::Generator {
            self.say(" {\nyield ");
            self.expression();
            self.say("\n");
            self.block(false); // what a loop outside means nothing in here
            self.say("\n}");
        } else {
            self.block(false);
        }
        self.function = outside;
    }

    fn class(&mut self) {
        self.say("class C");
        if self.choices.below(2) == 0 {
            self.say(" < ");
            let base = self.choices.one_of(&["C", "Error", "o", "nil"]);
            self.say(base);
        }
        self.say(" {\n");
        self.depth += 1;
        for (name, kind) in [("init", Function::Init), ("get", Function::Method), ("go", Function::Generator)] {
            if self.choices.below(3) > 0 {
                self.say(name);
                self.function_of(kind);
                self.say("\n");
            }
        }
        self.depth -= 1;
        self.say("}");
    }

    fn try_statement(&mut self) {
        self.say("try");
        self.block(self.in_loop);
        let kind = self.choices.below(4);
        if kind > 0 {
            if kind == 1 {
                let class = self.choices.one_of(&ERRORS);
                _ = write!(self.out, " catch k: {class}");
            } else {
                self.say(" catch k");
            }
            self.block(self.in_loop);
        }
        if kind == 0 || kind == 3 {
            self.say(" finally");
            self.block(self.in_loop);
        }
    }

    fn expression(&mut self) {
        self.depth += 1;
        let flat = self.depth > DEEPEST + 2 || self.out.len() > 5_000;
        match self.choices.below(if flat { 10 } else { 32 }) {
            0 => self.say("1"),
            1 => {
                let number = i64::from(self.choices.byte()) - 100;
                _ = write!(self.out, "({number})");
            }
            2 => self.say("9223372036854775807"),
            3 => self.say("0.5"),
            4 => self.say("\"text\""),
            5 => self.say("nil"),
            6 => self.say("true"),
            7..=9 => {
                let name = self.name();
                self.say(name);
            }
            10 | 11 => {
                self.say("[");
                self.list();
                self.say("]");
            }
            12 => {
                self.say("({\"k\": ");
                self.expression();
                self.say(", 1: ");
                self.expression();
                self.say("})");
            }
            13..=16 => {
                let operators = ["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "and", "or"];
                let operator = self.choices.one_of(&operators);
                self.say("(");
                self.expression();
                _ = write!(self.out, " {operator} ");
                self.expression();
                self.say(")");
            }
            17 => {
                self.say("(not ");
                self.expression();
                self.say(")");
            }
            18 => {
                self.say("(-");
                self.expression();
                self.say(")");
            }
            19 | 20 => {
                let function = self.choices.one_of(&FUNCTIONS);
                _ = write!(self.out, "{function}(");
                self.list();
                self.say(")");
            }
            21 | 22 => {
                let name = self.name();
                _ = write!(self.out, "{name}(");
                self.list();
                self.say(")");
            }
            23 | 24 => {
                let (name, method) = (self.name(), self.choices.one_of(&METHODS));
                _ = write!(self.out, "{name}.{method}(");
                self.list();
                self.say(")");
            }
            25 => {
                let (name, attribute) = (self.name(), self.choices.one_of(&ATTRIBUTES));
                _ = write!(self.out, "{name}.{attribute}");
            }
            26 => {
                let name = self.name();
                _ = write!(self.out, "{name}[");
                self.expression();
                self.say("]");
            }
            27 => {
                self.say("(fn");
                self.function();
                self.say(")");
            }
            28 => self.say("C()"),
            29 => {
                self.say("(");
                self.expression();
                self.say(" ? ");
                self.expression();
                self.say(" : ");
                self.expression();
                self.say(")");
            }
            30 if self.function == Function::Generator => {
                self.say("(yield ");
                self.expression();
                self.say(")");
            }
            _ => self.evaluated(),
        }
        self.depth -= 1;
    }

    fn list(&mut self) {
        for number in 0..self.choices.below(4) {
            self.say(if number > 0 { ", " } else { "" });
            self.expression();
        }
    }

    /// A text that is evaluated.
    fn evaluated(&mut self) {
        let outside = (std::mem::take(&mut self.out), self.function, self.in_loop);
        (self.function, self.in_loop) = (Function::Module, false);
        if self.choices.below(2) == 0 {
            self.statement();
        } else {
            self.expression();
        }
        let inner = std::mem::replace(&mut self.out, outside.0);
        (self.function, self.in_loop) = (outside.1, outside.2);
        let quoted = inner.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        _ = write!(self.out, "eval(\"{quoted}\")");
    }
}
