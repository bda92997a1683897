//! The types of this program that a file has values of.
//!
//! ```text
//!   program   a::Code   b::Code   Const              told apart by their `TypeId`
//!                 └──┬──┘           │                two that look the same have one number
//!   file        0: Code          1: Const   2: Old   told apart by nothing but fingerprints; no value that was checked leads to the last
//! ```
#![forbid(unsafe_code)]

use crate::image::format::{ImageError, TypePlace, copied, filled};
use crate::image::shape::{Fingerprint, Shape};
use alloc::vec::Vec;
use core::any::TypeId;
use std::collections::{HashMap, HashSet};

pub(super) struct KnownTypes {
    /// In the order in which they were met, each with its number in the file.
    pub(super) shapes: Vec<(u32, &'static Shape)>,
    /// The types that were learnt, and that the file may not have.
    pub(super) asked: Vec<&'static Shape>,
    /// All types that were met.
    seen: HashSet<TypeId>,
    /// The number that a type of this program has in the file.
    numbers: HashMap<TypeId, u32>,
    /// The description of each type of the file that the program knows.
    of_file: Vec<Option<&'static Shape>>,
}

impl KnownTypes {
    /// None of the so many types of a file.
    pub(super) fn new(types: usize) -> Result<Self, ImageError> {
        let of_file = filled(None, types)?;
        Ok(Self { shapes: Vec::new(), asked: Vec::new(), seen: HashSet::new(), numbers: HashMap::new(), of_file })
    }

    /// The same once more. It is refused where there is no memory, since the file says how many types it has.
    pub(super) fn copy(&self) -> Result<Self, ImageError> {
        Ok(Self {
            shapes: self.shapes.clone(),
            asked: self.asked.clone(),
            seen: self.seen.clone(),
            numbers: self.numbers.clone(),
            of_file: copied(&self.of_file)?,
        })
    }

    /// Finds the types that a type leads to among those of the file.
    pub(super) fn learn(&mut self, shape: &'static Shape, of_file: &[TypePlace]) -> Result<(), ImageError> {
        self.asked.push(shape);
        for shape in shape.reached(&mut self.seen) {
            let fingerprint = Fingerprint::of_shape(shape);
            // Types that the program tells apart may look the same.
            for (number, entry) in (0u32..).zip(of_file).filter(|(_, entry)| entry.fingerprint == fingerprint) {
                if entry.size != shape.size() {
                    return Err(ImageError::Index("a type has another size"));
                }
                self.numbers.entry(shape.id()).or_insert_with(|| {
                    self.shapes.push((number, shape));
                    number
                });
                self.of_file[number as usize].get_or_insert(shape);
            }
        }
        Ok(())
    }

    /// These, and the types that one more leads to.
    pub(super) fn with(&self, shape: &'static Shape, of_file: &[TypePlace]) -> Result<Self, ImageError> {
        let mut types = self.copy()?;
        types.learn(shape, of_file)?;
        Ok(types)
    }

    /// Returns `true` if the file has this type.
    pub(super) fn has(&self, shape: &Shape) -> bool {
        self.numbers.contains_key(&shape.id())
    }

    /// The description of a type of the file.
    pub(super) fn of(&self, number: u32) -> Option<&'static Shape> {
        self.of_file[number as usize]
    }

    /// The descriptions of all types of this program that look like this one, itself among them.
    pub(super) fn alike(&self, shape: &'static Shape) -> impl Iterator<Item = &'static Shape> {
        let number = self.numbers.get(&shape.id()).copied();
        let known = self.shapes.iter().filter(move |known| Some(known.0) == number).map(|known| known.1);
        known.chain(number.is_none().then_some(shape))
    }

    /// Returns `true` for types that the file does not tell apart.
    pub(super) fn same(&self, one: &Shape, other: &Shape) -> bool {
        core::ptr::eq(one, other)
            || one.id() == other.id()
            || matches!((self.numbers.get(&one.id()), self.numbers.get(&other.id())), (Some(one), Some(other)) if one == other)
    }
}
