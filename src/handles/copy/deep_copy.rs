//! From transient to permanent: a deep copy of what a handle's code leads to within its region.
//!
//! ```text
//!   region   ┌ code ──▶ consts ──▶ code' ┐      arena   ┌ code ──▶ consts ──▶ code' ┐
//!            │   ▲───── link ────────┘   │  ───▶        │   ▲───── link ────────┘   │
//!            └ names, sites of the region┘              └ names, sites of the arena ┘
//! ```
//!
//! 1. Find every block of the region that the root leads to, links included, and every place that refers to one ([`Graph`]).
//! 2. Put blocks that overlap together: a reference into a slice stays a reference into the copy of that slice.
//! 3. Place all of them, copy their bytes, and redirect each place.
//!
//! Everything outside of the region is `'static`, the arena's, or was leaked, and stays. Leaked memory may refer to the
//! region. A lowering function can put its blocks' references into a `Box` and leak that, or into a module of an arena
//! that is `'static`. So all of it is looked at, and a reference back refuses the promotion. It would dangle in the
//! copy, once the region is freed.
//!
//! Nobody refers to a copy before all of it is right. If something fails, what was placed is undone, and the region was only read.

use super::graph::Graph;
use crate::base::hash::HashMap;
use crate::code::{Block, Kind, Loader, Reference, Sites};
use crate::error::Error;
use crate::handles::region::{Source, Survey, push};
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ptr::NonNull;
use core::{ptr, slice};

/// Copies what a block of a region leads to within the region. Returns where the copy of the block lies, which is the block itself if it lies
/// outside.
///
/// # Safety
///
/// 1. `root` and everything that it leads to are live as long as the region is.
/// 2. `survey` is of that region.
pub(in crate::handles) unsafe fn deep_copy(
    region: &dyn Source,
    survey: &Survey,
    root: Block,
    loader: &Loader<'_>,
) -> Result<NonNull<u8>, Error> {
    // SAFETY: the caller's promise.
    unsafe { DeepCopy::new(region, survey, root, loader) }?.finish()
}

/// A copy that is being made; dropping it undoes what was placed.
struct DeepCopy<'c, 'l> {
    loader: &'c Loader<'l>,
    region: &'c dyn Source,
    /// Of that region.
    survey: &'c Survey,
    graph: Graph,
    /// In the order of their old places.
    extents: Vec<Cluster>,
    /// Those that have a new place, from the front.
    placed: usize,
}

/// Blocks that overlap, as one.
struct Cluster {
    old: NonNull<u8>,
    bytes: usize,
    align: usize,
    new: NonNull<u8>,
}

impl Cluster {
    fn old_end(&self) -> usize {
        // A piece of memory that exists.
        self.old.addr().get() + self.bytes
    }

    /// Bytes to skip before the copy, so that it is aligned as the original is.
    fn skip(&self) -> usize {
        self.old.addr().get() % self.align
    }

    fn layout(&self) -> Result<Layout, Error> {
        let too_large = Error::TooLarge { len: self.bytes, element: 1 };
        let size = self.bytes.checked_add(self.skip()).ok_or(too_large)?;
        Layout::from_size_align(size, self.align).map_err(|_| too_large)
    }
}

impl<'c, 'l> DeepCopy<'c, 'l> {
    /// Finds all that is to be copied.
    ///
    /// # Safety
    ///
    /// As for [`deep_copy`].
    unsafe fn new(
        region: &'c dyn Source,
        survey: &'c Survey,
        root: Block,
        loader: &'c Loader<'l>,
    ) -> Result<Self, Error> {
        let (memory, names) = (&survey.memory, &survey.names);
        let follow = |reference: &Reference| {
            let leads_inside = memory.contains(reference.block.start.addr().get());
            if leads_inside && !memory.contains(reference.place.addr().get()) {
                return Err(Error::RefersBack);
            }
            Ok(!leads_inside || !is_name(names, reference))
        };
        // SAFETY: the caller's promise; the region is borrowed.
        let graph = unsafe { Graph::new(root, follow) }?;
        let mut this = Self { loader, region, survey, graph, extents: Vec::new(), placed: 0 };
        this.find_extents()?;
        Ok(this)
    }

    /// Makes extents of the region's blocks.
    fn find_extents(&mut self) -> Result<(), Error> {
        let memory = &self.survey.memory;
        for block in self.graph.blocks.iter().filter(|block| block.bytes != 0) {
            if memory.contains(block.start.addr().get()) {
                push(&mut self.extents, Cluster::of(block.start, block.bytes, block.align))?;
            }
        }
        self.merge()?;
        let referred = self.extents.len();
        for at in 0..referred {
            let (start, end) = (self.extents[at].old.addr().get(), self.extents[at].old_end());
            // If it is used at all: whole, because the zeros behind it count.
            for (block, align) in self.survey.aligned_in(start, end) {
                push(&mut self.extents, Cluster::of(block.cast(), block.len(), align))?;
            }
        }
        self.merge()
    }

    /// Puts extents that overlap together, and all in order.
    fn merge(&mut self) -> Result<(), Error> {
        self.extents.sort_unstable_by_key(|extent| extent.old);
        let mut merged: Vec<Cluster> = Vec::new();
        for extent in self.extents.drain(..) {
            match merged.last_mut().filter(|last| extent.old.addr().get() < last.old_end()) {
                Some(last) => {
                    last.bytes = last.old_end().max(extent.old_end()) - last.old.addr().get();
                    last.align = last.align.max(extent.align);
                }
                None => push(&mut merged, extent)?,
            }
        }
        self.extents = merged;
        Ok(())
    }

