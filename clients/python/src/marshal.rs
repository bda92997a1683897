//! A reader of `marshal`, version 4, for what a code object of CPython 3.11 holds. Any bytes may come: what is no code object is a typed error.
//!
//! ```text
//!   type, with FLAG_REF in its highest bit ── value      the value gets the next number
//!   'r' ── number                                         a value that came before: shared, and read once
//! ```
//!
//! Invariants: a length is compared with what is left before memory is taken for it, and values are not nested deeper than [`DEPTH`].

use crate::marshal_error::MarshalError;
use crate::tree::{Big, Code, Const};
use std::rc::Rc;

/// Values within values that a reader goes into.
pub const DEPTH: usize = 400;

const FLAG_REF: u8 = 0x80;

/// Reads the code object that bytes are.
///
/// # Errors
///
/// The bytes are not one code object, or have something that no code object of Python 3.11 has.
///
/// ```
/// use permacode_python::marshal;
///
/// assert!(marshal::read(b"N").unwrap_err().to_string().contains("expected a code object"));
/// ```
pub fn read(bytes: &[u8]) -> Result<Rc<Code>, MarshalError> {
    let mut reader = Reader { bytes, at: 0, values: Vec::new(), depth: 0 };
    let code = match reader.value()? {
        Const::Code(code) => code,
        other => return Err(reader.expected("a code object", &other)),
    };
    match bytes.len() - reader.at {
        0 => Ok(code),
        left => Err(MarshalError::Left { at: reader.at, left }),
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Those that may be referred to by number. `None` while they are read.
    values: Vec<Option<Const>>,
    depth: usize,
}

impl<'b> Reader<'b> {
    fn value(&mut self) -> Result<Const, MarshalError> {
        let at = self.at;
        let byte = self.byte()?;
        let kind = byte & !FLAG_REF;
        if kind == b'r' {
            let number = self.number()?;
            let known = usize::try_from(number).ok().and_then(|number| self.values.get(number));
            return known.and_then(Clone::clone).ok_or(MarshalError::Reference { at, number });
        }
        let place = (byte & FLAG_REF != 0).then(|| {
            self.values.push(None);
            self.values.len() - 1
        });
        if self.depth == DEPTH {
            return Err(MarshalError::Deep { at });
        }
        self.depth += 1;
        let value = self.value_of(kind, at)?;
        self.depth -= 1;
        if let Some(place) = place {
            self.values[place] = Some(value.clone());
        }
        Ok(value)
    }

    fn value_of(&mut self, kind: u8, at: usize) -> Result<Const, MarshalError> {
        Ok(match kind {
            b'N' => Const::None,
            b'.' => Const::Ellipsis,
            b'T' => Const::Bool(true),
            b'F' => Const::Bool(false),
            b'i' => Const::Int(i64::from(self.number()?)),
            b'l' => self.integer(at)?,
            b'g' => Const::Float(self.float()?),
            b'y' => Const::Complex(self.float()?, self.float()?),
            b's' => Const::Bytes(self.long()?.into()),
            b'u' => text(self.long()?, Const::Text, at)?,
            b'a' => ascii(self.long()?, Const::Text, at)?,
            b'z' => ascii(self.short()?, Const::Text, at)?,
            b't' => text(self.long()?, Const::Name, at)?,
            b'A' => ascii(self.long()?, Const::Name, at)?,
            b'Z' => ascii(self.short()?, Const::Name, at)?,
            b')' => {
                let count = usize::from(self.byte()?);
                Const::Tuple(self.values(count)?)
            }
            b'(' => {
                let count = self.length()?;
                Const::Tuple(self.values(count)?)
            }
            b'>' => {
                let count = self.length()?;
                Const::FrozenSet(self.values(count)?)
            }
            b'c' => Const::Code(Rc::new(self.code()?)),
            _ => return Err(MarshalError::Kind { at, kind }),
        })
    }

    fn code(&mut self) -> Result<Code, MarshalError> {
        let mut number = || self.number().map(|number| number as u32);
        let [arguments, positional_only, keyword_only, stack_size, flags] =
            [number()?, number()?, number()?, number()?, number()?];
        Ok(Code {
            arguments,
            positional_only,
            keyword_only,
            stack_size,
            flags,
            units: self.bytes("instructions")?,
            constants: match self.value()? {
                Const::Tuple(constants) => constants,
                other => return Err(self.expected("a tuple of constants", &other)),
            },
            names: self.names()?,
            variables: self.names()?,
            kinds: self.bytes("kinds of variables")?,
            file: self.name()?,
            name: self.name()?,
            qualified_name: self.name()?,
            first_line: self.number()? as u32,
            line_table: self.bytes("a line table")?,
            exception_table: self.bytes("an exception table")?,
        })
    }

    fn bytes(&mut self, what: &'static str) -> Result<Rc<[u8]>, MarshalError> {
        match self.value()? {
            Const::Bytes(bytes) => Ok(bytes),
            other => Err(self.expected(what, &other)),
        }
    }

    fn name(&mut self) -> Result<Rc<str>, MarshalError> {
        match self.value()? {
            Const::Name(name) | Const::Text(name) => Ok(name),
            other => Err(self.expected("a name", &other)),
        }
    }

    fn names(&mut self) -> Result<Vec<Rc<str>>, MarshalError> {
        let names = match self.value()? {
            Const::Tuple(names) => names,
            other => return Err(self.expected("a tuple of names", &other)),
        };
        let name = |name: &Const| match name {
            Const::Name(name) | Const::Text(name) => Ok(name.clone()),
            other => Err(self.expected("a name", other)),
        };
        names.iter().map(name).collect()
    }

    fn values(&mut self, count: usize) -> Result<Rc<[Const]>, MarshalError> {
        // Each takes a byte at least.
        if count > self.bytes.len() - self.at {
            return Err(MarshalError::Ends { at: self.at, wanted: count });
        }
        (0..count).map(|_| self.value()).collect()
    }

    /// An integer of any size: its count of digits, which has its sign, and digits of 15 bits.
    fn integer(&mut self, at: usize) -> Result<Const, MarshalError> {
        let count = self.number()?;
        let digits = self.take(count.unsigned_abs() as usize * 2)?;
        let mut big = Big { negative: count < 0, digits: Vec::new() };
        let (mut bits, mut have) = (0u64, 0);
        for digit in digits.chunks_exact(2) {
            let digit = u16::from_le_bytes([digit[0], digit[1]]);
            if digit >= 1 << 15 {
                return Err(MarshalError::Digit { at });
            }
            bits |= u64::from(digit) << have;
            have += 15;
            if have >= 32 {
                big.digits.push(bits as u32);
                (bits, have) = (bits >> 32, have - 32);
            }
        }
        big.digits.push(bits as u32);
        Ok(shortest(big))
    }

    fn float(&mut self) -> Result<f64, MarshalError> {
        let bytes = self.take(8)?;
        Ok(f64::from_le_bytes(bytes.try_into().unwrap_or_default()))
    }

    fn long(&mut self) -> Result<&'b [u8], MarshalError> {
        let length = self.length()?;
        self.take(length)
    }

    fn short(&mut self) -> Result<&'b [u8], MarshalError> {
        let length = usize::from(self.byte()?);
        self.take(length)
    }

    fn length(&mut self) -> Result<usize, MarshalError> {
        let at = self.at;
        let found = self.number()?;
        usize::try_from(found).map_err(|_| MarshalError::Length { at, found })
    }

    fn number(&mut self) -> Result<i32, MarshalError> {
        let bytes = self.take(4)?;
        Ok(i32::from_le_bytes(bytes.try_into().unwrap_or_default()))
    }

    fn byte(&mut self) -> Result<u8, MarshalError> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], MarshalError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..count).ok_or(MarshalError::Ends { at: self.at, wanted: count - rest.len() })?;
        self.at += count;
        Ok(taken)
    }

    fn expected(&self, expected: &'static str, found: &Const) -> MarshalError {
        MarshalError::Expected { at: self.at, expected, found: name_of(found) }
    }
}

