//! Where inline caches lie: four homes, one question.
//!
//! ```text
//!   within     ├ op ┼ cache ┼ op ┼ op ┼ cache ┤                    in the bytecode, which is therefore written to
//!   map        ├ op ┼ op ┼ op ┤   (code, pc) ─ hash ─▶ cache       beside it, found by hashing
//!   per frame  ├ op ┼ op ┼ op ┤   code ─ hash ─▶ base + site      beside it, found by hashing once a frame, then by addition
//!   table      ├ op ┼ op ┼ op ┤   base + site ────────▶ cache      beside it, found by addition
//! ```

use crate::program::{Cache, Op};
use permacode::{CodeArena, Error, Loader, Permanent, SideTable, Sites};
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::mem;

/// A home of caches, borrowed for `'c`, and the code that goes with it.
pub(crate) trait Home<'c> {
    type Code: Copy;
    /// What a frame has of it.
    type Frame: Copy;
    /// Words from a cached instruction to the next.
    const STEP: usize;

    /// Once per call.
    fn enter(&'c self, code: Self::Code) -> Result<Self::Frame, Error>;
    fn op(code: Self::Code, pc: usize) -> Op;
    /// Once per access.
    fn cache(frame: Self::Frame, code: Self::Code, pc: usize, op: Op) -> &'c Cache;
}

// ── within the bytecode ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Caches in the bytecode, in ordinary memory: what CPython does. Whether one ends within the code is `CHECKED`, or was verified when the code
/// was loaded.
pub(crate) struct Within<const CHECKED: bool>;

/// A code object of ordinary memory.
pub(crate) struct Own {
    words: Box<[Cell<u64>]>,
}

const CACHE_WORDS: usize = size_of::<Cache>() / size_of::<u64>();
const _: () = assert!(size_of::<Cache>() % size_of::<u64>() == 0 && align_of::<Cache>() <= align_of::<u64>());

impl Own {
    pub(crate) fn load(ops: &[Op]) -> Box<Own> {
        let words =
            |op: &Op| [op.0].into_iter().chain([0; CACHE_WORDS]).take(if op.is_cached() { 1 + CACHE_WORDS } else { 1 });
        Box::new(Own { words: ops.iter().flat_map(words).map(Cell::new).collect() })
    }
}

impl<'c, const CHECKED: bool> Home<'c> for Within<CHECKED> {
    type Code = &'c Own;
    type Frame = ();
    const STEP: usize = 1 + CACHE_WORDS;

    #[inline(always)]
    fn enter(&'c self, _: &'c Own) -> Result<(), Error> {
        Ok(())
    }

    #[inline(always)]
    fn op(code: &'c Own, pc: usize) -> Op {
        Op(code.words[pc].get())
    }

    #[inline(always)]
    fn cache((): (), code: &'c Own, pc: usize, _: Op) -> &'c Cache {
        if CHECKED {
            let words = &code.words[pc + 1..=pc + CACHE_WORDS];
            // SAFETY: as many words as a cache has. `load` put them behind each instruction that has one: they are cells, zero at first, and
            // only ever seen as this.
            return unsafe { &*words.as_ptr().cast::<Cache>() };
        }
        // SAFETY: as above, and `load` put no cached instruction elsewhere.
        unsafe { &*code.words.as_ptr().add(pc + 1).cast::<Cache>() }
    }
}

// ── sealed code ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Permanent)]
pub(crate) struct Code<'a> {
    words: &'a [u64],
    sites: Sites,
}

impl<'a> Code<'a> {
    pub(crate) fn load(loader: &Loader<'a>, ops: &[Op]) -> Result<&'a Self, Error> {
        let words = loader.alloc_slice_fill_iter(ops.iter().map(|op| op.0))?;
        loader.alloc(Code { words, sites: loader.sites(ops.iter().filter(|op| op.is_cached()).count())? })
    }
}

/// Caches found by hashing where they belong.
pub(crate) struct Map<H>(HashMap<(usize, usize), Cache, H>);

impl<H: BuildHasher + Default> Map<H> {
    /// With a place for every cache, so that nothing is inserted while the clock runs.
    pub(crate) fn new(codes: &[&Code<'_>]) -> Self {
        let cached = |code: &&Code<'_>| {
            let at = std::ptr::from_ref::<Code<'_>>(code).addr();
            let pcs = code.words.iter().enumerate().filter(|(_, word)| Op(**word).is_cached());
            pcs.map(|(pc, _)| ((at, pc), bytemuck::Zeroable::zeroed())).collect::<Vec<_>>()
        };
        Self(codes.iter().flat_map(cached).collect())
    }
}

impl<'c, H: BuildHasher + 'c> Home<'c> for Map<H> {
    type Code = &'c Code<'c>;
    type Frame = &'c Self;
    const STEP: usize = 1;

