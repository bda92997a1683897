//! What runs: functions that read attributes of objects with shapes, and globals.

use permacode::side::{InlineCache, Version};
use std::collections::HashMap;

/// Instructions of a function, the return included.
pub(crate) const INSTRUCTIONS: usize = 37;
/// Those of them that have a cache, as many as a real code object has on average.
pub(crate) const ACCESSES: usize = 12;

pub(crate) const ADD: u8 = 0;
pub(crate) const CONSTANT: u8 = 1;
pub(crate) const SHIFT: u8 = 2;
pub(crate) const ATTRIBUTE: u8 = 3;
pub(crate) const GLOBAL: u8 = 4;
pub(crate) const RETURN: u8 = 5;

const SLOTS: usize = 8;
const SHAPES: usize = 16;
const NAMES: u16 = 64;

/// What an instruction found: a slot, or a global's number.
pub(crate) type Cache = InlineCache<u32>;

/// An instruction in one word.
#[derive(Clone, Copy)]
pub(crate) struct Op(pub(crate) u64);

impl Op {
    fn new(code: u8, register: u8, name: u16, site: usize) -> Self {
        Self(u64::from(code) | u64::from(register) << 8 | u64::from(name) << 16 | (site as u64) << 32)
    }

    #[inline(always)]
    pub(crate) fn code(self) -> u8 {
        self.0 as u8
    }

    #[inline(always)]
    pub(crate) fn register(self) -> usize {
        usize::from((self.0 >> 8) as u8)
    }

    #[inline(always)]
    pub(crate) fn name(self) -> u16 {
        (self.0 >> 16) as u16
    }

    #[inline(always)]
    pub(crate) fn site(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// The same instruction with something else in the place of its cache's number.
    pub(crate) fn with_site(self, site: usize) -> Self {
        Self(self.0 & u64::from(u32::MAX) | (site as u64) << 32)
    }

    pub(crate) fn is_cached(self) -> bool {
        matches!(self.code(), ATTRIBUTE | GLOBAL)
    }
}

pub(crate) struct Object {
    pub(crate) shape: usize,
    pub(crate) slots: [u64; SLOTS],
}

/// All that is not code.
pub(crate) struct World {
    pub(crate) objects: Box<[Object; 256]>,
    pub(crate) globals: Box<[u64; NAMES as usize]>,
    pub(crate) now: Version,
    shapes: Vec<HashMap<u16, u32>>,
    names: HashMap<u16, u32>,
}

impl World {
    pub(crate) fn new() -> Self {
        let slot_of = |shape: usize, name: u16| (usize::from(name) * 7 + shape) as u32 % SLOTS as u32;
        Self {
            objects: Box::new(std::array::from_fn(|n| Object {
                shape: n % SHAPES,
                slots: std::array::from_fn(|s| (n * s) as u64),
            })),
            globals: Box::new(std::array::from_fn(|n| (n * n) as u64)),
            now: Version::FIRST,
            shapes: (0..SHAPES).map(|shape| (0..NAMES).map(|name| (name, slot_of(shape, name))).collect()).collect(),
            names: (0..NAMES).map(|name| (name, u32::from(name) * 5 % u32::from(NAMES))).collect(),
        }
    }

    /// Looks an attribute up, which is slow, and puts it into the cache.
    #[cold]
    #[inline(never)]
    pub(crate) fn find_attribute(&self, cache: &Cache, shape: usize, name: u16) -> u32 {
        let slot = self.shapes[shape].get(&name).copied().unwrap_or(0);
        cache.set(shape, self.now, slot);
        slot
    }

    /// The same for a global.
    #[cold]
    #[inline(never)]
    pub(crate) fn find_global(&self, cache: &Cache, name: u16) -> u32 {
        let index = self.names.get(&name).copied().unwrap_or(0);
        cache.set(0, self.now, index);
        index
    }
}

/// The functions of a program, each with other instructions in another order.
pub(crate) fn functions(count: usize) -> Vec<Vec<Op>> {
    let mut random = Random(1);
    let mut function = || {
        let mut codes = [ADD; INSTRUCTIONS];
        for place in &mut codes[1..] {
            *place = [ADD, CONSTANT, SHIFT][random.below(3)];
        }
        let mut cached = 0;
        while cached < ACCESSES {
            let place = random.below(INSTRUCTIONS - 1);
            if codes[place] < ATTRIBUTE {
                codes[place] = [ATTRIBUTE, GLOBAL][cached % 2];
                cached += 1;
            }
        }
        codes[INSTRUCTIONS - 1] = RETURN;
        let mut site = 0;
        codes
            .iter()
            .map(|&code| {
                let op = Op::new(code, random.below(256) as u8, random.below(NAMES.into()) as u16, site);
                site += usize::from(op.is_cached());
                op
            })
            .collect()
    };
    (0..count).map(|_| function()).collect()
}

/// In which order functions are called.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    /// One after another, so that a processor can learn where each jump goes.
    InTurn,
    /// So that it cannot.
    Random,
}

/// Which functions are called, in order.
pub(crate) fn calls(functions: usize, calls: usize, order: Order) -> Vec<usize> {
    let mut random = Random(2);
    let call = |number: usize| match order {
        Order::InTurn => number % functions,
        Order::Random => random.below(functions),
    };
    (0..calls).map(call).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}
