//! Vectors that are refused when there is no memory for them: their sizes come from files and from arenas.
#![forbid(unsafe_code)]

use super::error::ImageError;
use alloc::string::String;
use alloc::vec::Vec;

/// An empty vector with room for so many, and no more.
pub(in crate::image) fn reserved<T>(count: usize) -> Result<Vec<T>, ImageError> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(count).map_err(|_| refusal::<T>(count))?;
    Ok(vec)
}

/// So many copies of a value.
pub(in crate::image) fn filled<T: Clone>(value: T, count: usize) -> Result<Vec<T>, ImageError> {
    let mut vec = reserved(count)?;
    vec.resize(count, value);
    Ok(vec)
}

/// A copy of some values.
pub(in crate::image) fn copied<T: Copy>(values: &[T]) -> Result<Vec<T>, ImageError> {
    let mut vec = reserved(values.len())?;
    vec.extend_from_slice(values);
    Ok(vec)
}

/// A copy of some text.
pub(in crate::image) fn owned(text: &str) -> Result<String, ImageError> {
    let mut owned = String::new();
    owned.try_reserve_exact(text.len()).map_err(|_| ImageError::Memory { bytes: text.len() })?;
    owned.push_str(text);
    Ok(owned)
}

/// Makes room for so many more, and for a share of what is there, so that adding one after the other takes constant time each.
pub(in crate::image) fn reserve<T>(vec: &mut Vec<T>, more: usize) -> Result<(), ImageError> {
    vec.try_reserve(more).map_err(|_| refusal::<T>(vec.len().saturating_add(more)))
}

/// Adds a value.
pub(in crate::image) fn push<T>(vec: &mut Vec<T>, value: T) -> Result<(), ImageError> {
    reserve(vec, 1)?;
    vec.push(value);
    Ok(())
}

#[cold]
fn refusal<T>(count: usize) -> ImageError {
    ImageError::Memory { bytes: count.saturating_mul(size_of::<T>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_refused_with_its_bytes() {
        let refused = ImageError::Memory { bytes: usize::MAX / 8 * 8 };
        assert_eq!(reserved::<u64>(usize::MAX / 8), Err(refused.clone()));
        assert_eq!(filled(0u64, usize::MAX / 8), Err(refused.clone()));
        assert_eq!(reserve(&mut alloc::vec![0u64], usize::MAX / 8 - 1), Err(refused));
        assert_eq!(reserved::<u64>(usize::MAX), Err(ImageError::Memory { bytes: usize::MAX }));
    }

    #[test]
    fn what_there_is_room_for_is_there() {
        let mut vec = filled(7u8, 3).unwrap();
        push(&mut vec, 8).unwrap();
        assert_eq!(copied(&vec), Ok(alloc::vec![7, 7, 7, 8]));
        let room = reserved::<u8>(100).unwrap();
        assert!(room.is_empty() && room.capacity() >= 100);
    }
}