/// An integer in the one form that it has: of 64 bits if it fits.
pub(crate) fn shortest(mut big: Big) -> Const {
    while big.digits.last() == Some(&0) {
        big.digits.pop();
    }
    if big.digits.len() <= 2 {
        let digit = |place: usize| i128::from(big.digits.get(place).copied().unwrap_or(0));
        let value = digit(0) | digit(1) << 32;
        if let Ok(value) = i64::try_from(if big.negative { -value } else { value }) {
            return Const::Int(value);
        }
    }
    Const::Big(Rc::new(big))
}

fn ascii(bytes: &[u8], make: fn(Rc<str>) -> Const, at: usize) -> Result<Const, MarshalError> {
    if bytes.is_ascii() { text(bytes, make, at) } else { Err(MarshalError::Text { at }) }
}

/// Text, or what `surrogatepass` makes of lone surrogates: UTF-8 but for three bytes of which the second is above `9f` behind `ed`.
fn text(bytes: &[u8], make: fn(Rc<str>) -> Const, at: usize) -> Result<Const, MarshalError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(make(text.into())),
        Err(_) if is_generalised(bytes) => Ok(Const::Surrogates(bytes.into())),
        Err(_) => Err(MarshalError::Text { at }),
    }
}

fn is_generalised(mut bytes: &[u8]) -> bool {
    loop {
        match std::str::from_utf8(bytes) {
            Ok(_) => return true,
            Err(error) => match bytes[error.valid_up_to()..] {
                [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => bytes = &bytes[error.valid_up_to() + 3..],
                _ => return false,
            },
        }
    }
}

fn name_of(value: &Const) -> &'static str {
    match value {
        Const::None => "None",
        Const::Ellipsis => "...",
        Const::Bool(_) => "a bool",
        Const::Int(_) | Const::Big(_) => "an integer",
        Const::Float(_) => "a float",
        Const::Complex(..) => "a complex number",
        Const::Name(_) | Const::Text(_) => "a text",
        Const::Surrogates(_) => "a text with lone surrogates",
        Const::Bytes(_) => "bytes",
        Const::Tuple(_) => "a tuple",
        Const::FrozenSet(_) => "a frozenset",
        Const::Slice(_) => "a slice",
        Const::Code(_) => "a code object",
    }
}
