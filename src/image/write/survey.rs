//! A walk of everything that roots lead to.
//!
//! ```text
//!   roots, by name ─▶ stack ─▶ piece: Code ×1   module "json"    order 0
//!                              piece: str  ×4                           1      depth first, in the order of the fields
//!                              piece: Const ×3                          2
//! ```
//!
//! A **piece** is what a reference leads to: so many values of one type at an address. Two references to one place are one piece. Pieces may
//! lie in each other, where a reference leads into the middle of something; `overlay` finds that out.

use super::walk::{Parts, Reference, walk};
use crate::code::CodeArena;
use crate::code::value::Sites;
use crate::image::format::ImageError;
use crate::image::shape::{Kind, Shape};
use alloc::vec::Vec;
use core::any::TypeId;
use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

/// Values that references lead to.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) at: *const u8,
    /// Elements.
    pub(super) len: usize,
    /// The number of its type.
    pub(super) of: u32,
    /// The number of its module.
    pub(super) module: u32,
    /// `true` if it lies outside of the arena.
    pub(super) is_foreign: bool,
}

/// All that was met.
pub(super) struct Survey<'a> {
    arena: &'a CodeArena,
    pub(super) types: Vec<&'static Shape>,
    type_numbers: HashMap<TypeId, u32, BuildHasherDefault<AddressHasher>>,
    /// In the order in which they were met.
    pub(super) pieces: Vec<Piece>,
    /// The last piece at an address, of a type.
    found: HashMap<(usize, u32), u32, BuildHasherDefault<AddressHasher>>,
    /// The same, for bytes that lie outside of the arena, by what they are. A linker may put equal constants at one address, or one of them
    /// into another.
    constants: HashMap<(u32, &'a [u8]), u32>,
    pub(super) modules: Vec<&'a str>,
    module_numbers: HashMap<Option<u32>, u32>,
    /// The first of the new numbers of a range, by the first of the old.
    site_numbers: HashMap<usize, u32, BuildHasherDefault<AddressHasher>>,
    pub(super) sites: u64,
    /// Values that lie outside of the arena.
    pub(super) copied: usize,
    pub(super) references: usize,
    pub(super) unset: usize,
    stack: Vec<(Reference, u32)>,
    /// The module of the piece that is being walked.
    module: u32,
}

impl<'a> Survey<'a> {
    pub(super) fn new(arena: &'a CodeArena) -> Self {
        Self {
            arena,
            types: Vec::new(),
            type_numbers: HashMap::default(),
            pieces: Vec::new(),
            found: HashMap::default(),
            constants: HashMap::new(),
            modules: Vec::new(),
            module_numbers: HashMap::new(),
            site_numbers: HashMap::default(),
            sites: 0,
            copied: 0,
            references: 0,
            unset: 0,
            stack: Vec::new(),
            module: NO_MODULE,
        }
    }

    /// Walks everything that a root leads to and that was not met before.
    ///
    /// # Safety
    ///
    /// A value of the described type lies there, and lives as long as the survey's arena is borrowed.
    pub(super) unsafe fn root(&mut self, at: *const u8, shape: &'static Shape) -> Result<(), ImageError> {
        self.push(Reference { to: at, len: 1, shape, is_slice: false }, NO_MODULE)?;
        while let Some((reference, module)) = self.stack.pop() {
            // SAFETY: the caller's promise for the root. All that a live value leads to lives as long.
            unsafe { self.visit(reference, module) }?;
        }
        Ok(())
    }

    /// # Safety
    ///
    /// The reference is one of a live value.
    unsafe fn visit(&mut self, reference: Reference, from: u32) -> Result<(), ImageError> {
        let Reference { to, len, shape, .. } = flat(reference);
        if len == 0 || shape.size() == 0 {
            return Ok(());
        }
        let of = self.number_of(shape);
        // SAFETY: the caller's promise: so many values lie there, and live.
        let constant = unsafe { self.constant(to, len, shape) };
        let known = match constant {
            Some(bytes) if self.constants.contains_key(&(of, bytes)) => return Ok(()),
            Some(_) => 0,
            None => self.found.get(&(to.addr(), of)).map_or(0, |&piece| self.pieces[piece as usize].len),
        };
        if known >= len {
            return Ok(());
        }
        let module = self.module_of(to, shape, from)?;
        let piece = u32::try_from(self.pieces.len()).map_err(|_| ImageError::TooLarge)?;
        self.pieces.try_reserve(1).map_err(|_| out_of_memory())?;
        self.pieces.push(Piece { at: to, len, of, module, is_foreign: !self.arena.contains(to) });
        if let Some(bytes) = constant {
            self.constants.try_reserve(1).map_err(|_| out_of_memory())?;
            self.constants.insert((of, bytes), piece);
            return Ok(());
        }
        self.found.try_reserve(1).map_err(|_| out_of_memory())?;
        self.found.insert((to.addr(), of), piece);
        if !leads_on(shape) {
            return Ok(());
        }
        self.module = module;
        let below = self.stack.len();
        for i in known..len {
            // SAFETY: the caller's promise: so many values lie there.
            unsafe { walk(shape, to.add(i * shape.size()), 0, self) }?;
        }
        // What was met first is walked first.
        self.stack[below..].reverse();
        Ok(())
    }

    fn push(&mut self, reference: Reference, module: u32) -> Result<(), ImageError> {
        self.stack.try_reserve(1).map_err(|_| out_of_memory())?;
        self.stack.push((reference, module));
        Ok(())
    }

