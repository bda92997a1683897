//! A chunk where Lua can execute it.

use core::fmt;

/// A program in a code arena: a name and a chunk, for as long as the arena is borrowed. Four words, `Copy`.
///
/// Made by [`Chunk::place`](crate::Chunk::place), or taken out of a library by somebody who vouches for it. So its bytes are a chunk's, aligned,
/// and never change.
///
/// ```compile_fail,E0451
/// let program = permacode_lua::Program { name: "evil.lua", code: b"\x1bLua" };
/// ```
#[derive(Clone, Copy)]
pub struct Program<'a> {
    name: &'a str,
    code: &'a [u8],
}

impl<'a> Program<'a> {
    /// # Safety
    ///
    /// `code` is a binary chunk of this Lua at an address that is a multiple of 4, and `name` holds no zero byte.
    pub(crate) unsafe fn new(name: &'a str, code: &'a [u8]) -> Self {
        Self { name, code }
    }

    /// The name given to [`compile`](crate::compile); a copy in the arena.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The chunk, in the arena.
    pub fn bytes(&self) -> &'a [u8] {
        self.code
    }
}

impl fmt::Debug for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("name", &self.name).field("bytes", &self.code.len()).finish()
    }
}
