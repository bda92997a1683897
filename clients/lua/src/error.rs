//! Errors of Lua, as values.

use super::bytes;
use core::fmt;
use std::borrow::Cow;
use std::collections::TryReserveError;

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LuaErrorKind {
    /// The source does not compile, or the chunk is not one of this Lua's.
    Syntax,
    /// A running program raised an error that it did not catch.
    Runtime,
    /// Memory was refused, to Lua or to this crate. The state works on.
    Memory,
    /// An error was raised while another was being reported: by a `__tostring`, or because the stack had no room for it.
    Handler,
    /// A chunk's name holds a zero byte, so Lua could not show it whole.
    Name,
}

/// An error of Lua's.
///
/// Making one never fails: where memory is too short even for its text, the message says so.
///
/// ```
/// use permacode_lua::{LuaErrorKind, compile};
///
/// let error = compile(b"local x = = 1", "broken.lua").unwrap_err();
/// assert_eq!(error.kind(), LuaErrorKind::Syntax);
/// assert_eq!(error.message(), "broken.lua:1: unexpected symbol near '='");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LuaError {
    kind: LuaErrorKind,
    message: Cow<'static, str>,
    traceback: Cow<'static, str>,
}

impl LuaError {
    pub(crate) fn new(kind: LuaErrorKind, message: Cow<'static, str>, traceback: Cow<'static, str>) -> Self {
        Self { kind, message, traceback }
    }

    pub(crate) const fn memory() -> Self {
        Self::of(LuaErrorKind::Memory, "not enough memory")
    }

    pub(crate) const fn name() -> Self {
        Self::of(LuaErrorKind::Name, "the chunk's name holds a zero byte")
    }

    /// Turns it into an error of the compiler's. Source that nests too deeply for its stack is an error in the source
    /// too, and is reported without a place.
    pub(crate) fn compiling(mut self, name: &str) -> Self {
        if self.kind == LuaErrorKind::Runtime {
            self.kind = LuaErrorKind::Syntax;
            self.traceback = Cow::Borrowed("");
            let placed = bytes::concat(&[name, ": ", &self.message]);
            self.message = placed.map_or(self.message, Cow::Owned);
        }
        self
    }

    const fn of(kind: LuaErrorKind, message: &'static str) -> Self {
        Self { kind, message: Cow::Borrowed(message), traceback: Cow::Borrowed("") }
    }

    /// Returns the kind of the error. Costs nothing.
    pub fn kind(&self) -> LuaErrorKind {
        self.kind
    }

    /// Returns Lua's message, as a rule with `name:line:` in front. Costs nothing.
    ///
    /// Bytes that are not UTF-8 are replaced. Lua shows at most some 60 bytes of a name, the last ones.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The calls that were open when the error was raised, innermost first, one a line. Costs nothing.
    ///
    /// Empty for errors that no running function raised, and where memory was too short.
    pub fn traceback(&self) -> &str {
        &self.traceback
    }
}

/// A vector or a string of this crate's that could not grow is as good as a refusal to Lua.
impl From<TryReserveError> for LuaError {
    fn from(_: TryReserveError) -> Self {
        Self::memory()
    }
}

impl fmt::Display for LuaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LuaError {}
