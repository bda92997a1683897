//! Values that differ, module by module and type by type.

use super::fields::{SitesOf, field_at};
use super::pairs::Pairs;
use super::{ModuleChange, ModuleOnly, ModulesReport, ValuesChange};
use permacode::image::ImageError;
use permacode::image::inspect::{Inspection, RunInfo, TypeInfo};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Bytes of an address.
const WORD: usize = size_of::<u64>();
/// Bytes that are shown of a field.
const SHOWN: usize = 16;

/// An image, with what its places mean in both.
struct Side<'i> {
    image: &'i Inspection,
    runs: Vec<RunInfo>,
    types: &'i [u32],
    modules: &'i [u32],
    /// The bytes of the values of its module and type in front of each run.
    before: Vec<usize>,
    /// The runs of each module and type, by their common numbers.
    sequences: BTreeMap<(u32, u32), Vec<usize>>,
    below: usize,
}

/// All values of a type in a module, one behind the other.
#[derive(Default)]
struct Sequence {
    /// The bytes, in which a reference is what it leads to: the common numbers of a module and a type.
    bytes: Vec<u8>,
    /// The places in those sequences that references lead to.
    exact: Vec<usize>,
}

impl<'i> Side<'i> {
    fn new(image: &'i Inspection, types: &'i [u32], modules: &'i [u32]) -> Self {
        let runs: Vec<_> = image.runs().collect();
        let mut ends: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        let mut sequences: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        let mut before = Vec::with_capacity(runs.len());
        for (number, run) in runs.iter().enumerate() {
            let key = (modules[run.module], types[run.of]);
            let end = ends.entry(key).or_default();
            before.push(*end);
            *end += run.bytes;
            sequences.entry(key).or_default().push(number);
        }
        let below = image.parent().map_or(0, |(_, below)| below);
        Self { image, runs, types, modules, before, sequences, below }
    }

    /// The meaning of a place in both images: module and type, and the place in that sequence.
    fn meaning(&self, place: usize) -> ([u32; 2], usize) {
        const NOWHERE: u32 = u32::MAX;
        let Some(at) = place.checked_sub(self.below) else { return ([NOWHERE, 0], place) };
        let number = self.runs.partition_point(|run| run.start <= at).checked_sub(1);
        let run = number.and_then(|number| Some((number, self.runs.get(number)?)));
        match run.filter(|(_, run)| at < run.start + run.bytes) {
            Some((number, run)) => {
                ([self.modules[run.module], self.types[run.of]], self.before[number] + at - run.start)
            }
            None => ([NOWHERE, 1], at),
        }
    }

    fn sequence(&self, key: (u32, u32), of: Option<&TypeInfo<'_>>) -> Result<Sequence, ImageError> {
        let mut sequence = Sequence::default();
        for run in self.sequences.get(&key).into_iter().flatten().map(|&number| self.runs[number]) {
            // Code is read by whole words.
            let (start, end) = (run.start / WORD * WORD, (run.start + run.bytes).next_multiple_of(WORD));
            let mut code = self.image.code(start..end)?;
            for &at in &code.references {
                let Some(word) = code.bytes[at..].first_chunk_mut::<WORD>() else { continue };
                let ([module, of], exact) = self.meaning(usize::from_ne_bytes(*word));
                *word = (u64::from(module) << 32 | u64::from(of)).to_ne_bytes();
                sequence.exact.push(exact);
            }
            sequence.bytes.extend_from_slice(&code.bytes[run.start - start..][..run.bytes]);
        }
        of.into_iter().for_each(|of| SitesOf::new(of).take_from(&mut sequence.bytes));
        Ok(sequence)
    }
}

/// Compares all values. An error is that of the old image, or of the new one.
pub fn compare(old: &Inspection, new: &Inspection, pairs: &Pairs) -> Result<ModulesReport, (bool, ImageError)> {
    let (one, other) =
        (Side::new(old, &pairs.types.old, &pairs.modules.old), Side::new(new, &pairs.types.new, &pairs.modules.new));
    let types: [Vec<_>; 2] = [old.types().collect(), new.types().collect()];
    let modules: [Vec<_>; 2] = [old.modules().collect(), new.modules().collect()];
    let mut report = ModulesReport::default();
    let keys: BTreeSet<_> = one.sequences.keys().chain(other.sequences.keys()).copied().collect();
    for (module, pair) in (0u32..).zip(&pairs.modules.both) {
        let only = |side: usize, number: usize| {
            let module = &modules[side][number];
            ModuleOnly { name: module.name.to_owned(), bytes: module.bytes }
        };
        match *pair {
            [Some(number), None] => report.only_old.push(only(0, number)),
            [None, Some(number)] => report.only_new.push(only(1, number)),
            [Some(number), Some(_)] => {
                let mut values = Vec::new();
                for &(_, of) in keys.range((module, 0)..=(module, u32::MAX)) {
                    let [before, after] = pairs.types.both[of as usize];
                    let of_old = before.and_then(|number| types[0].get(number));
                    let of_new = after.and_then(|number| types[1].get(number));
                    let before = one.sequence((module, of), of_old).map_err(|error| (true, error))?;
                    let after = other.sequence((module, of), of_new).map_err(|error| (false, error))?;
                    values.extend(change((of_old, &before), (of_new, &after)));
                }
                if !values.is_empty() {
                    report.changed.push(ModuleChange { name: modules[0][number].name.to_owned(), values });
                }
            }
            [None, None] => {}
        }
    }
    Ok(report)
}

