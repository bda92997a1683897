//! The calls of a trace, eight bytes each, with the numbers of sizes in the place of sizes.
//!
//! ```text
//!   packed   [ slot ┆ kind │ old │ new ] [ … ]          sizes   [ 0 │ 16 │ 40 │ … ]      a few kilobytes
//!              30     2      16    16     bits                    0    1    2
//! ```
//!
//! An interpreter has no list of its calls: the time that it takes to read one, and what that pushes out of the caches, is the benchmark's
//! and not the allocator's, so it is kept small.

use std::collections::HashMap;
use std::error::Error;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Alloc,
    Free,
    Realloc,
    AllocZeroed,
}

/// One call.
#[derive(Clone, Copy)]
pub(crate) struct Op {
    pub(crate) kind: Kind,
    pub(crate) slot: u32,
    /// The size before and after; 0 where there is none.
    pub(crate) old: u32,
    pub(crate) new: u32,
}

#[derive(Clone, Copy)]
struct Packed {
    /// The slot and, in the two lowest bits, the kind.
    head: u32,
    old: u16,
    new: u16,
}

/// Sizes by their numbers: as many as a number can name, so that looking one up needs no check.
type Sizes = [u32; 1 << 16];

/// Calls that were read, in their order.
pub(crate) struct Calls {
    packed: Vec<Packed>,
    sizes: Box<Sizes>,
    numbers: HashMap<u32, u16>,
}

impl Calls {
    pub(crate) fn with_capacity(calls: usize) -> Self {
        Self { packed: Vec::with_capacity(calls), sizes: Box::new([0; 1 << 16]), numbers: HashMap::from([(0, 0)]) }
    }

    pub(crate) fn push(&mut self, op: Op) -> Result<(), Box<dyn Error>> {
        if op.slot >> 30 != 0 {
            return Err("more objects live at once than 30 bits can count".into());
        }
        let (old, new) = (self.number(op.old)?, self.number(op.new)?);
        self.packed.push(Packed { head: op.slot << 2 | op.kind as u32, old, new });
        Ok(())
    }

    fn number(&mut self, size: u32) -> Result<u16, Box<dyn Error>> {
        if let Some(&number) = self.numbers.get(&size) {
            return Ok(number);
        }
        let number = u16::try_from(self.numbers.len()).map_err(|_| "more than 65,536 different sizes")?;
        self.numbers.insert(size, number);
        self.sizes[usize::from(number)] = size;
        Ok(number)
    }

    pub(crate) fn len(&self) -> usize {
        self.packed.len()
    }

    pub(crate) fn ops(&self) -> Ops<'_> {
        Ops { packed: &self.packed, sizes: &self.sizes }
    }
}

/// Calls in a row.
#[derive(Clone, Copy)]
pub(crate) struct Ops<'c> {
    packed: &'c [Packed],
    sizes: &'c Sizes,
}

impl<'c> Ops<'c> {
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        let (before, behind) = self.packed.split_at(at);
        (Self { packed: before, ..self }, Self { packed: behind, ..self })
    }

    #[inline(always)]
    pub(crate) fn iter(self) -> impl Iterator<Item = Op> + use<'c> {
        self.packed.iter().map(move |&Packed { head, old, new }| Op {
            kind: match head & 3 {
                0 => Kind::Alloc,
                1 => Kind::Free,
                2 => Kind::Realloc,
                _ => Kind::AllocZeroed,
            },
            slot: head >> 2,
            old: self.sizes[usize::from(old)],
            new: self.sizes[usize::from(new)],
        })
    }
}
