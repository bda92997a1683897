//! [`Pairs`]: which types and which modules of two images are the same by name.

use permacode::image::inspect::Inspection;
use std::collections::HashMap;

/// Numbers that types and modules of both images have in common.
pub struct Pairs {
    pub types: Matched,
    pub modules: Matched,
}

/// Things of two images, paired.
pub struct Matched {
    /// The common number of each thing, by its number in the old and in the new image.
    pub old: Vec<u32>,
    pub new: Vec<u32>,
    /// The number in the old and in the new image, by the common number.
    pub both: Vec<[Option<usize>; 2]>,
}

impl Pairs {
    pub fn of(old: &Inspection, new: &Inspection) -> Self {
        // The runs of blocks that were aligned are of a type of their own, so the alignment tells them apart.
        let types = |image: &Inspection| {
            image.types().map(|of| ((of.name.to_owned(), of.align), of.fingerprint.to_string())).collect::<Vec<_>>()
        };
        let modules = |image: &Inspection| {
            image.modules().map(|module| ((module.name.to_owned(), None), String::new())).collect::<Vec<_>>()
        };
        Self { types: Matched::of(&types(old), &types(new)), modules: Matched::of(&modules(old), &modules(new)) }
    }
}

/// A name to pair by, and a mark that tells those of one name apart.
type Named = ((String, Option<usize>), String);

impl Matched {
    /// Pairs by name. Of several of one name, those that are alike go together first, the rest by their order.
    fn of(old: &[Named], new: &[Named]) -> Self {
        const NONE: u32 = u32::MAX;
        let mut this = Self { old: vec![NONE; old.len()], new: vec![NONE; new.len()], both: Vec::new() };
        let by_name = |all: &[Named], with_mark: bool| {
            let mut found: HashMap<(_, Option<String>), Vec<usize>> = HashMap::new();
            for (number, (name, mark)) in all.iter().enumerate().rev() {
                found.entry((name.clone(), with_mark.then(|| mark.clone()))).or_default().push(number);
            }
            found
        };
        for with_mark in [true, false] {
            let mut waiting = by_name(new, with_mark);
            for (number, (name, mark)) in old.iter().enumerate().filter(|_| true) {
                if this.old[number] != NONE {
                    continue;
                }
                let of_name = waiting.get_mut(&(name.clone(), with_mark.then(|| mark.clone())));
                let free = of_name.and_then(|numbers| {
                    while let Some(number) = numbers.pop() {
                        if this.new[number] == NONE {
                            return Some(number);
                        }
                    }
                    None
                });
                if let Some(other) = free {
                    (this.old[number], this.new[other]) = (this.both.len() as u32, this.both.len() as u32);
                    this.both.push([Some(number), Some(other)]);
                }
            }
        }
        for (side, numbers) in [&mut this.old, &mut this.new].into_iter().enumerate() {
            for (number, common) in numbers.iter_mut().enumerate().filter(|(_, common)| **common == NONE) {
                *common = this.both.len() as u32;
                let mut pair = [None; 2];
                pair[side] = Some(number);
                this.both.push(pair);
            }
        }
        this
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[(&str, &str)]) -> Vec<Named> {
        names.iter().map(|&(name, mark)| ((name.to_owned(), None), mark.to_owned())).collect()
    }

    #[test]
    fn those_of_one_name_are_paired_by_what_they_are_and_then_by_order() {
        let old = named(&[("a", "1"), ("a", "2"), ("b", "3"), ("c", "4")]);
        let new = named(&[("d", "5"), ("a", "2"), ("a", "6"), ("b", "3")]);
        let matched = Matched::of(&old, &new);
        let mut both = matched.both.clone();
        both.sort();
        assert_eq!(
            both,
            [[None, Some(0)], [Some(0), Some(2)], [Some(1), Some(1)], [Some(2), Some(3)], [Some(3), None]]
        );
        assert_eq!(matched.old[1], matched.new[1]);
        assert_ne!(matched.old[3], matched.new[0]);
    }
}
