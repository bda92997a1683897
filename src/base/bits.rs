//! Bits in words, many at a time.
#![forbid(unsafe_code)]

use core::ops::Range;

/// Bits of a word.
const WORD: usize = usize::BITS as usize;

/// Returns the words that the bits numbered `bits` lie in, by number, each with a mask of those bits.
pub(crate) fn words(bits: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    let first = bits.start / WORD;
    let last = if bits.is_empty() { first } else { (bits.end - 1) / WORD + 1 };
    (first..last).map(move |index| {
        let start = bits.start.max(index * WORD) - index * WORD;
        let end = bits.end.min((index + 1) * WORD) - index * WORD;
        (index, (usize::MAX >> (WORD - (end - start))) << start)
    })
}

/// Returns the first of the bits numbered `bits` that is set. `word` answers with the word that a bit lies in.
pub(crate) fn next_set(bits: Range<usize>, word: impl Fn(usize) -> usize) -> Option<usize> {
    let mut bit = bits.start;
    while bit < bits.end {
        let rest = word(bit) >> (bit % WORD);
        if rest != 0 {
            return Some(bit + rest.trailing_zeros() as usize).filter(|&found| found < bits.end);
        }
        bit = (bit / WORD + 1) * WORD;
    }
    None
}

/// Returns the numbers of the bits that are set in a word, ascending.
pub(crate) fn ones(word: u64) -> impl Iterator<Item = usize> {
    core::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)))
        .take_while(|&rest| rest != 0)
        .map(|rest| rest.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_range_is_in_one_mask_and_found_by_a_search() {
        for (start, end) in
            (0..3 * WORD + 2).step_by(7).flat_map(|start| (start..3 * WORD + 2).map(move |end| (start, end)))
        {
            let masks: Vec<(usize, usize)> = words(start..end).collect();
            assert_eq!(masks.iter().map(|(_, mask)| mask.count_ones() as usize).sum::<usize>(), end - start);
            let word = |bit: usize| masks.iter().find(|(index, _)| *index == bit / WORD).map_or(0, |(_, mask)| *mask);
            assert_eq!(next_set(0..4 * WORD, word), (start < end).then_some(start));
            assert_eq!(next_set(0..start, word), None);
            assert_eq!(next_set(end..4 * WORD, word), None);
        }
    }

    #[test]
    fn the_ones_of_a_word_are_its_set_bits_in_order() {
        assert!(ones(0).next().is_none());
        assert!(ones(u64::MAX).eq(0..64));
        assert!(ones(1 << 63 | 0b1010).eq([1, 3, 63]));
    }
}
