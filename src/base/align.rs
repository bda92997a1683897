//! All arithmetic on sizes and addresses, checked, without a line of unsafe code.
//!
//! Everything that decides *where* bytes go is a pure function in this file. So it can be tried at every extreme, on
//! words narrower than the machine's. The functions are generic over [`Word`] for that reason alone: the library calls
//! them with `usize`, the tests with `u16`, `u32` and `u64` (soundness S3).
//!
//! ```text
//!        cursor      start                 end       limit
//!   ───────┴───────────┴────────────────────┴──────────┴───▶ addresses
//!          │◀── pad ──▶│◀────── size ──────▶│◀─ room ─▶│
//! ```
//!
//! Two rules keep every function free of wrapping. A distance is only taken after its ends were compared. A sum of
//! bytes is only taken by `checked_add`.
#![forbid(unsafe_code)]

use core::ops::{BitAnd, Sub};

/// An unsigned word that addresses and sizes are computed in.
pub(crate) trait Word: Copy + Ord + BitAnd<Output = Self> + Sub<Output = Self> {
    const ONE: Self;
    fn checked_add(self, other: Self) -> Option<Self>;
    fn wrapping_neg(self) -> Self;
    fn is_power_of_two(self) -> bool;
}

macro_rules! words {
    ($($word:ty),*) => {$(
        impl Word for $word {
            const ONE: Self = 1;
            #[inline(always)]
            fn checked_add(self, other: Self) -> Option<Self> {
                self.checked_add(other)
            }
            #[inline(always)]
            fn wrapping_neg(self) -> Self {
                self.wrapping_neg()
            }
            #[inline(always)]
            fn is_power_of_two(self) -> bool {
                self.is_power_of_two()
            }
        }
    )*};
}

words!(usize);
#[cfg(test)]
words!(u16, u32, u64);

/// The distance from `at` up to the next multiple of `align`, a power of two; less than `align`.
#[inline(always)]
pub(crate) fn pad<W: Word>(at: W, align: W) -> W {
    debug_assert!(align.is_power_of_two());
    at.wrapping_neg() & (align - W::ONE)
}

/// The least multiple of `align` that is not below `at`; `None` where no word holds it.
#[inline(always)]
pub(crate) fn align_up<W: Word>(at: W, align: W) -> Option<W> {
    at.checked_add(pad(at, align))
}

/// The greatest multiple of `align` that is not above `at`.
#[inline(always)]
pub(crate) fn align_down<W: Word>(at: W, align: W) -> W {
    debug_assert!(align.is_power_of_two());
    at - (at & (align - W::ONE))
}

/// Returns the bytes to skip from `cursor` so that `size` bytes aligned to `align` lie below `limit`; `None` if they do
/// not fit.
///
/// `cursor` must not be above `limit`. Whatever the other arguments are, nothing wraps.
#[inline(always)]
pub(crate) fn place<W: Word>(cursor: W, limit: W, size: W, align: W) -> Option<W> {
    debug_assert!(cursor <= limit);
    let pad = pad(cursor, align);
    let need = pad.checked_add(size)?;
    (need <= limit - cursor).then_some(pad)
}

/// The bytes that a run starting at `start` needs for one block: its size and the way to its alignment.
#[inline]
pub(crate) fn need<W: Word>(start: W, size: W, align: W) -> Option<W> {
    pad(start, align).checked_add(size)
}

/// The bytes that a run ending at `end` needs for one block: its size and the way down to its alignment. `None` where there are not so many
/// in front of `end`.
#[inline]
pub(crate) fn need_below<W: Word>(end: W, size: W, align: W) -> Option<W> {
    debug_assert!(align.is_power_of_two());
    if size > end { None } else { Some(end - align_down(end - size, align)) }
}

/// Returns the bytes to take for a block that needs `need` bytes, if `wish` is wished for. That is the wish, or a whole
/// number of such blocks if fewer would leave more than an eighth of it.
#[inline]
pub(crate) fn piece(need: usize, wish: usize) -> usize {
    let need = need.max(1);
    if need <= wish && wish % need <= wish / 8 { wish } else { need.saturating_mul(wish.div_ceil(need).max(1)) }
}