    /// Places, copies and redirects everything. Where the copy of the root lies.
    fn finish(mut self) -> Result<NonNull<u8>, Error> {
        let memory = &self.survey.memory;
        for extent in &mut self.extents {
            let at = self.loader.place_aligned(extent.layout()?)?;
            // SAFETY: the layout has room for the skip.
            extent.new = unsafe { at.add(extent.skip()) };
            self.placed += 1;
            // With the provenance of the whole piece, since the block's own reference reaches no further than the block. Extents are made of
            // what lies in a piece, so there is one.
            if let Some(piece) = memory.piece(extent.old.addr().get()) {
                let old = piece.as_ptr().cast::<u8>().with_addr(extent.old.addr().get());
                // SAFETY: blocks of the region, which are within one piece and not written to; new memory of that size.
                unsafe { extent.new.as_ptr().copy_from_nonoverlapping(old, extent.bytes) };
            }
        }
        for reference in &self.graph.references {
            let Some(place) = self.copy_of(reference.place) else { continue };
            let Some(to) = self.target(reference)? else { continue };
            // SAFETY: a place in a copy that nobody refers to yet, and the copy of what it refers to.
            unsafe { reference.redirect(place, to) };
        }
        self.renumber()?;
        let root = self.graph.blocks.first().map(|root| root.start);
        let copy = root.and_then(|root| self.copy_of(root).or(Some(root)));
        // Complete: nothing is undone any more.
        self.placed = 0;
        copy.ok_or(Error::Memory { bytes: 0 })
    }

    /// Gives sites of transient code numbers that are permanent, the same ones wherever they stand. Permanent numbers stay, whichever
    /// arena's they are.
    fn renumber(&self) -> Result<(), Error> {
        let (mut numbers, one_arena_a_tag) = (HashMap::default(), self.survey.one_arena_a_tag);
        for sites in &self.graph.sites {
            // SAFETY: a place in a block of the region, or in memory that it leads to, which is live; `Sites` were shown there.
            let old = unsafe { sites.read() };
            if !old.is_transient() {
                continue;
            }
            let Some(place) = self.copy_of(sites.cast()) else {
                // In leaked memory the numbers would stay, and become somebody else's too.
                let leaked = !old.is_empty() && self.region.numbers(&old).is_some();
                if leaked { return Err(Error::RefersBack) } else { continue }
            };
            // Two arenas of one tag may have given the same numbers to two code objects. The place tells which arena it was.
            let arena = if one_arena_a_tag { None } else { self.region.numbers_at(sites.addr().get(), &old) };
            let key = (old, arena.map(ptr::from_ref));
            let new: Sites = match numbers.get(&key) {
                Some(new) => *new,
                None => self.loader.sites(old.len())?,
            };
            numbers.try_reserve(1).map_err(|_| Error::Memory { bytes: size_of::<Sites>() })?;
            numbers.insert(key, new);
            // SAFETY: a place in a copy that nobody refers to yet.
            unsafe { place.cast().write(new) };
        }
        Ok(())
    }

    /// Returns the address of a byte's copy, if there is one. All are placed by then.
    fn copy_of(&self, old: NonNull<u8>) -> Option<NonNull<u8>> {
        let index = self.extents.partition_point(|extent| extent.old <= old).checked_sub(1)?;
        let extent = &self.extents[index];
        let offset = old.addr().get() - extent.old.addr().get();
        // SAFETY: within the extent's copy.
        (offset < extent.bytes).then(|| unsafe { extent.new.add(offset) })
    }

    /// Returns the new target of a reference in a copy, if it changes.
    fn target(&self, reference: &Reference) -> Result<Option<NonNull<u8>>, Error> {
        let block = reference.block;
        let inside = self.survey.memory.contains(block.start.addr().get());
        let of_another_arena =
            !inside && reference.kind == Kind::Name && !self.loader.arena().contains(block.start.as_ptr());
        if !inside && !of_another_arena {
            return Ok(None);
        }
        if block.bytes == 0 {
            // Of a slice without elements only the alignment counts.
            return Ok(NonNull::new(ptr::without_provenance_mut(block.align)));
        }
        if of_another_arena || is_name(&self.survey.names, reference) {
            // SAFETY: a name of the region, or one that lives longer.
            let bytes = unsafe { slice::from_raw_parts(block.start.as_ptr(), block.bytes) };
            // SAFETY: these are all bytes of a name, which is text.
            let text = unsafe { core::str::from_utf8_unchecked(bytes) };
            return self.loader.intern(text).map(|name| Some(NonNull::from(name).cast()));
        }
        Ok(self.copy_of(block.start))
    }
}

impl Cluster {
    fn of(old: NonNull<u8>, bytes: usize, align: usize) -> Self {
        Self { old, bytes, align, new: NonNull::dangling() }
    }
}

impl Drop for DeepCopy<'_, '_> {
    fn drop(&mut self) {
        for extent in self.extents[..self.placed].iter().rev() {
            // SAFETY: placed for the copy, to which no reference was given out.
            unsafe {
                let at = extent.new.sub(extent.skip());
                let size = extent.bytes + extent.skip();
                self.loader.undo(at, size, size);
            }
        }
    }
}

/// Returns `true` if a reference is to the whole of a name.
fn is_name(names: &HashMap<NonNull<u8>, usize>, reference: &Reference) -> bool {
    matches!(reference.kind, Kind::Text | Kind::Name)
        && names.get(&reference.block.start) == Some(&reference.block.bytes)
}
