//! Marks: which words of the linked half are addresses, and how those go with the code when it moves.
//!
//! ```text
//!   marks   │ byte 0          │ byte 1          │     bit i of byte n belongs to word 8 n + i
//!   linked  │ w0 w1 w2 ┄┄┄ w7 │ w8 w9 ┄┄┄       │     64 bytes a group, whole groups: each half is whole pages
//! ```
//!
//! Words are moved without a branch for each: nothing tells a processor which of them are marked.

use super::WORD;

/// Bytes of code that a byte of marks stands for.
const GROUP: usize = 8 * WORD;

/// Returns `true` if a word of the linked half is marked as an address.
pub(in crate::image) fn is_marked(marks: &[u8], word: usize) -> bool {
    marks.get(word / 8).is_some_and(|byte| byte >> (word % 8) & 1 != 0)
}

/// Calls `show` with each marked word, ascending.
pub(in crate::image) fn each_marked(marks: &[u8], mut show: impl FnMut(usize)) {
    for (index, &byte) in marks.iter().enumerate() {
        let mut rest = byte;
        while rest != 0 {
            show(index * 8 + rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
    }
}

/// A word of a group, moved by a distance if its bit is set.
fn moved(word: [u8; WORD], byte: u8, bit: usize, distance: usize) -> [u8; WORD] {
    let by = distance & usize::from(byte >> bit & 1).wrapping_neg();
    usize::from_ne_bytes(word).wrapping_add(by).to_ne_bytes()
}

/// Adds a distance to each marked word of some code.
pub(in crate::image) fn move_marked(code: &mut [u8], marks: &[u8], distance: usize) {
    for (group, &byte) in code.chunks_exact_mut(GROUP).zip(marks).filter(|(_, byte)| **byte != 0) {
        let words = group.chunks_exact_mut(WORD).filter_map(|word| word.first_chunk_mut());
        words.enumerate().for_each(|(bit, word)| *word = moved(*word, byte, bit, distance));
    }
}

/// Copies code, and adds a distance to each marked word of the copy. Code that is longer than its marks has no addresses there.
pub(in crate::image) fn copy_moved(to: &mut [u8], from: &[u8], marks: &[u8], distance: usize) {
    let linked = (from.len() / GROUP).min(marks.len()) * GROUP;
    let ((to, to_rest), (from, rest)) = (to.split_at_mut(linked), from.split_at(linked));
    to_rest.copy_from_slice(rest);
    for ((to, from), &byte) in to.chunks_exact_mut(GROUP).zip(from.chunks_exact(GROUP)).zip(marks) {
        let words = from.chunks_exact(WORD).filter_map(|word| word.first_chunk().copied());
        let copies = to.chunks_exact_mut(WORD).filter_map(|word| word.first_chunk_mut());
        copies.zip(words).enumerate().for_each(|(bit, (to, word))| *to = moved(word, byte, bit, distance));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Two groups with marks, and one behind them that has none.
    fn code() -> (Vec<u8>, [u8; 2]) {
        let words = (0..24usize).map(|word| if word % 5 == 0 { usize::MAX } else { word * 1000 });
        (words.flat_map(usize::to_ne_bytes).collect(), [0b1000_0101, 0b0111_1110])
    }

    fn word(code: &[u8], word: usize) -> usize {
        usize::from_ne_bytes(code[word * WORD..][..WORD].try_into().unwrap())
    }

    #[test]
    fn a_copy_and_the_code_itself_are_moved_alike_and_only_where_they_are_marked() {
        let (code, marks) = code();
        for distance in [0, 1, 0x7fff_0000_0000, usize::MAX] {
            let (mut moved, mut copy) = (code.clone(), alloc::vec![0xaa; code.len()]);
            move_marked(&mut moved, &marks, distance);
            copy_moved(&mut copy, &code, &marks, distance);
            assert_eq!(moved, copy);
            for at in 0..24 {
                let by = if [0, 2, 7, 9, 10, 11, 12, 13, 14].contains(&at) { distance } else { 0 };
                assert_eq!(is_marked(&marks, at), [0, 2, 7, 9, 10, 11, 12, 13, 14].contains(&at));
                assert_eq!(word(&copy, at), word(&code, at).wrapping_add(by), "word {at}");
            }
        }
    }

    #[test]
    fn each_word_that_is_marked_is_shown_once() {
        let (_, marks) = code();
        let mut shown = Vec::new();
        each_marked(&marks, |word| shown.push(word));
        assert_eq!(shown, (0..16).filter(|&word| is_marked(&marks, word)).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_moved_there_and_back_is_as_it_was() {
        let (code, marks) = code();
        let mut moved = code.clone();
        move_marked(&mut moved, &marks, 12345);
        assert_ne!(moved, code);
        move_marked(&mut moved, &marks, 12345usize.wrapping_neg());
        assert_eq!(moved, code);
    }
}
