//! The latest refusal, for whoever asks why a level does not hold: one word, so that threads may note theirs at once.

use crate::error::{PageCall, PageError};
use core::sync::atomic::{AtomicU64, Ordering::*};

/// What a refusal can name; its place in here is what the word holds. A source of the user's may name any.
const CALLS: [PageCall; 16] = [
    PageCall::Reserve,
    PageCall::Commit,
    PageCall::Populate,
    PageCall::Seal,
    PageCall::SealExecutable,
    PageCall::CreateFile,
    PageCall::WriteFile,
    PageCall::SealFile,
    PageCall::Replace,
    PageCall::Fix,
    PageCall::Huge,
    PageCall::Plain,
    PageCall::Decommit,
    PageCall::Discard,
    PageCall::Resident,
    PageCall::Release,
];

/// `call + 1` in 8 bits, the system's error number in 16, pages of 64 bytes in 40. 0: none.
pub(super) struct Refusal(AtomicU64);

impl Refusal {
    pub(super) const fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Notes a refusal. A later success takes nothing away: it concerns other pages.
    pub(super) fn note(&self, result: &Result<(), PageError>) {
        let Err(error) = result else { return };
        let call = CALLS.iter().position(|&call| call == error.call).map_or(0, |index| index as u64 + 1);
        let code = u64::from(error.code as u16);
        let pages = (error.bytes as u64 / 64).min((1 << 40) - 1);
        self.0.store(call << 56 | code << 40 | pages, Relaxed);
    }

    pub(super) fn get(&self) -> Option<PageError> {
        let word = self.0.load(Relaxed);
        let call = CALLS.get(((word >> 56) as usize).checked_sub(1)?)?;
        let code = i32::from((word >> 40) as u16);
        Some(PageError { call: *call, bytes: (word as usize & ((1 << 40) - 1)) * 64, code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_what_is_found() {
        let refusal = Refusal::none();
        assert_eq!(refusal.get(), None);
        for call in CALLS {
            let error = PageError { call, bytes: 123 << 12, code: 12 };
            refusal.note(&Err(error));
            refusal.note(&Ok(()));
            assert_eq!(refusal.get(), Some(error));
        }
    }
}
