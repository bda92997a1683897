//! The same program as a cache file that is decoded, as Python's `marshal` is: tags, lengths, and text that is written once and counted then.
//!
//! ```text
//!   'c' name  ops  consts  names  lines  sites        'n' len bytes: new text      'r' number: text that was met before
//! ```

use crate::program::{self, Const, Program, bytes};
use std::collections::HashMap;
use std::rc::Rc;

pub(crate) struct Code {
    name: Rc<str>,
    pub(crate) ops: Vec<u8>,
    consts: Vec<Constant>,
    names: Vec<Rc<str>>,
    lines: Vec<(u32, u32)>,
    sites: u32,
}

pub(crate) enum Constant {
    Nil,
    Int(i64),
    Str(Rc<str>),
    Code(Box<Code>),
}

#[derive(Default)]
struct Writer<'p> {
    bytes: Vec<u8>,
    met: HashMap<&'p str, u32>,
}

impl<'p> Writer<'p> {
    fn number(&mut self, number: u32) {
        self.bytes.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &'p str) {
        let next = self.met.len() as u32;
        if let Some(&number) = self.met.get(text) {
            self.bytes.push(b'r');
            return self.number(number);
        }
        self.met.insert(text, next);
        self.bytes.push(b'n');
        self.number(text.len() as u32);
        self.bytes.extend(text.as_bytes());
    }

    fn code(&mut self, code: &'p program::Code<'p>) {
        self.bytes.push(b'c');
        self.text(code.name.as_str());
        self.number(code.ops.len() as u32);
        self.bytes.extend(code.ops);
        self.number(code.consts.len() as u32);
        for constant in code.consts {
            match constant {
                Const::Nil => self.bytes.push(b'N'),
                Const::Int(number) => {
                    self.bytes.push(b'i');
                    self.bytes.extend(number.to_le_bytes());
                }
                Const::Str(text) => self.text(text),
                Const::Code(code) => self.code(code),
            }
        }
        self.number(code.names.len() as u32);
        code.names.iter().for_each(|name| self.text(name.as_str()));
        self.number(code.lines.len() as u32);
        for &(offset, line) in code.lines {
            self.number(offset);
            self.number(line);
        }
        self.number(code.sites.len() as u32);
    }
}

pub(crate) fn write<'p>(program: &'p Program<'p>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(program.modules.len() as u32);
    program.modules.iter().for_each(|code| writer.code(code));
    writer.bytes
}

struct Reader<'b> {
    bytes: &'b [u8],
    met: Vec<Rc<str>>,
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    fn tag(&mut self) -> Option<u8> {
        self.take(1).map(|tag| tag[0])
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Text behind its tag.
    fn text(&mut self, tag: u8) -> Option<Rc<str>> {
        let number = self.number()? as usize;
        if tag == b'r' {
            return self.met.get(number).cloned();
        }
        let text: Rc<str> = std::str::from_utf8(self.take(number)?).ok()?.into();
        self.met.push(text.clone());
        Some(text)
    }

    fn name(&mut self) -> Option<Rc<str>> {
        let tag = self.tag()?;
        self.text(tag)
    }

    /// A function behind its tag.
    fn code(&mut self) -> Option<Code> {
        let name = self.name()?;
        let len = self.number()? as usize;
        let ops = self.take(len)?.to_vec();
        let consts = (0..self.number()?).map(|_| self.constant()).collect::<Option<_>>()?;
        let names = (0..self.number()?).map(|_| self.name()).collect::<Option<_>>()?;
        let lines = (0..self.number()?).map(|_| Some((self.number()?, self.number()?))).collect::<Option<_>>()?;
        Some(Code { name, ops, consts, names, lines, sites: self.number()? })
    }

    fn constant(&mut self) -> Option<Constant> {
        match self.tag()? {
            b'N' => Some(Constant::Nil),
            b'i' => Some(Constant::Int(i64::from_le_bytes(self.take(8)?.try_into().ok()?))),
            b'c' => Some(Constant::Code(Box::new(self.code()?))),
            tag => self.text(tag).map(Constant::Str),
        }
    }
}

pub(crate) fn read(bytes: &[u8]) -> Option<Vec<Code>> {
    let mut reader = Reader { bytes, met: Vec::new() };
    (0..reader.number()?).map(|_| reader.tag().filter(|&tag| tag == b'c').and_then(|_| reader.code())).collect()
}

pub(crate) fn sum(modules: &[Code]) -> u64 {
    fn of(code: &Code) -> u64 {
        std::hint::black_box(code.sites);
        let mut sum = bytes(&code.ops) + bytes(code.name.as_bytes());
        sum += code.names.iter().map(|name| bytes(name.as_bytes())).sum::<u64>();
        sum += code.lines.iter().map(|&(offset, line)| u64::from(offset) + u64::from(line)).sum::<u64>();
        for constant in &code.consts {
            sum += match constant {
                Constant::Nil => 1,
                Constant::Int(number) => *number as u64,
                Constant::Str(text) => bytes(text.as_bytes()),
                Constant::Code(code) => of(code),
            };
        }
        sum
    }
    modules.iter().map(of).sum()
}
