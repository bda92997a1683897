//! A check that the index of names leads to names: one pass over it.
//!
//! What it finds is not needed for soundness: a name is compared with the text that is looked for. It makes sure that each name is found, and is
//! text of the image.
#![forbid(unsafe_code)]

use super::body::Body;
use super::finder::Finder;
use crate::image::format::{ImageError, MOST_OF_BUCKET, Tables};
use crate::image::shape::{Fingerprint, TEXT};
use core::ops::Range;

/// Checks all names of an image.
pub(super) fn check_names(tables: Tables<'_>, body: Body<'_>) -> Result<(), ImageError> {
    let Body { index, code, .. } = body;
    let wrong = |what| Err(ImageError::Index(what));
    let text = Fingerprint::of_shape(&TEXT);
    let is_text = |of: u32| index.types.get(of as usize).is_some_and(|entry| entry.fingerprint == text);
    let finder = Finder::new(index, code.len())?;
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
            let holds = |end: usize| {
                let run = finder.run_at(index, name.at).filter(|run| is_text(run.of))?;
                (end <= run.bytes(&index.types).end).then(|| code.get(name.at..end))?
            };
            let Some(found) = end.and_then(holds) else { return wrong("a name does not lie in text") };
            // No two names share a byte, so what is read is no more than the code.
            bytes = bytes.saturating_add(name.len);
            if bytes > code.len() || name.len == 0 {
                return wrong("its names are longer than its text");
            }
            if core::str::from_utf8(found).is_err() || !tables.is_in_place(bucket, &name, found) {
                return wrong("a name is not where its hash says");
            }
        }
    }
    // The last bucket ends with the last name.
    Ok(())
}
