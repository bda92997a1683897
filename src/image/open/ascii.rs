//! The pages of which all text is ASCII: there every place lies between characters, and is not looked at again.
//!
//! References to text lead everywhere. A look at the byte that each leads to would cost a fetch from memory, more than all else in the check.
#![forbid(unsafe_code)]

use crate::image::format::{ImageError, filled};
use alloc::vec::Vec;
use core::ops::Range;

const PAGE: usize = 4096;

pub(super) struct Ascii {
    /// A bit for each page, set if text on it has another character.
    others: Vec<u64>,
}

impl Ascii {
    /// Looks at all text of some code.
    pub(super) fn new(code: &[u8], text: impl Iterator<Item = Range<usize>>) -> Result<Self, ImageError> {
        let mut others = filled(0u64, code.len() / PAGE / 64 + 1)?;
        for range in text {
            let mut from = range.start;
            while from < range.end {
                let (page, to) = (from / PAGE, range.end.min((from / PAGE + 1) * PAGE));
                others[page / 64] |= u64::from(!code[from..to].is_ascii()) << (page % 64);
                from = to;
            }
        }
        Ok(Self { others })
    }

    /// Returns `true` if the text on the page of this byte is ASCII.
    pub(super) fn is_at(&self, at: usize) -> bool {
        let page = at / PAGE;
        self.others.get(page / 64).is_some_and(|word| word >> (page % 64) & 1 == 0)
    }

    /// Returns `true` if the text on all pages of some bytes is.
    pub(super) fn is_in(&self, bytes: &Range<usize>) -> bool {
        (bytes.start / PAGE * PAGE..bytes.end).step_by(PAGE).all(|at| self.is_at(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_with_another_character_in_their_text_are_told_from_the_rest() {
        let mut code = alloc::vec![b'x'; 300 * PAGE];
        for at in [PAGE, 3 * PAGE - 1, 100 * PAGE + 7, 250 * PAGE] {
            code[at] = 0xc3;
        }
        // The third is no text.
        let text = [0..50 * PAGE, 200 * PAGE + 9..300 * PAGE];
        let ascii = Ascii::new(&code, text.into_iter()).unwrap();
        for page in 0..300 {
            assert_eq!(ascii.is_at(page * PAGE + 5), ![1, 2, 250].contains(&page), "{page}");
        }
        assert!(ascii.is_in(&(3 * PAGE..200 * PAGE)) && !ascii.is_in(&(3 * PAGE - 1..200 * PAGE)));
        assert!(ascii.is_in(&(7..7)) && !ascii.is_in(&(240 * PAGE..250 * PAGE + 1)));
    }
}
