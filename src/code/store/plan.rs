//! The layout of a code arena's reservation: pure arithmetic, checked.
#![forbid(unsafe_code)]

use crate::base::page::{PageSize, RECORD_ALIGN};

/// The layout of a code arena's reservation. All borders lie between pages, except that between the page table and
/// the ledger.
///
/// ```text
///   0              table           start                     start + code            rest                len
///   ├─ ◀ its first ─┼─ ledger, its ─┼──── code pages ▶ ┄┄┄┄┄┄┄┄┄┄┄┄┼┄┄┄┄┄┄┄ ◀ ledger ───┼─ its others ▶ ┄ ◀ ┤
///      groups of      first part ▶                                     its second part     groups of
///      the page table  (then a prefix, with its head)                                        the page table
/// ```
///
/// A small arena keeps everything close together. The kernel needs a page of page tables for each 2 MiB, and that costs
/// as much to make as the memory itself. The part in front of the code is writable from the beginning, so that it makes
/// no mapping of its own. It is short, because writable memory is charged. The rest lies behind the code, on both sides
/// of one place: a mapping more, and one for much machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::code) struct StorePlan {
    /// The border between the page table's part in front of the code and the ledger. It lies in the middle of a page,
    /// because both are used first there. A multiple of [`RECORD_ALIGN`].
    pub(in crate::code) table: usize,
    /// Bytes between the ledger's first part and a prefix, which are that one's and no code: an image's tables.
    pub(in crate::code) head: usize,
    /// Bytes of sealed code in front of the arena's own: an image's, or none.
    pub(in crate::code) prefix: usize,
    /// The beginning of the code pages.
    pub(in crate::code) start: usize,
    /// Bytes of code pages.
    pub(in crate::code) code: usize,
    /// Bytes set aside for the ledger's second part, behind the code pages.
    pub(in crate::code) back: usize,
    /// The border between the ledger's second part, which grows down, and the page table's.
    pub(in crate::code) rest: usize,
    /// Bytes of the whole reservation.
    pub(in crate::code) len: usize,
}

/// The ledger's first part is half a page longer than this at most, or one chunk: some 2,000 modules.
const FRONT: usize = 256 << 10;

impl StorePlan {
    /// Plans the parts for `code` bytes of code, rounded up to pages. A quarter of that is for records, at least
    /// `least_ledger`. In front of it there is room for a `prefix`, and in front of that for its `head`. `table` tells the page table's
    /// sizes, in front of the code and behind it, from the number of pages. `None` if the sum is more than an allocation may have.
    pub(in crate::code) fn new(
        code: usize,
        [head, prefix]: [usize; 2],
        page: PageSize,
        least_ledger: usize,
        table: impl Fn(usize) -> [usize; 2],
    ) -> Option<Self> {
        let code = page.ceil(code.max(1)).filter(|&code| code <= isize::MAX as usize)?;
        let ledger = page.ceil((code / 4).max(least_ledger))?;
        let front = page.ceil((code / 4096).min(FRONT).max(least_ledger))?;
        let [first, others] = table(page.index(code));
        // Aligned as records are, on every page size.
        let half = page.bytes() / 2 / RECORD_ALIGN * RECORD_ALIGN;
        let table = page.ceil(first.checked_add(half)?)? - half;
        let prefix = page.ceil(prefix)?;
        let head = if prefix == 0 { 0 } else { page.ceil(head)? };
        let start = page.ceil(table.checked_add(front)?)?.checked_add(head)?.checked_add(prefix)?;
        let back = ledger - front.min(ledger);
        let rest = start.checked_add(code)?.checked_add(back)?;
        let len = rest.checked_add(page.ceil(others)?).filter(|&len| len <= isize::MAX as usize)?;
        Some(Self { table, head, prefix, start, code, back, rest, len })
    }

    /// The beginning of what is code, a prefix or the arena's own.
    pub(in crate::code) fn first(&self) -> usize {
        self.start - self.prefix
    }

    /// The end of the ledger's first part.
    pub(in crate::code) fn records(&self) -> usize {
        self.first() - self.head
    }

    /// Bytes without those of a prefix.
    pub(in crate::code) fn own(&self) -> usize {
        self.len - self.head - self.prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::align::tests::extremes;

    // soundness S3, S4: absurd reservations are refused before anything is asked of the system; records are aligned on every page size.
    #[test]
    fn a_reservation_of_any_size_has_a_geometry_or_none() {
        for (bytes, code) in [64, 128, 4096, 16 << 10, 64 << 10]
            .into_iter()
            .flat_map(|bytes| extremes(usize::BITS).into_iter().map(move |code| (bytes, code as usize)))
        {
            let page = PageSize::new(bytes).unwrap();
            // As a page table: a word for each page, and the bits.
            let table = |pages: usize| [pages.min(1000) * 9, pages.saturating_sub(1000) * 9];
            let Some(all) = StorePlan::new(code, [7, 0], page, 1 << 16, table) else {
                assert!(code > 1 << (usize::BITS - 3), "{code}");
                continue;
            };
            assert!(all.code >= code && all.code <= code.max(1).next_multiple_of(bytes));
            let [first, others] = table(all.code / bytes);
            assert!(all.table >= first && all.table < first + 2 * bytes);
            assert!(all.table % RECORD_ALIGN == 0 && (all.table % bytes != 0 || bytes == RECORD_ALIGN));
            assert!(all.start - all.table >= 1 << 16 && all.start - all.table + all.back >= all.code / 4);
            assert!(
                all.start < 9000 + 2 * bytes + (256 << 10) + (64 << 10),
                "what is writable at once is bounded: {all:?}"
            );
            assert!([all.start, all.code, all.back, all.len].iter().all(|part| part % bytes == 0), "{all:?}");
            let with = StorePlan::new(code, [bytes + 1, 3 * bytes + 1], page, 1 << 16, table);
            let (head, moved) = (2 * bytes, 6 * bytes);
            assert!(with.is_none_or(|with| (with.records(), with.first()) == (all.start, all.start + head)));
            assert!(with.is_none_or(|with| (with.start, with.own()) == (all.start + moved, all.len)));
            assert!(with.is_none_or(|with| (with.table, with.len) == (all.table, all.len + moved)));
            assert!(all.rest == all.start + all.code + all.back && all.len <= isize::MAX as usize);
            assert!(all.len - all.rest >= others && all.len - all.rest < others + bytes);
        }
    }
}