    #[inline(always)]
    fn enter(&'c self, _: &'c Code<'c>) -> Result<&'c Self, Error> {
        Ok(self)
    }

    #[inline(always)]
    fn op(code: &'c Code<'c>, pc: usize) -> Op {
        Op(code.words[pc])
    }

    #[inline(always)]
    fn cache(map: &'c Self, code: &'c Code<'c>, pc: usize, _: Op) -> &'c Cache {
        &map.0[&(std::ptr::from_ref(code).addr(), pc)]
    }
}

/// Caches of a code object found by hashing its address, once per frame.
pub(crate) struct PerFrame<H>(HashMap<usize, Box<[Cache]>, H>);

impl<H: BuildHasher + Default> PerFrame<H> {
    pub(crate) fn new(codes: &[&Code<'_>]) -> Self {
        let caches = |code: &&Code<'_>| {
            let caches = (0..code.sites.len()).map(|_| bytemuck::Zeroable::zeroed());
            (std::ptr::from_ref::<Code<'_>>(code).addr(), caches.collect())
        };
        Self(codes.iter().map(caches).collect())
    }
}

impl<'c, H: BuildHasher + 'c> Home<'c> for PerFrame<H> {
    type Code = &'c Code<'c>;
    type Frame = &'c [Cache];
    const STEP: usize = 1;

    #[inline(always)]
    fn enter(&'c self, code: &'c Code<'c>) -> Result<&'c [Cache], Error> {
        Ok(&self.0[&std::ptr::from_ref(code).addr()])
    }

    #[inline(always)]
    fn op(code: &'c Code<'c>, pc: usize) -> Op {
        Op(code.words[pc])
    }

    #[inline(always)]
    fn cache(caches: &'c [Cache], _: &'c Code<'c>, _: usize, op: Op) -> &'c Cache {
        &caches[op.site()]
    }
}

/// A multiplication for each word: about the least that a hash can be.
#[derive(Default)]
pub(crate) struct Multiply(u64);

pub(crate) type Quick = BuildHasherDefault<Multiply>;

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_usize(byte.into()));
    }

    #[inline(always)]
    fn write_usize(&mut self, word: usize) {
        self.0 = (self.0.rotate_left(5) ^ word as u64).wrapping_mul(0xF135_7AEA_2E62_A9C5);
    }
}

/// Verified code: instructions with the number of their cache, made into where it lies among the code object's, in bytes.
pub(crate) fn verified(ops: &[Op]) -> Vec<Op> {
    let place = |op: &Op| if op.is_cached() { op.with_site(op.site() * size_of::<Cache>()) } else { *op };
    ops.iter().map(place).collect()
}

/// Caches in a side table. A slice's index is `CHECKED`, or was [`verified`] when the code was loaded.
pub(crate) struct Table<'a, const CHECKED: bool>(SideTable<'a, Cache>);

impl<'a, const CHECKED: bool> Table<'a, CHECKED> {
    pub(crate) fn new(arena: &'a CodeArena) -> Result<Self, Error> {
        Ok(Self(SideTable::new(arena)?))
    }
}

impl<'c, 'a: 'c, const CHECKED: bool> Home<'c> for Table<'a, CHECKED> {
    type Code = &'c Code<'c>;
    type Frame = &'c [Cache];
    const STEP: usize = 1;

    #[inline(always)]
    fn enter(&'c self, code: &'c Code<'c>) -> Result<&'c [Cache], Error> {
        self.0.of(code.sites)
    }

    #[inline(always)]
    fn op(code: &'c Code<'c>, pc: usize) -> Op {
        Op(code.words[pc])
    }

    #[inline(always)]
    fn cache(caches: &'c [Cache], _: &'c Code<'c>, _: usize, op: Op) -> &'c Cache {
        if CHECKED {
            return &caches[op.site()];
        }
        // SAFETY: `Code::load` asked for as many sites as there are cached instructions, which are numbered from 0; `verified` made places of
        // the numbers.
        unsafe { &*caches.as_ptr().byte_add(op.site()) }
    }
}

const _: () = assert!(mem::size_of::<Cache>() == 24);
