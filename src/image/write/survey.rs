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

use super::address_hasher::AddressMap;
use super::footing::Footing;
use super::places::{NONE, Places};
use super::progress::{Progress, WritePhase};
use super::types_below::TypesBelow;
use super::walk::{Parts, Reference, walk};
use crate::code::CodeArena;
use crate::code::value::Sites;
use crate::image::format::{ImageError, push};
use crate::image::shape::{Kind, SLOTS, Shape};
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::any::TypeId;
use core::ops::Range;
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
    /// The next piece in the list of its place.
    pub(super) next: u32,
    /// The place in `targets` of its first reference. Those of a shorter piece at its address, which was met before, stand there.
    pub(super) targets: u32,
    /// `true` if it lies outside of the arena.
    pub(super) is_foreign: bool,
    /// `true` if a longer one stands for it.
    pub(super) is_part: bool,
}

/// All that was met.
pub(super) struct Survey<'a> {
    arena: &'a CodeArena,
    pub(super) footing: Footing,
    below: TypesBelow,
    /// The addresses of its machine code.
    machine_code: Range<usize>,
    /// The arenas that it keeps, and those that they keep.
    kept: Vec<&'a CodeArena>,
    /// The ends and alignments of the arena's blocks whose alignment no type says, by their beginnings.
    aligned: BTreeMap<usize, (usize, usize)>,
    /// The alignments of pieces that are such blocks.
    pub(super) aligns: BTreeMap<u32, usize>,
    pub(super) types: Vec<&'static Shape>,
    type_numbers: AddressMap<TypeId, u32>,
    /// The numbers of types that were asked for last, by the place of their description.
    last_types: [(Option<&'static Shape>, u32); SLOTS],
    /// In the order in which they were met.
    pub(super) pieces: Vec<Piece>,
    pub(super) places: Places,
    /// The piece at the same address that a longer one stands for, by the longer one. It is in no list.
    pub(super) shorter: BTreeMap<u32, u32>,
    /// The piece that each reference leads to, in the order in which values are walked.
    pub(super) targets: Vec<u32>,
    /// Pieces that lie outside of the arena and lead nowhere, by what they are. A linker may put equal constants at one address, or one of them
    /// into another.
    constants: HashMap<(u32, &'a [u8]), u32>,
    pub(super) modules: Vec<&'a str>,
    module_numbers: HashMap<Option<u32>, u32>,
    /// The first of the new numbers of a range, by the first of the old.
    site_numbers: AddressMap<usize, u32>,
    pub(super) sites: u64,
    /// Values that lie outside of the arena.
    pub(super) copied: usize,
    pub(super) references: usize,
    pub(super) unset: usize,
    stack: Vec<Met>,
    /// The module of the piece that is being walked.
    module: u32,
}

/// A reference that was met, and not followed yet.
#[derive(Clone, Copy)]
struct Met {
    reference: Reference,
    /// The module of the value that it is in.
    module: u32,
    /// Its place in `targets`, or `NONE` for a root.
    target: u32,
}

impl<'a> Survey<'a> {
    pub(super) fn new(arena: &'a CodeArena, footing: Footing) -> Self {
        Self {
            arena,
            footing,
            below: TypesBelow::new(),
            machine_code: arena.machine_code(),
            kept: all_kept(arena),
            aligned: arena.aligned_blocks().map(|(block, align)| (block.start, (block.end, align))).collect(),
            aligns: BTreeMap::new(),
            types: Vec::new(),
            type_numbers: HashMap::default(),
            last_types: [(None, 0); SLOTS],
            pieces: Vec::new(),
            places: Places::new(),
            shorter: BTreeMap::new(),
            targets: Vec::new(),
            constants: HashMap::new(),
            modules: Vec::new(),
            module_numbers: HashMap::new(),
            site_numbers: HashMap::default(),
            sites: footing.sites,
            copied: 0,
            references: 0,
            unset: 0,
            stack: Vec::new(),
            module: NO_MODULE,
        }
    }

    /// Walks everything that a root leads to and that was not met before. Returns the root's piece, unless it has no bytes.
    ///
    /// # Safety
    ///
    /// A value of the described type lies there, and lives as long as the survey's arena is borrowed.
    pub(super) unsafe fn root(
        &mut self,
        at: *const u8,
        shape: &'static Shape,
        progress: &mut Progress<'_>,
    ) -> Result<Option<u32>, ImageError> {
        let root = Reference { to: at, len: 1, shape, is_slice: false };
        if self.footing.parent.is_some() {
            self.below.learn(shape);
        }
        // SAFETY: the caller's promise.
        let piece = unsafe { self.visit(Met { reference: root, module: NO_MODULE, target: NONE }) }?;
        while let Some(met) = self.stack.pop() {
            progress.show(WritePhase::Survey, self.targets.len() - self.stack.len() - 1, || self.targets.len());
            // SAFETY: the caller's promise for the root. All that a live value leads to lives as long.
            let piece = unsafe { self.visit(met) }?;
            self.targets[met.target as usize] = piece.unwrap_or(NONE);
        }
        Ok(piece)
    }

    /// Returns the piece that a reference leads to, unless it has no bytes, or lies below.
    ///
    /// # Safety
    ///
    /// The reference is one of a live value.
    unsafe fn visit(&mut self, met: Met) -> Result<Option<u32>, ImageError> {
        let Reference { to, len, shape, .. } = met.reference;
        let (shape, count) = shape.flat(len);
        let Some(len) = count.filter(|&len| len != 0) else { return Ok(None) };
        if let Some(place) = self.footing.place(to.addr()) {
            return self.below.refuse_interior(self.arena, place, len * shape.size(), shape).map(|()| None);
        }
        let of = self.number_of(shape);
        let is_foreign = !self.arena.contains(to);
        let leads_on = leads_on(shape);
        let constant = match shape.kind {
            // SAFETY: the caller's promise: so many values lie there, and live. All bytes of these types are initialised.
            Kind::Bits | Kind::TextByte if is_foreign => unsafe {
                Some(core::slice::from_raw_parts(to, len * shape.size()))
            },
            _ => None,
        };
        let around = if is_foreign { None } else { self.aligned_around(to, shape) };
        if let Some((block, _)) = around.clone().filter(|(block, _)| (block.start, block.len()) != (to.addr(), len)) {
            // First the block as a whole, with the zeros behind what is referred to.
            let whole = Reference { to: to.with_addr(block.start), len: block.len(), shape, is_slice: true };
            // SAFETY: a block of so many bytes that the arena made, which lives as long as the arena is borrowed.
            unsafe { self.visit(Met { reference: whole, target: NONE, ..met }) }?;
        }
        let (mut next, mut known) = (NONE, NONE);
        if let Some(bytes) = constant {
            if let Some(&piece) = self.constants.get(&(of, bytes)) {
                return Ok(Some(piece));
            }
        } else {
            next = *self.places.head(to.addr())?;
            known = self.at(next, to, of);
        }
        let walked = if known == NONE { 0 } else { self.pieces[known as usize].len };
        if walked >= len {
            return Ok(Some(known));
        }
        if known != NONE {
            next = self.take_out(next, known);
        }
        let module = self.module_of(to, shape, met.module, is_foreign)?;
        let piece = u32::try_from(self.pieces.len()).ok().filter(|&piece| piece != NONE).ok_or(ImageError::TooLarge)?;
        let targets = u32::try_from(self.targets.len()).map_err(|_| ImageError::TooLarge)?;
        push(&mut self.pieces, Piece { at: to, len, of, module, next, targets, is_foreign, is_part: false })?;
        if let Some(bytes) = constant {
            self.constants.try_reserve(1).map_err(|_| ImageError::Memory { bytes: size_of::<Piece>() })?;
            self.constants.insert((of, bytes), piece);
            return Ok(Some(piece));
        }
        if let Some((_, align)) = around.filter(|(block, _)| block.len() == len) {
            self.aligns.insert(piece, align);
        }
        *self.places.head(to.addr())? = piece;
        if known != NONE {
            self.shorter.insert(piece, known);
        }
        if !leads_on {
            return Ok(Some(piece));
        }
        self.module = module;
        let below = self.stack.len();
        for i in walked..len {
            // SAFETY: the caller's promise: so many values lie there.
            unsafe { walk(shape, to.add(i * shape.size()), 0, self) }?;
        }
        // What was met first is walked first.
        self.stack[below..].reverse();
        Ok(Some(piece))
    }

    /// The addresses of the block of bytes that an address lies in, and its alignment, if no type says it.
    fn aligned_around(&self, to: *const u8, shape: &Shape) -> Option<(Range<usize>, usize)> {
        if !matches!(shape.kind, Kind::Bits) || shape.size() != 1 {
            return None;
        }
        let before = self.aligned.range(..=to.addr()).next_back();
        let own =
            before.map(|(&start, &(end, align))| (start..end, align)).filter(|(block, _)| block.contains(&to.addr()));
        own.or_else(|| self.arena.aligned_in_prefix(to.addr()))
    }

    /// The last piece of a type at an address, in a list of those near it.
    fn at(&self, mut piece: u32, to: *const u8, of: u32) -> u32 {
        while let Some(found) = self.pieces.get(piece as usize) {
            if found.at == to && found.of == of {
                break;
            }
            piece = found.next;
        }
        piece
    }

    /// Takes a piece out of the list that begins with `first`, because a longer one will stand for it. Returns the first of the rest.
    fn take_out(&mut self, first: u32, piece: u32) -> u32 {
        let rest = self.pieces[piece as usize].next;
        self.pieces[piece as usize].is_part = true;
        if first == piece {
            return rest;
        }
        let mut before = first;
        while self.pieces[before as usize].next != piece {
            before = self.pieces[before as usize].next;
        }
        self.pieces[before as usize].next = rest;
        first
    }

    /// The number of a type, in the order in which they were met.
    pub(super) fn number_of(&mut self, shape: &'static Shape) -> u32 {
        let last = &mut self.last_types[shape.slot()];
        if let (Some(known), number) = *last {
            if core::ptr::eq(known, shape) {
                return number;
            }
        }
        let number = *self.type_numbers.entry(shape.id()).or_insert_with(|| {
            self.types.push(shape);
            self.types.len() as u32 - 1
        });
        *last = (Some(shape), number);
        number
    }

    /// The number of the module that an address lies in. A value that lies outside of the arena goes to the module that refers to it. So
    /// does text: an interned name lies in the module that was the first to have it, which depends on the order of loading.
    fn module_of(&mut self, at: *const u8, shape: &Shape, from: u32, is_foreign: bool) -> Result<u32, ImageError> {
        if is_foreign {
            self.refuse_kept(at, shape)?;
            self.copied += 1;
        } else if self.machine_code.contains(&at.addr()) {
            let module = self.arena.locate(at).ok_or(ImageError::StillOpen)?.module;
            return Err(ImageError::Executable { of: shape.name(), module: module.name().to_owned() });
        }
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

    /// Refuses a block of an arena that this one keeps: a copy of it would be another block.
    fn refuse_kept(&self, at: *const u8, shape: &Shape) -> Result<(), ImageError> {
        match self.kept.iter().find(|arena| arena.contains(at)) {
            None => Ok(()),
            Some(arena) => {
                let module = arena.locate(at).map_or("", |found| found.module.name());
                Err(ImageError::OtherArena { of: shape.name(), module: module.to_owned() })
            }
        }
    }

    /// Gives back the memory of what only a survey needs.
    pub(super) fn forget_places(&mut self) {
        self.places = Places::new();
        self.constants = HashMap::new();
        self.stack = Vec::new();
    }

    /// The place in `targets` behind the references of a piece.
    pub(super) fn end_of_targets(&self, piece: u32) -> usize {
        self.pieces.get(piece as usize + 1).map_or(self.targets.len(), |next| next.targets as usize)
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
        let target = u32::try_from(self.targets.len()).ok().filter(|&target| target != NONE);
        let target = target.ok_or(ImageError::TooLarge)?;
        push(&mut self.targets, NONE)?;
        push(&mut self.stack, Met { reference, module: self.module, target })
    }

    fn sites(&mut self, _: usize, sites: Sites) -> Result<(), ImageError> {
        if sites.is_empty() {
            return Ok(());
        }
        let counter = self.arena.site_counter();
        if sites.is_transient() || ![counter.tag(), counter.older_tag()].contains(&sites.tag()) {
            return Err(ImageError::ForeignSites);
        }
        let is_below = sites.range().end as u64 <= self.footing.sites;
        if is_below && self.footing.tag == Some(sites.tag()) {
            // Code below has them too.
            self.site_numbers.insert(sites.range().start, sites.range().start as u32);
            return Ok(());
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

/// The arenas that an arena keeps, and those that they keep, each once.
fn all_kept(arena: &CodeArena) -> Vec<&CodeArena> {
    let (mut all, mut next) = (Vec::<&CodeArena>::new(), 0);
    let mut from = Some(arena);
    while let Some(arena) = from {
        for kept in arena.kept() {
            if !all.iter().any(|known| core::ptr::eq(*known, kept)) {
                all.push(kept);
            }
        }
        from = all.get(next).copied();
        next += 1;
    }
    all
}

/// Returns `true` if a value may have references or sites.
fn leads_on(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::Bits | Kind::TextByte | Kind::Bool | Kind::Char | Kind::NonZero)
}

const NO_MODULE: u32 = u32::MAX;
