//! The proofs that need no types: of the digest, and of the structure. One pass over the file.
//!
//! ```text
//!   linked ─┬─ gaps are zeros ─ marks lie in runs, and lead to runs ─┬─▶ digest
//!   marks  ─┘                                                        │
//!   leaf  ──── gaps are zeros ───────────────────────────────────────┤
//!   index ──── names lie where their hash says ──────────────────────┘
//! ```

use super::inspection::Inspection;
use crate::image::format::{Hashing, ImageError, Index, STEP, WORD, each_marked, filled, move_marked};
use crate::image::open::{Finder, check_names};
use alloc::borrow::Cow;
use core::ops::Range;

impl Inspection {
    /// Checks that the contents are those of the digest, and all of the structure that needs no types. References lead to values of this image
    /// or of those below it, and there are zeros between values. Names are where they are looked for.
    ///
    /// `progress` is told now and then how many bytes are done, and of how many.
    ///
    /// It proves that no bit has changed since the image was written. It does not prove that values are values of their types:
    /// [`Image::check`](crate::image::Image::check) does, in a program that has the types.
    ///
    /// # Errors
    ///
    /// [`ImageError::Digest`] if the contents have another digest. [`ImageError::Index`] if they have that digest and are damaged all the same: then
    /// somebody has made a digest for them. [`ImageError::System`] when the system refuses.
    ///
    /// # Cost
    ///
    /// One pass over the file, in pieces of 64 KiB, and a system call for each name.
    ///
    /// See [`Inspection`] for an example.
    pub fn verify(&self, mut progress: impl FnMut(u64, u64)) -> Result<(), ImageError> {
        let Self { header, index, file, .. } = self;
        let (linked, leaf, marks) = (header.linked_range(), header.leaf_range(), header.marks_range());
        let all = (header.len() - linked.start + header.index) as u64;
        let (mut hashing, mut buffer, mut marks_of_step) =
            (Hashing::default(), filled(0u8, STEP)?, [0; STEP / WORD / 8]);
        let finder = Finder::new(index, header.code())?;
        let (mut structure, mut done) = (Structure { image: self, finder, next: 0, damage: None }, 0);
        let mut add = |bytes: &[u8]| {
            hashing.add(bytes);
            done += bytes.len() as u64;
            progress(done, all);
        };
        for range in steps(linked.clone()) {
            let (bytes, at) = (&mut buffer[..range.len()], range.start - linked.start);
            let marks_of_step = &mut marks_of_step[..range.len() / WORD / 8];
            file.fill(bytes, range.start)?;
            file.fill(marks_of_step, marks.start + at / WORD / 8)?;
            structure.step(at, bytes, marks_of_step);
            move_marked(bytes, marks_of_step, header.base().wrapping_neg());
            add(bytes);
        }
        for range in steps(leaf) {
            let bytes = &mut buffer[..range.len()];
            file.fill(bytes, range.start)?;
            structure.step(range.start - linked.start, bytes, &[]);
            add(bytes);
        }
        for range in steps(marks.clone()).chain(steps(header.index_range())) {
            let bytes = &mut buffer[..range.len()];
            file.fill(bytes, range.start)?;
            add(bytes);
        }
        let sizes = [header.index, header.linked, header.leaf, marks.len()];
        let found = hashing.finish(sizes, (header.sites, header.tag), (header.parent, header.below));
        if found != header.digest {
            return Err(ImageError::Digest { expected: header.digest, found });
        }
        structure.damage.map_or(Ok(()), |what| Err(ImageError::Index(what)))?;
        let text = |range| self.code_bytes(range).map(Cow::Owned);
        check_names(self.places.of(&self.tables), index, header.code(), text)
    }
}

/// A range, cut into steps.
fn steps(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(STEP).map(move |at| at..end.min(at + STEP))
}

/// The structure, as far as a pass over the code has come.
struct Structure<'i> {
    image: &'i Inspection,
    finder: Finder,
    /// The first run that ends behind what was seen.
    next: usize,
    /// The first thing that is wrong.
    damage: Option<&'static str>,
}

impl Structure<'_> {
    /// Looks at the next bytes of the code, with the marks of their words.
    fn step(&mut self, at: usize, bytes: &[u8], marks: &[u8]) {
        let mut from = at;
        let end = at + bytes.len();
        while from < end {
            let run = self.run(self.next);
            let gap = from..run.as_ref().map_or(end, |run| run.start.clamp(from, end));
            if bytes[gap.start - at..gap.end - at].iter().any(|&byte| byte != 0) {
                self.found("there is something between its runs");
            }
            match run {
                Some(run) if run.end <= end => (from, self.next) = (run.end, self.next + 1),
                _ => from = end,
            }
        }
        let mut wrong = None;
        each_marked(marks, |word| {
            let place = word * WORD;
            let address = bytes[place..].first_chunk().map_or(0, |word| usize::from_ne_bytes(*word));
            wrong = wrong.or(self.reference(at + place, address));
        });
        wrong.into_iter().for_each(|what| self.found(what));
    }

    /// Says what is wrong with a word that is marked.
    fn reference(&self, at: usize, address: usize) -> Option<&'static str> {
        let (header, to) = (&self.image.header, address.wrapping_sub(self.image.header.base()));
        if self.run_at(at).is_none_or(|run| run.end < at + WORD) {
            return Some("a gap between its runs is marked as an address");
        }
        let leads_to_run = to < header.below || to < header.end() && self.run_at(to - header.below).is_some();
        (!leads_to_run).then_some("a reference leads to no run")
    }

    /// The bytes of a run.
    fn run(&self, number: usize) -> Option<Range<usize>> {
        let Index { runs, types, .. } = &self.image.index;
        runs.get(number).map(|run| run.bytes(types))
    }

    /// The bytes of the run that a place lies in.
    fn run_at(&self, place: usize) -> Option<Range<usize>> {
        let index = &self.image.index;
        self.finder.run_at(index, place).map(|run| run.bytes(&index.types))
    }

    fn found(&mut self, what: &'static str) {
        self.damage = self.damage.or(Some(what));
    }
}