/// Compares the values of a type.
fn change(old: (Option<&TypeInfo<'_>>, &Sequence), new: (Option<&TypeInfo<'_>>, &Sequence)) -> Option<ValuesChange> {
    let ((of_old, before), (of_new, after)) = (old, new);
    let of = of_old.or(of_new)?;
    let count =
        |of: Option<&TypeInfo<'_>>, sequence: &Sequence| sequence.bytes.len() / of.map_or(1, |of| of.size.max(1));
    let (old_values, new_values) = (count(of_old, before), count(of_new, after));
    let mut change = ValuesChange {
        of: of.name.to_owned(),
        old_values,
        new_values,
        same_values: 0,
        moved_references: 0,
        first: None,
        old_bytes: None,
        new_bytes: None,
    };
    let is_laid_out_alike = of_old.map(|of| (of.layout, of.size)) == of_new.map(|of| (of.layout, of.size));
    if !is_laid_out_alike {
        return Some(change);
    }
    if before.bytes == after.bytes {
        let moved = before.exact.iter().zip(&after.exact).filter(|(old, new)| old != new).count();
        change.moved_references = moved;
        change.same_values = old_values;
        return (moved > 0).then_some(change);
    }
    if of.size <= 1 {
        bytes_that_differ(&mut change, (of, before), after);
    } else {
        values_that_differ(&mut change, (of, before), after);
    }
    Some(change)
}

/// Compares bytes and text: those in front and at the end that are equal, and the rest.
fn bytes_that_differ(change: &mut ValuesChange, (of, before): (&TypeInfo<'_>, &Sequence), after: &Sequence) {
    let (old, new) = (&before.bytes, &after.bytes);
    let front = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let end = old[front..].iter().rev().zip(new[front..].iter().rev()).take_while(|(old, new)| old == new).count();
    change.same_values = front + end;
    change.first = Some(format!("byte {front}"));
    if of.name != "str" {
        change.old_bytes = Some(digits(&old[front..old.len() - end]));
        change.new_bytes = Some(digits(&new[front..new.len() - end]));
    }
}

/// Compares values: those that both have, wherever they stand, and the first of each that the other has not.
fn values_that_differ(change: &mut ValuesChange, (of, before): (&TypeInfo<'_>, &Sequence), after: &Sequence) {
    let (same, old) = unmatched(&before.bytes, &after.bytes, of.size);
    let (_, new) = unmatched(&after.bytes, &before.bytes, of.size);
    change.same_values = same;
    let (Some((number, old)), Some((_, new))) = (old, new) else { return };
    let byte = old.iter().zip(new).position(|(old, new)| old != new).unwrap_or(0);
    let (name, at) = field_at(of, old, byte);
    change.first = Some(format!("value {number}, {name}"));
    // A word that is a reference stands for a module and a type here, which are no bytes to show.
    if before.exact.is_empty() && after.exact.is_empty() {
        change.old_bytes = Some(digits(&old[at..]));
        change.new_bytes = Some(digits(&new[at..]));
    }
}

/// The number of values that have their like among others, each with another one, and the first that has none.
fn unmatched<'b>(values: &'b [u8], others: &[u8], size: usize) -> (usize, Option<(usize, &'b [u8])>) {
    let mut waiting: HashMap<&[u8], usize> = HashMap::new();
    others.chunks_exact(size).for_each(|other| *waiting.entry(other).or_default() += 1);
    let (mut same, mut first) = (0, None);
    for (number, value) in values.chunks_exact(size).enumerate() {
        match waiting.get_mut(value).filter(|count| **count > 0) {
            Some(count) => (*count, same) = (*count - 1, same + 1),
            None => first = first.or(Some((number, value))),
        }
    }
    (same, first)
}

/// The first bytes in hexadecimal digits.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_stand_elsewhere_are_matched_each_with_one() {
        let (old, new) = ([1, 1, 2, 2, 2, 2, 3, 3], [3, 3, 2, 2, 4, 4]);
        assert_eq!(unmatched(&old, &new, 2), (2, Some((0, &[1u8, 1][..]))));
        assert_eq!(unmatched(&new, &old, 2), (2, Some((2, &[4u8, 4][..]))));
        assert_eq!(unmatched(&old, &old, 2), (4, None));
    }
}
