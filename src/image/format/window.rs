//! The addresses that an image may be written for.

use super::digest::Digest;
use super::error::ImageError;
use core::ops::Range;

/// Addresses that the kernel, AddressSanitizer, valgrind and emulators leave free, on each processor. ThreadSanitizer takes them all: there images
/// are moved.
const WINDOWS: Range<usize> = if cfg!(target_arch = "aarch64") {
    0x10_0000_0000..0x28_0000_0000
} else if cfg!(target_arch = "x86_64") {
    0x4000_0000_0000..0x5400_0000_0000
} else {
    0x10_0000_0000..0x20_0000_0000
};

/// A window is a multiple of this, which every page divides.
const ALIGN: usize = 64 << 10;

/// The distance between windows. An image is followed by what an arena loads later.
const STEP: usize = if cfg!(target_arch = "x86_64") { 4 << 30 } else { 1 << 30 };

/// The window for `code` bytes with this digest: so equal contents have the same one, and others likely another.
pub(in crate::image) fn slot(digest: &Digest, code: usize) -> Result<usize, ImageError> {
    let slots = (WINDOWS.len() / STEP).checked_sub(code.div_ceil(STEP)).filter(|&slots| slots > 0);
    let slots = slots.ok_or(ImageError::TooLarge)? as u64;
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    Ok(WINDOWS.start + (u64::from_le_bytes([a, b, c, d, e, f, g, h]) % slots) as usize * STEP)
}

/// Returns `true` for an address at which so many bytes of code may lie.
pub(in crate::image) fn may_lie(base: usize, code: usize) -> bool {
    base >= WINDOWS.start && base.checked_add(code).is_some_and(|end| end <= WINDOWS.end)
}

/// The window that was asked for, if `code` bytes can lie there.
pub(in crate::image) fn chosen(window: usize, code: usize) -> Result<usize, ImageError> {
    if window % ALIGN == 0 && may_lie(window, code) {
        Ok(window)
    } else {
        Err(ImageError::Window { asked: window, from: WINDOWS.start, to: WINDOWS.end, align: ALIGN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_room_for_its_image_and_depends_on_the_digest() {
        let digest = |first: u8| {
            let mut bytes = [0; 32];
            bytes[0] = first;
            Digest::from_bytes(bytes)
        };
        for code in [4096, STEP, STEP + 1, 5 * STEP] {
            for first in [0, 1, 255] {
                let window = slot(&digest(first), code).unwrap();
                assert!(window >= WINDOWS.start && window + code <= WINDOWS.end && window % STEP == 0);
            }
        }
        assert_ne!(slot(&digest(0), 4096).unwrap(), slot(&digest(1), 4096).unwrap());
        assert_eq!(slot(&digest(0), WINDOWS.len()), Err(ImageError::TooLarge));
    }

    #[test]
    fn a_window_is_chosen_within_the_range_and_at_pages_of_any_size() {
        let (from, to) = (WINDOWS.start, WINDOWS.end);
        assert_eq!(chosen(from, 4096), Ok(from));
        assert_eq!(chosen(to - ALIGN, ALIGN), Ok(to - ALIGN));
        for bad in [0, from - ALIGN, from + 4096, to - ALIGN + 1, to, usize::MAX & !(ALIGN - 1)] {
            assert_eq!(chosen(bad, 4096), Err(ImageError::Window { asked: bad, from, to, align: ALIGN }));
        }
        assert!(chosen(to - ALIGN, ALIGN + 1).is_err());
    }
}
