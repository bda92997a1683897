//! A check that the index of names leads to names: one pass over it.
//!
//! What it finds is not needed for soundness: a name is compared with the text that is looked for. It makes sure that each name is found, and is
//! text of the image.
#![forbid(unsafe_code)]

use super::finder::Finder;
use crate::image::format::{ImageError, Index, MOST_OF_BUCKET, Tables};
use crate::image::shape::{Fingerprint, TEXT};
use alloc::borrow::Cow;
use core::ops::Range;

/// Checks all names of an image with so many bytes of code, of which `read` gives those of a range that lies in a run.
pub(in crate::image) fn check_names<'b>(
    tables: Tables<'_>,
    index: &Index,
    code: usize,
    mut read: impl FnMut(Range<usize>) -> Result<Cow<'b, [u8]>, ImageError>,
) -> Result<(), ImageError> {
    let wrong = |what| Err(ImageError::Index(what));
    let text = Fingerprint::of_shape(&TEXT);
    let is_text = |of: u32| index.types.get(of as usize).is_some_and(|entry| entry.fingerprint == text);
    let finder = Finder::new(index, code)?;
    let (mut next, mut bytes) = (0, 0usize);
    for bucket in 0..tables.buckets() {
        let ascends = |numbers: &Range<usize>| numbers.start == next && (next..=tables.names()).contains(&numbers.end);
        let Some(numbers) = tables.bucket(bucket).filter(ascends) else {
            return wrong("the buckets of its names do not ascend");
        };
        next = numbers.end;
        if numbers.len() > MOST_OF_BUCKET {
            return wrong("a bucket of names has more than chance gives it");
        }
        for name in numbers.filter_map(|number| tables.name(number)) {
            let end = name.at.checked_add(name.len);
            let run = finder.run_at(index, name.at).filter(|run| is_text(run.of));
            let lies_in = |end: &usize| run.is_some_and(|run| *end <= run.bytes(&index.types).end);
            let Some(end) = end.filter(lies_in) else { return wrong("a name does not lie in text") };
            // No two names share a byte, so what is read is no more than the code.
            bytes = bytes.saturating_add(name.len);
            if bytes > code || name.len == 0 {
                return wrong("its names are longer than its text");
            }
            let found = read(name.at..end)?;
            if core::str::from_utf8(&found).is_err() || !tables.is_in_place(bucket, &name, &found) {
                return wrong("a name is not where its hash says");
            }
        }
    }
    // The last bucket ends with the last name.
    Ok(())
}
