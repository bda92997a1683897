//! References from a layer into the middle of values of the images below it.
//!
//! ```text
//!   below   ├──── run of Pair ────┤        the image says which run lies at a place, by the fingerprint of its type
//!                 ▲                        what a Pair has there, a program knows by its own description
//!   layer       &u64
//! ```
#![forbid(unsafe_code)]

use crate::code::CodeArena;
use crate::image::format::ImageError;
use crate::image::shape::{Fingerprint, Shape};
use core::any::TypeId;
use std::collections::{HashMap, HashSet};

/// The types that a program with the roots of a layer knows.
pub(super) struct TypesBelow {
    by_fingerprint: HashMap<Fingerprint, &'static Shape>,
    seen: HashSet<TypeId>,
}

impl TypesBelow {
    pub(super) fn new() -> Self {
        Self { by_fingerprint: HashMap::new(), seen: HashSet::new() }
    }

    /// Adds the types that a root's type leads to.
    pub(super) fn learn(&mut self, root: &'static Shape) {
        let reached = root.reached(&mut self.seen).into_iter();
        self.by_fingerprint.extend(reached.map(|shape| (Fingerprint::of_shape(shape), shape)));
    }

    /// Refuses a reference into the middle of a value whose description has no such type there: the check of the layer would.
    pub(super) fn refuse_interior(
        &self,
        arena: &CodeArena,
        place: usize,
        bytes: usize,
        to: &'static Shape,
    ) -> Result<(), ImageError> {
        let interior = |of| Err(ImageError::Interior { of, to: to.name() });
        let Some((fingerprint, offset, left)) = arena.run_below(place) else { return interior("gap") };
        // Another type of this program may look the same.
        let same = |one: &Shape, other: &Shape| one.id() == other.id();
        match self.by_fingerprint.get(&fingerprint) {
            Some(known) if bytes > left || !known.holds(offset, to, bytes, same) => {
                let alike = Fingerprint::of_shape(to) == fingerprint && offset % to.size() == 0 && bytes <= left;
                if alike { Ok(()) } else { interior(known.name()) }
            }
            _ => Ok(()),
        }
    }
}
