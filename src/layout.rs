//! All arithmetic on sizes and addresses, checked, without a line of unsafe code.
//!
//! Everything that decides *where* bytes go is a pure function in this file, so that it can be tried at every extreme, on words
//! narrower than the machine's. The functions are generic over [`Word`] for that reason alone: the library calls them with `usize`,
//! the tests with `u16`, `u32` and `u64` (soundness S3).
//!
//! ```text
//!        cursor      start                 end       limit
//!   ───────┴───────────┴────────────────────┴──────────┴───▶ addresses
//!          │◀── pad ──▶│◀────── size ──────▶│◀─ room ─▶│
//! ```
//!
//! Two rules keep every function free of wrapping: a distance is only taken after its ends were compared, and a sum of bytes is
//! only taken by `checked_add`.
#![forbid(unsafe_code)]

use core::ops::{BitAnd, Range, Sub};

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

/// How many bytes to skip from `cursor` so that `size` bytes aligned to `align` lie below `limit`; `None` where they do not fit.
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

/// How large a run to claim: what one block needs or what is wished for, whichever is more, in whole pages, but no more than is left.
/// `None` where not even the block fits.
#[inline]
pub(crate) fn run_length<W: Word>(need: W, wish: W, left: W, page: W) -> Option<W> {
    let least = align_up(need, page).filter(|&least| least <= left)?;
    let wish = align_up(wish, page).unwrap_or(left).min(left);
    Some(least.max(align_down(wish, page)))
}

/// The system's page size: a power of two, the unit of commitment and of sealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageSize(usize);

impl PageSize {
    /// `None` unless `bytes` is a power of two that meets every record's alignment and divides a slab: 64 bytes to 64 KiB.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        (bytes.is_power_of_two() && (RECORD_ALIGN..=64 << 10).contains(&bytes)).then_some(Self(bytes))
    }

    #[inline]
    pub(crate) fn bytes(self) -> usize {
        self.0
    }

    /// The start of the page that holds the byte at `offset`.
    #[inline]
    pub(crate) fn floor(self, offset: usize) -> usize {
        align_down(offset, self.0)
    }

    /// The first page boundary that is not below `offset`; `None` where no word holds it.
    #[inline]
    pub(crate) fn ceil(self, offset: usize) -> Option<usize> {
        align_up(offset, self.0)
    }

    /// The number of the page that holds the byte at `offset`.
    #[inline]
    pub(crate) fn index(self, offset: usize) -> usize {
        offset / self.0
    }

    /// The numbers of the pages that hold a byte of `bytes`; none where `bytes` is empty.
    #[inline]
    pub(crate) fn touched(self, bytes: Range<usize>) -> Range<usize> {
        let first = self.index(bytes.start);
        if bytes.start >= bytes.end { first..first } else { first..self.index(bytes.end - 1) + 1 }
    }

    /// The numbers of the pages that begin in `bytes.start..` rounded down and are over before `bytes.end`.
    #[inline]
    pub(crate) fn filled(self, bytes: Range<usize>) -> Range<usize> {
        let first = self.index(bytes.start);
        first..self.index(bytes.end).max(first)
    }

    /// The bytes of the pages numbered `pages`; these must lie in an existing reservation.
    #[inline]
    pub(crate) fn span(self, pages: Range<usize>) -> Range<usize> {
        pages.start * self.0..pages.end * self.0
    }
}

/// Where the parts of a code arena's reservation lie; all are whole pages, but for where the page table and the ledger meet.
///
/// ```text
///   0              table            start                         start + code    len
///   ├─── ◀ table ────┼─── ledger ▶ ───┼──── code pages ▶ ───────────────┼─ ledger ▶ ──┤
///                      its first part                                     its second
/// ```
///
/// What a small arena touches lies close together: the kernel needs a page of page tables for each 2 MiB, and that costs as much to make as
/// the memory itself. The first part of the ledger is writable from the beginning, so that it makes no mapping of its own, and short, so
/// that the table is not far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Where the page table ends and the ledger's first part begins: in the middle of a page, because what is used first of both lies
    /// there. A multiple of [`RECORD_ALIGN`].
    pub(crate) table: usize,
    /// Where the ledger's first part ends and code pages begin.
    pub(crate) start: usize,
    /// Bytes of code pages.
    pub(crate) code: usize,
    /// Bytes of the ledger's second part, behind the code pages.
    pub(crate) back: usize,
    /// Bytes of the whole reservation.
    pub(crate) len: usize,
}