    /// The number of a type, in the order in which they were met.
    pub(super) fn number_of(&mut self, shape: &'static Shape) -> u32 {
        *self.type_numbers.entry(shape.id()).or_insert_with(|| {
            self.types.push(shape);
            self.types.len() as u32 - 1
        })
    }

    /// The number of the module that an address lies in. A value that lies outside of the arena goes to the module that refers to it. So
    /// does text: an interned name lies in the module that was the first to have it, which depends on the order of loading.
    fn module_of(&mut self, at: *const u8, shape: &Shape, from: u32) -> Result<u32, ImageError> {
        let is_foreign = !self.arena.contains(at);
        self.copied += usize::from(is_foreign);
        if (is_foreign || matches!(shape.kind, Kind::TextByte)) && from != NO_MODULE {
            return Ok(from);
        }
        let found = if is_foreign {
            None
        } else {
            let module = self.arena.locate(at).ok_or(ImageError::StillOpen)?.module;
            Some((module.id(), module.name()))
        };
        let number = self.module_numbers.entry(found.map(|(id, _)| id)).or_insert_with(|| {
            self.modules.push(found.map_or("", |(_, name)| name));
            self.modules.len() as u32 - 1
        });
        Ok(*number)
    }

    /// The bytes that a reference leads to, if they lie outside of the arena and lead nowhere.
    ///
    /// # Safety
    ///
    /// So many values lie there, and live for as long as the arena is borrowed.
    unsafe fn constant(&self, to: *const u8, len: usize, shape: &Shape) -> Option<&'a [u8]> {
        let is_constant = matches!(shape.kind, Kind::Bits | Kind::TextByte) && !self.arena.contains(to);
        // SAFETY: the caller's promise; all bytes of these types are initialised.
        is_constant.then(|| unsafe { core::slice::from_raw_parts(to, len * shape.size()) })
    }

    /// The piece that a reference leads to.
    ///
    /// # Safety
    ///
    /// The reference is one of a live value.
    pub(super) unsafe fn piece(&self, reference: Reference) -> Option<u32> {
        let Reference { to, len, shape, .. } = flat(reference);
        let of = *self.type_numbers.get(&shape.id())?;
        // SAFETY: the caller's promise.
        match unsafe { self.constant(to, len, shape) } {
            Some(bytes) => self.constants.get(&(of, bytes)).copied(),
            None => self.found.get(&(to.addr(), of)).copied(),
        }
    }

    /// The piece that a root is.
    ///
    /// # Safety
    ///
    /// A live value of the described type lies there.
    pub(super) unsafe fn piece_at(&self, at: *const u8, shape: &'static Shape) -> Option<u32> {
        // SAFETY: the caller's promise.
        unsafe { self.piece(Reference { to: at, len: 1, shape, is_slice: false }) }
    }

    /// The pieces that are interned names of the arena, each with its text.
    pub(super) fn names(&self) -> impl Iterator<Item = (usize, &'a [u8])> {
        self.pieces.iter().enumerate().filter_map(|(number, piece)| {
            let is_text = matches!(self.types[piece.of as usize].kind, Kind::TextByte);
            if !is_text || piece.is_foreign {
                return None;
            }
            // SAFETY: a piece is so many live bytes of text.
            let bytes = unsafe { core::slice::from_raw_parts(piece.at, piece.len) };
            let text = core::str::from_utf8(bytes).ok()?;
            let name = self.arena.interned(text)?;
            (name.as_str().as_ptr() == piece.at).then_some((number, bytes))
        })
    }

    /// The numbers that a range of sites has in the image.
    pub(super) fn renumbered(&self, sites: Sites) -> u32 {
        if sites.is_empty() { 0 } else { self.site_numbers.get(&sites.range().start).copied().unwrap_or(0) }
    }
}

impl Parts for Survey<'_> {
    type Refused = ImageError;

    fn bytes(&mut self, _: *const u8, _: usize, _: usize) -> Result<(), ImageError> {
        Ok(())
    }

    fn reference(&mut self, _: usize, reference: Reference) -> Result<(), ImageError> {
        self.references += 1;
        self.push(reference, self.module)
    }

    fn sites(&mut self, _: usize, sites: Sites) -> Result<(), ImageError> {
        if sites.is_empty() {
            return Ok(());
        }
        let counter = self.arena.site_counter();
        if sites.is_transient() || ![counter.tag(), counter.older_tag()].contains(&sites.tag()) {
            return Err(ImageError::ForeignSites);
        }
        let next = self.sites;
        self.site_numbers.entry(sites.range().start).or_insert_with(|| {
            self.sites += sites.len() as u64;
            next as u32 // an arena has no more than these
        });
        Ok(())
    }

    fn unset(&mut self, _: usize) {
        self.unset += 1;
    }
}

/// Arrays are what they are made of: a reference to one may lead into a slice.
pub(super) fn flat(mut reference: Reference) -> Reference {
    while let Kind::Array { element, len } = reference.shape.kind {
        reference.shape = element;
        reference.len *= len;
    }
    reference
}

/// Returns `true` if a value may have references or sites.
fn leads_on(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::Bits | Kind::TextByte | Kind::Bool | Kind::Char | Kind::NonZero)
}

const NO_MODULE: u32 = u32::MAX;

fn out_of_memory() -> ImageError {
    ImageError::Memory { bytes: size_of::<Piece>() }
}

/// A hash of an address, a number, or a type. Nobody chooses them so that they collide.
#[derive(Default)]
pub(super) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}
