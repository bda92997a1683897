//! The latest refusal, for whoever asks why a level does not hold: one word, so that threads may note theirs at once.

use crate::error::{PageCall, PageError};
#[cfg(not(target_has_atomic = "64"))]
use core::sync::atomic::AtomicU32 as AtomicWord;
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64 as AtomicWord;
use core::sync::atomic::Ordering::Relaxed;

/// The calls that a refusal can name: a user's own source may name any. A call's place in here is the number that the word holds.
const CALLS: [PageCall; PageCall::ALL.len()] = PageCall::ALL;

/// Sizes are whole pages, and no page is smaller.
const UNIT: u64 = 64;

/// The layout of a refusal in a word, from the highest bits: `call + 1`, 0 for none; the system's error number; the size.
///
/// ```text
///   ├─ call + 1 ─┼─ number ─┼─ shift ─┼─ digits ─┤      bytes = (digits << shift) · 64
/// ```
///
/// A number that does not fit is one that no kernel gives, and becomes 0. A size of more digits is rounded down.
struct Packing {
    number: u32,
    shift: u32,
    digits: u32,
}

/// Exact below 2 TiB.
#[cfg(any(test, target_has_atomic = "64"))]
const WIDE: Packing = Packing { number: 16, shift: 5, digits: 35 };

/// Exact below 2,048 pages of whatever size, above to a part in 2,048. Linux's numbers have twelve bits.
#[cfg(any(test, not(target_has_atomic = "64")))]
const NARROW: Packing = Packing { number: 12, shift: 4, digits: 11 };

#[cfg(target_has_atomic = "64")]
const PACKING: Packing = WIDE;
#[cfg(not(target_has_atomic = "64"))]
const PACKING: Packing = NARROW;

const _: () = assert!(CALLS.len() < 1 << 5); // the narrow word has five bits for a call

impl Packing {
    fn pack(&self, error: &PageError) -> u64 {
        let call = CALLS.iter().position(|&call| call == error.call).map_or(0, |index| index as u64 + 1);
        let number = u64::try_from(error.code).ok().filter(|number| number >> self.number == 0).unwrap_or(0);
        let units = error.bytes as u64 / UNIT;
        let shift = (u64::BITS - units.leading_zeros()).saturating_sub(self.digits);
        let size = u64::from(shift) << self.digits | units >> shift;
        (call << self.number | number) << (self.shift + self.digits) | size
    }

    fn unpack(&self, word: impl Into<u64>) -> Option<PageError> {
        let word = word.into();
        let field = |above: u32, bits: u32| word >> above & ((1 << bits) - 1);
        let call = field(self.number + self.shift + self.digits, 8) as usize;
        let number = field(self.shift + self.digits, self.number) as u16;
        let bytes = (field(0, self.digits) << field(self.digits, self.shift)) * UNIT;
        // No more than the `usize` that it was.
        Some(PageError { call: *CALLS.get(call.checked_sub(1)?)?, bytes: bytes as usize, code: i32::from(number) })
    }
}

/// A refusal, or none.
pub(in crate::code) struct LastRefusal(AtomicWord);

impl LastRefusal {
    pub(in crate::code) const fn none() -> Self {
        Self(AtomicWord::new(0))
    }

    /// Notes a refusal. A later success takes nothing away: it concerns other pages.
    pub(in crate::code) fn note(&self, result: &Result<(), PageError>) {
        if let Err(error) = result {
            // The packing is as wide as the word.
            self.0.store(PACKING.pack(error) as _, Relaxed);
        }
    }

    pub(in crate::code) fn get(&self) -> Option<PageError> {
        PACKING.unpack(self.0.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_what_is_found() {
        let refusal = LastRefusal::none();
        assert_eq!(refusal.get(), None);
        for call in CALLS {
            let error = PageError { call, bytes: 123 << 12, code: 12 };
            refusal.note(&Err(error));
            refusal.note(&Ok(()));
            assert_eq!(refusal.get(), Some(error));
        }
    }

    /// Sizes around every power of two that a `usize` of so many bits holds, in whole pages of `page` bytes.
    fn sizes(bits: u32, page: u64) -> impl Iterator<Item = u64> {
        let around = (0..bits).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        around.chain([u64::MAX >> (64 - bits)]).map(move |size| size / page * page)
    }

    // soundness S33
    #[test]
    fn each_word_holds_what_its_target_can_refuse() {
        for (packing, word, bits) in [(&WIDE, 64, 64), (&NARROW, 32, 32)] {
            for call in CALLS {
                for size in sizes(bits.min(usize::BITS), 64) {
                    for code in [0, 1, 12, 133, 4095] {
                        let error = PageError { call, bytes: size as usize, code };
                        let packed = packing.pack(&error);
                        assert_eq!(packed.checked_shr(word).unwrap_or(0), 0, "{error:?} is wider than the word");
                        let found = packing.unpack(packed).unwrap();
                        assert_eq!((found.call, found.code), (call, code));
                        // Not more than was asked for, and almost as much.
                        let least = error.bytes - error.bytes.checked_shr(packing.digits - 1).unwrap_or(0);
                        assert!((least..=error.bytes).contains(&found.bytes), "{error:?}: {found:?}");
                    }
                }
            }
            assert_eq!(packing.unpack(0u64), None);
        }
    }

    #[test]
    fn what_pages_there_can_be_is_exact() {
        for page in [64, 4096, 64 << 10] {
            for pages in 1..2048 {
                let error = PageError { call: PageCall::Seal, bytes: pages * page, code: 12 };
                assert_eq!(NARROW.unpack(NARROW.pack(&error)), Some(error));
            }
        }
        let terabytes = (2u64 << 40) - 4096;
        if let Ok(bytes) = usize::try_from(terabytes) {
            let error = PageError { call: PageCall::Reserve, bytes, code: 12 };
            assert_eq!(WIDE.unpack(WIDE.pack(&error)), Some(error));
        }
    }

    #[test]
    fn a_number_that_is_no_errors_is_not_taken_for_another() {
        for code in [-1, i32::MIN, 1 << 16, (1 << 16) + 12, i32::MAX] {
            let error = PageError { call: PageCall::Commit, bytes: 4096, code };
            for packing in [&WIDE, &NARROW] {
                assert_eq!(packing.unpack(packing.pack(&error)), Some(PageError { code: 0, ..error }));
            }
        }
    }
}
