//! Bytes and text that grow fallibly: a refused allocation is a value here too.

use super::error::LuaError;
use core::ffi::CStr;

/// Appends a copy.
pub(crate) fn append(to: &mut Vec<u8>, bytes: &[u8]) -> Result<(), LuaError> {
    to.try_reserve(bytes.len()).map_err(|_| LuaError::memory())?;
    to.extend_from_slice(bytes);
    Ok(())
}

/// A copy in a vector of just that size.
pub(crate) fn copy(bytes: &[u8]) -> Result<Vec<u8>, LuaError> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(bytes.len()).map_err(|_| LuaError::memory())?;
    vec.extend_from_slice(bytes);
    Ok(vec)
}

/// Lua's strings are bytes: what is not UTF-8 becomes U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> Result<String, LuaError> {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        let replacement = if chunk.invalid().is_empty() { "" } else { "\u{FFFD}" };
        text.try_reserve(chunk.valid().len() + replacement.len()).map_err(|_| LuaError::memory())?;
        text.push_str(chunk.valid());
        text.push_str(replacement);
    }
    Ok(text)
}

/// All parts in one.
pub(crate) fn concat(parts: &[&str]) -> Result<String, LuaError> {
    let mut text = String::new();
    for part in parts {
        text.try_reserve(part.len()).map_err(|_| LuaError::memory())?;
        text.push_str(part);
    }
    Ok(text)
}

/// A chunk's name as Lua wants it: `@` for "a file", and a zero byte behind.
pub(crate) struct ChunkName(Vec<u8>);

impl ChunkName {
    /// Fails when the name itself holds a zero byte.
    pub(crate) fn new(name: &str) -> Result<Self, LuaError> {
        if name.as_bytes().contains(&0) {
            return Err(LuaError::name());
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(name.len() + 2).map_err(|_| LuaError::memory())?;
        bytes.push(b'@');
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        Ok(Self(bytes))
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}
