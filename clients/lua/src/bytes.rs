//! Bytes and text that grow fallibly: a refused allocation is a value here too.

use std::collections::TryReserveError;

/// Appends a copy.
pub(crate) fn append(to: &mut Vec<u8>, bytes: &[u8]) -> Result<(), TryReserveError> {
    to.try_reserve(bytes.len())?;
    to.extend_from_slice(bytes);
    Ok(())
}

/// A copy in a vector of just that size.
pub(crate) fn copy(bytes: &[u8]) -> Result<Vec<u8>, TryReserveError> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(bytes.len())?;
    vec.extend_from_slice(bytes);
    Ok(vec)
}

/// Lua's strings are bytes: what is not UTF-8 becomes U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> Result<String, TryReserveError> {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        let replacement = if chunk.invalid().is_empty() { "" } else { "\u{FFFD}" };
        text.try_reserve(chunk.valid().len() + replacement.len())?;
        text.push_str(chunk.valid());
        text.push_str(replacement);
    }
    Ok(text)
}

/// All parts in one.
pub(crate) fn concat(parts: &[&str]) -> Result<String, TryReserveError> {
    let mut text = String::new();
    for part in parts {
        text.try_reserve(part.len())?;
        text.push_str(part);
    }
    Ok(text)
}