/// Returns the bytes to claim beyond `taken` ones at `address`, so that the claim ends where a huge page does. It is 0
/// if that is more than half of these and the ones `before`.
#[inline]
pub(crate) fn rest_of_huge_page(address: usize, before: usize, taken: usize, huge: usize) -> usize {
    let rest = address.checked_add(taken).map_or(0, |end| pad(end, huge));
    if before.checked_add(taken).is_some_and(|all| rest <= all / 2) { rest } else { 0 }
}

/// Returns the unit that claims are counted in. It is a page, or as many of them as let half a word, less a bit, count
/// `len` bytes.
#[inline]
pub(crate) fn grain(len: usize, page: usize) -> usize {
    let most = usize::MAX >> (usize::BITS / 2 + 1);
    let mut grain = page;
    while len / grain > most {
        grain *= 2;
    }
    grain
}

/// Which doubling of `least` the size lies in, of `classes`: the last one is open above. `size` is at least `least`, a power of two.
#[inline]
pub(crate) fn class(size: usize, least: usize, classes: usize) -> usize {
    let doublings = (size / least).max(1).ilog2() as usize;
    doublings.min(classes - 1)
}

/// Returns the size of a run to claim, in whole pages. It is the larger of the need of one block and the wish, but no
/// more than is left. `None` if not even the block fits.
#[inline]
pub(crate) fn run_length<W: Word>(need: W, wish: W, left: W, page: W) -> Option<W> {
    let least = align_up(need, page).filter(|&least| least <= left)?;
    let wish = align_up(wish, page).unwrap_or(left).min(left);
    Some(least.max(align_down(wish, page)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Every word near which something can go wrong: the ends, the powers of two, and their neighbours.
    pub(crate) fn extremes(bits: u32) -> Vec<u64> {
        let max = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
        let mut all: Vec<u64> = (0..bits)
            .flat_map(|bit| [(1u64 << bit).wrapping_sub(1), 1 << bit, (1u64 << bit).saturating_add(1)])
            .chain([0, max, max - 1, max - 7, max - 10, max - 4095])
            .map(|word| word & max)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    macro_rules! at_width {
        ($($name:ident: $word:ty),*) => {$(
            // soundness S3: compared with the same sum in 128 bits, where nothing can wrap.
            #[test]
            fn $name() {
                const BITS: u32 = <$word>::BITS;
                let words = extremes(BITS);
                let aligns = || (0..BITS).map(|bit| 1u64 << bit);
                for &cursor in &words {
                    for align in aligns() {
                        let wide = (cursor as u128).next_multiple_of(align as u128);
                        let fits = wide <= <$word>::MAX as u128;
                        let up = align_up(cursor as $word, align as $word);
                        assert_eq!(up.map(u128::from), fits.then_some(wide), "{cursor:#x} up to {align:#x}");
                        assert_eq!(align_down(cursor as $word, align as $word) as u64, cursor - cursor % align);
                        for &size in words.iter().step_by(3) {
                            let end = wide + size as u128;
                            let need = need(cursor as $word, size as $word, align as $word);
                            let exact = wide - cursor as u128 + size as u128;
                            assert_eq!(need.map(u128::from), (exact <= <$word>::MAX as u128).then_some(exact));
                            for &limit in words.iter().filter(|&&limit| limit >= cursor).step_by(11) {
                                let placed = place(cursor as $word, limit as $word, size as $word, align as $word);
                                let expected = (end <= limit as u128).then(|| wide - cursor as u128);
                                assert_eq!(placed.map(u128::from), expected, "{cursor:#x}..{limit:#x} {size:#x}@{align:#x}");
                            }
                        }
                    }
                }
            }
        )*};
    }

    at_width! {
        placement_never_wraps_on_16_bits: u16,
        placement_never_wraps_on_32_bits: u32,
        placement_never_wraps_on_64_bits: u64
    }

    // soundness S3, S21: a run is never longer than what is left, and at most a page longer than asked.
    #[test]
    fn a_run_is_whole_pages_within_what_is_left() {
        let words = extremes(16);
        for &need in &words {
            for &wish in &words {
                for left in words.iter().map(|&left| left / 256 * 256) {
                    let run = run_length(need as u16, wish as u16, left as u16, 256);
                    let least = need.next_multiple_of(256);
                    assert_eq!(run.is_some(), least <= left, "{need} {wish} {left}");
                    let Some(run) = run.map(u64::from) else { continue };
                    assert!(run >= need && run <= left && run % 256 == 0);
                    assert!(run <= least.max(wish.next_multiple_of(256)));
                }
            }
        }
    }

    // soundness S3
    #[test]
    fn what_a_block_needs_below_an_end_is_the_least_that_holds_it() {
        let words = extremes(16);
        for (&end, &size) in words.iter().flat_map(|end| words.iter().map(move |size| (end, size))) {
            for align in (0..16).map(|bit| 1u64 << bit) {
                let need = need_below(end as u16, size as u16, align as u16).map(u64::from);
                assert_eq!(need.is_some(), size <= end, "{end} {size} {align}");
                let Some(need) = need else { continue };
                assert!((end - need) % align == 0 && need >= size && need - size < align && need <= end);
            }
        }
    }

    // soundness S21
    #[test]
    fn blocks_of_one_size_leave_at_most_a_fifth_of_the_pages_that_are_taken_for_them() {
        for wish in [16 << 10, 20_000, 1 << 20] {
            for need in (1..2 * wish).step_by(97) {
                let taken = piece(need, wish).next_multiple_of(4096);
                assert!(taken >= need && taken < wish + need + 4096);
                assert!(taken % need <= taken / 5, "{taken} for {need}");
            }
        }
        assert_eq!((piece(0, 100), piece(usize::MAX, 100), piece(7, 0)), (100, usize::MAX, 7));
    }

    // soundness S3, S21
    #[test]
    fn the_rest_of_a_huge_page_is_claimed_where_it_is_at_most_half_of_what_is_there() {
        let (huge, base) = (2 << 20, 6 << 20);
        let rest = |start: usize, taken| rest_of_huge_page(base + start, start, taken, huge);
        assert_eq!((rest(0, 3 << 20), rest(0, (2 << 20) + 1), rest(0, 2 << 20)), (1 << 20, 0, 0));
        assert_eq!((rest(2 << 20, 1), rest(4 << 20, 1), rest(6 << 20, 5)), (0, (2 << 20) - 1, (2 << 20) - 5));
        assert_eq!(rest_of_huge_page(usize::MAX - 9, 0, 10, huge), 0);
        assert_eq!(rest_of_huge_page(usize::MAX - 9, usize::MAX - 9, 10, huge), 0);
        for (start, taken) in (0..40).flat_map(|at| (0..40).map(move |taken| (at * 300_007, taken * 100_003))) {
            let end = base + start + taken + rest(start, taken);
            assert!(end % huge == 0 || end == base + start + taken);
            assert!(rest(start, taken) <= (start + taken) / 2);
        }
    }

    #[test]
    fn claims_are_counted_in_pages_until_half_a_word_does_not_hold_their_number() {
        let most = usize::MAX >> (usize::BITS / 2 + 1);
        assert_eq!((grain(0, 4096), grain(1 << 20, 4096), grain(most << 6, 64)), (4096, 4096, 64));
        assert_eq!(grain((most + 1) << 6, 64), 128);
        for len in extremes(usize::BITS).into_iter().map(|len| len as usize) {
            for page in [64, 4096, 64 << 10] {
                let grain = grain(len, page);
                assert!(grain % page == 0 && len / grain <= most && (grain == page || len / (grain / 2) > most));
            }
        }
    }

    #[test]
    fn a_class_is_a_doubling_and_the_last_one_has_all_that_is_larger() {
        for (size, expected) in [(64, 0), (127, 0), (128, 1), (255, 1), (4096, 6), (64 << 14, 14), (64 << 15, 15)] {
            assert_eq!(class(size, 64, 16), expected, "{size}");
        }
        assert_eq!((class(usize::MAX, 64, 16), class(0, 64, 16)), (15, 0));
    }
}
