//! The name of a chunk, in Lua's own way.

use super::bytes;
use super::error::LuaError;
use core::ffi::CStr;

/// A chunk's name as Lua wants it: `@` for "a file", and a zero byte behind.
pub(crate) struct ChunkName(Vec<u8>);

impl ChunkName {
    /// Fails when the name itself holds a zero byte.
    pub(crate) fn new(name: &str) -> Result<Self, LuaError> {
        if name.as_bytes().contains(&0) {
            return Err(LuaError::name());
        }
        let mut text = Vec::new();
        for part in [b"@", name.as_bytes(), b"\0"] {
            bytes::append(&mut text, part)?;
        }
        Ok(Self(text))
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}
