//! The run at a place of the code, found without a search of all runs.
//!
//! ```text
//!   pages   │ 0 │ 1 │ 2 │ 3 │          for each: the first run that ends behind its beginning
//!   runs    ├─ 0 ──┼ 1 ┼2┼── 3 ─┤      the one that is looked for is that of its page, or one of a few behind it
//! ```
#![forbid(unsafe_code)]

use crate::image::format::{ImageError, Index, Run, reserved};
use alloc::vec::Vec;

const PAGE: usize = 4096;

pub(in crate::image) struct Finder {
    /// For each page, and for one behind the last.
    first: Vec<u32>,
}

impl Finder {
    pub(in crate::image) fn new(index: &Index, code: usize) -> Result<Self, ImageError> {
        let (mut run, pages) = (0, code.div_ceil(PAGE) + 1);
        let mut first = reserved(pages)?;
        first.extend((0..pages).map(|page| {
            while index.runs.get(run).is_some_and(|run| run.bytes(&index.types).end <= page * PAGE) {
                run += 1;
            }
            run as u32
        }));
        Ok(Self { first })
    }

    /// The run that holds a byte of the code, if one does.
    pub(in crate::image) fn run_at<'i>(&self, index: &'i Index, offset: usize) -> Option<&'i Run> {
        self.number_at(index, offset).map(|number| &index.runs[number])
    }

    /// The number of that run.
    pub(super) fn number_at(&self, index: &Index, offset: usize) -> Option<usize> {
        let first = *self.first.get(offset / PAGE)? as usize;
        let last = *self.first.get(offset / PAGE + 1)? as usize;
        let runs = index.runs.get(first..index.runs.len().min(last + 1))?;
        let before = runs.partition_point(|run| run.start <= offset).checked_sub(1)?;
        runs[before].bytes(&index.types).contains(&offset).then_some(first + before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::format::TypeEntry;
    use crate::image::shape::Fingerprint;

    #[test]
    fn a_run_is_found_from_each_of_its_bytes_and_from_none_beside_it() {
        let fingerprint = Fingerprint::of::<u32>();
        let run = |start, len| Run { of: 0, module: 0, start, len };
        let index = Index {
            types: alloc::vec![TypeEntry { name: "u32".into(), layout: "u32".into(), fingerprint, size: 4, align: 0 }],
            runs: alloc::vec![run(0, 1), run(8, 1), run(16, 3000), run(12_016, 2), run(20_480, 1024)],
            ..Index::default()
        };
        let finder = Finder::new(&index, 24_576).unwrap();
        for offset in 0..24_600 {
            let slow = index.runs.iter().position(|run| (run.start..run.start + run.len * 4).contains(&offset));
            let fast =
                finder.run_at(&index, offset).map(|found| index.runs.iter().position(|run| run == found).unwrap());
            assert_eq!(fast, slow, "{offset}");
        }
        assert!(finder.run_at(&index, usize::MAX).is_none());
    }
}
