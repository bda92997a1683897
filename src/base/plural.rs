//! Counted nouns in texts.
#![forbid(unsafe_code)]

/// Returns the ending of a noun that is counted: an `s`, or nothing for one.
pub(crate) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