/// What every record is aligned to at most; no page is smaller.
pub(crate) const RECORD_ALIGN: usize = 64;

impl Geometry {
    /// The parts for `code` bytes of code, rounded up to pages: a quarter of that for records, at least `least_ledger`, and a page
    /// table whose size `table` tells from the number of pages. `None` where the sum is more than an allocation may have.
    pub(crate) fn new(
        code: usize,
        page: PageSize,
        least_ledger: usize,
        table: impl Fn(usize) -> usize,
    ) -> Option<Self> {
        let code = page.ceil(code.max(1)).filter(|&code| code <= isize::MAX as usize)?;
        let ledger = page.ceil((code / 4).max(least_ledger))?;
        let front = page.ceil((code / 4096).max(least_ledger))?;
        // Aligned as records are, on every page size.
        let half = page.bytes() / 2 / RECORD_ALIGN * RECORD_ALIGN;
        let table = page.ceil(table(page.index(code)).checked_add(half)?)? - half;
        let start = page.ceil(table.checked_add(front)?)?;
        let back = ledger - front.min(ledger);
        let len = start.checked_add(code)?.checked_add(back).filter(|&len| len <= isize::MAX as usize)?;
        Some(Self { table, start, code, back, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word near which something can go wrong: the ends, the powers of two, and their neighbours.
    fn extremes(bits: u32) -> Vec<u64> {
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

    // soundness S3, S4: absurd reservations are refused before anything is asked of the system; records are aligned on every page size.
    #[test]
    fn a_reservation_of_any_size_has_a_geometry_or_none() {
        for (bytes, code) in [64, 128, 4096, 16 << 10, 64 << 10]
            .into_iter()
            .flat_map(|bytes| extremes(usize::BITS).into_iter().map(move |code| (bytes, code as usize)))
        {
            let page = PageSize::new(bytes).unwrap();
            // As a page table: a word for each page, and the bits.
            let Some(all) = Geometry::new(code, page, 1 << 16, |pages| pages * 9) else {
                assert!(code > 1 << (usize::BITS - 3), "{code}");
                continue;
            };
            assert!(all.code >= code && all.code <= code.max(1).next_multiple_of(bytes));
            assert!(all.table >= all.code / bytes * 9 && all.table < all.code / bytes * 9 + 2 * bytes);
            assert!(all.table % RECORD_ALIGN == 0 && (all.table % bytes != 0 || bytes == RECORD_ALIGN));
            assert!(all.start - all.table >= 1 << 16 && all.start - all.table + all.back >= all.code / 4);
            assert!([all.start, all.code, all.back].iter().all(|part| part % bytes == 0), "{all:?}");
            assert!(all.len == all.start + all.code + all.back && all.len <= isize::MAX as usize);
        }
    }

    #[test]
    fn pages_touched_and_pages_filled_differ_by_the_partial_last_page() {
        let page = PageSize::new(4096).unwrap();
        assert_eq!(page.touched(0..0), 0..0);
        assert_eq!(page.touched(4095..4097), 0..2);
        assert_eq!(page.touched(4096..8192), 1..2);
        assert_eq!(page.filled(100..4095), 0..0);
        assert_eq!(page.filled(100..4096), 0..1);
        assert_eq!(page.filled(4100..4200), 1..1);
        assert_eq!(page.span(1..3), 4096..12288);
        assert_eq!(PageSize::new(3000), None);
        assert_eq!(PageSize::new(0), None);
    }
}
