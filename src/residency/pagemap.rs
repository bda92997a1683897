//! The meaning of an entry of `/proc/<pid>/pagemap`: eight bytes (the kernel's `pagemap.rst`).
#![forbid(unsafe_code)]

use super::stretch::PageState;

/// Bytes of an entry.
pub(super) const ENTRY: usize = size_of::<u64>();

const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_A_FILE: u64 = 1 << 61;
const MAPPED_HERE_ONLY: u64 = 1 << 56;

/// The state of a page; `None` if it has no memory.
pub(super) fn state(entry: u64) -> Option<PageState> {
    let is = |bit| entry & bit != 0;
    if is(SWAPPED) {
        return Some(PageState::Swapped);
    }
    is(PRESENT).then(|| match (is(MAPPED_HERE_ONLY), is(OF_A_FILE)) {
        (false, _) => PageState::Shared,
        (true, false) => PageState::PrivateCopy,
        (true, true) => PageState::MappedHereOnly,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bits_say_it_all() {
        // The number of a page of memory, of a place in swap space, and the bit for written since they were last cleared.
        let rest = (1 << 55) | ((1 << 55) - 1);
        for rest in [0, rest] {
            assert_eq!(state(rest), None);
            assert_eq!(state(rest | MAPPED_HERE_ONLY | OF_A_FILE), None);
            assert_eq!(state(rest | PRESENT), Some(PageState::Shared));
            assert_eq!(state(rest | PRESENT | OF_A_FILE), Some(PageState::Shared));
            assert_eq!(state(rest | PRESENT | MAPPED_HERE_ONLY), Some(PageState::PrivateCopy));
            assert_eq!(state(rest | PRESENT | MAPPED_HERE_ONLY | OF_A_FILE), Some(PageState::MappedHereOnly));
            // Whatever a kernel puts beside it.
            assert_eq!(state(rest | SWAPPED | PRESENT | MAPPED_HERE_ONLY | OF_A_FILE), Some(PageState::Swapped));
        }
    }
}
