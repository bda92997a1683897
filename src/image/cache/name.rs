//! The name of an image in a cache: a digest of all that must be equal for it to be the right one.

use crate::image::format::ImageError;
use crate::image::shape::{Fingerprint, Mappable};
use crate::pages;
use alloc::format;
use alloc::string::String;
use std::ffi::OsStr;

const ENDING: &str = ".image";
/// Digits of the digest.
const DIGITS: usize = 64;

/// A name, and the byte of the lock that stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) file: String,
    /// Below 2^62, so that it is an offset in a file.
    pub(super) slot: u64,
}

impl Name {
    /// The name of the image with roots of these types that a key stands for.
    pub(super) fn new<T: Mappable>(key: &[u8]) -> Result<Self, ImageError> {
        let types = format!("{}", Fingerprint::of::<T>());
        let page = format!("{}", pages::page_of_system());
        let mut hasher = blake3::Hasher::new();
        // Each with its length, so that no two lists are the same bytes.
        for part in [
            b"permacode cache",
            env!("CARGO_PKG_VERSION").as_bytes(),
            std::env::consts::ARCH.as_bytes(),
            page.as_bytes(),
            types.as_bytes(),
            key,
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let file = format!("{}{ENDING}", hasher.finalize().to_hex());
        Self::of_image(OsStr::new(&file)).ok_or(ImageError::TooLarge)
    }

    /// The name of an image, if a file is called as one is.
    pub(super) fn of_image(file: &OsStr) -> Option<Self> {
        let file = file.to_str()?;
        let digits = file.strip_suffix(ENDING).filter(|digits| digits.len() == DIGITS)?;
        if !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let slot = u64::from_str_radix(&digits[..16], 16).ok()? >> 2;
        Some(Self { file: String::from(file), slot })
    }

    /// The name of the image that a file was to become, if the file is called as what a killed writer leaves.
    pub(super) fn of_temporary(file: &OsStr) -> Option<Self> {
        let hidden = file.to_str()?.strip_prefix('.')?.strip_suffix(".tmp")?;
        let name = hidden.get(..DIGITS + ENDING.len())?;
        let behind = &hidden[name.len()..];
        Self::of_image(OsStr::new(name)).filter(|_| behind.starts_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_and_each_type_has_a_name_of_its_own() {
        let names = [
            Name::new::<u32>(b"").unwrap(),
            Name::new::<u32>(b"a").unwrap(),
            Name::new::<i32>(b"a").unwrap(),
            Name::new::<u32>(b"../a\0\xff").unwrap(),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name) && name.slot < 1 << 62);
            assert_eq!(Name::of_image(OsStr::new(&name.file)).as_ref(), Some(name));
        }
        assert_eq!(names[1], Name::new::<u32>(b"a").unwrap());
    }

    #[test]
    fn only_names_of_a_cache_are_taken_for_such() {
        let name = Name::new::<u32>(b"a").unwrap();
        let temporary = format!(".{}.00ff.tmp", name.file);
        assert_eq!(Name::of_temporary(OsStr::new(&temporary)), Some(name.clone()));
        for other in ["", ".lock", "main.image", &name.file[1..], &name.file.to_uppercase(), &temporary] {
            assert_eq!(Name::of_image(OsStr::new(other)), None, "{other}");
        }
        for other in ["", ".tmp", "..tmp", &temporary[1..], &format!(".{}tmp", name.file), ".größer.image.1.tmp"] {
            assert_eq!(Name::of_temporary(OsStr::new(other)), None, "{other}");
        }
    }
}
