//! Many bytes, looked at quickly.

/// Returns `true` if each of `bytes` is `byte`. A comparison of slices is one call, in a debug build too, where a loop takes most of a model's time.
pub(crate) fn all(bytes: &[u8], byte: u8) -> bool {
    bytes.split_first().is_none_or(|(&first, rest)| first == byte && rest == &bytes[..rest.len()])
}
