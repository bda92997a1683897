//! The ways to hold a code object that are compared: how one is built in each kind of memory, and how it is seen again.
//!
//! ```text
//!   separate   ops ┄ slots ┄ lines ┄ [ &ops │ &slots │ &lines │ numbers ]     four allocations, the header refers to the others
//!   together   [ numbers │ slots │ ops │ lines ]                              one, the numbers tell the lengths
//! ```

use crate::shapes::{NUMBERS, Parts, Slots, View};
use bumpalo::Bump;
use core::alloc::Layout;
use core::cell::RefCell;
use core::ptr::NonNull;
use permacode::{Error, OpenModule, Permanent};

/// A way to build code objects in memory of kind `M`.
pub(crate) trait Way<M> {
    type Object: Viewed;
    fn build(&self, memory: &M, parts: &Parts<'_>) -> Result<Self::Object, Error>;
}

/// A code object that can be read.
pub(crate) trait Viewed {
    fn view(&self) -> View<'_>;
}

/// The system allocator.
pub(crate) struct Heap;

// ── separate ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Four allocations an object.
pub(crate) struct Separate;

/// A header that refers to its parts.
#[derive(Permanent)]
pub(crate) struct Code<'a> {
    ops: &'a [u8],
    slots: &'a [u64],
    lines: &'a [u8],
    numbers: [u32; NUMBERS],
}

/// A header that owns its parts.
pub(crate) struct BoxedCode {
    ops: Box<[u8]>,
    slots: Box<[u64]>,
    lines: Box<[u8]>,
    numbers: [u32; NUMBERS],
}

impl<'a> Way<OpenModule<'a>> for Separate {
    type Object = &'a Code<'a>;

    #[inline]
    fn build(&self, loader: &OpenModule<'a>, parts: &Parts<'_>) -> Result<&'a Code<'a>, Error> {
        let ops = loader.alloc_slice_copy(parts.ops)?;
        let slots = loader.alloc_slice_copy(parts.slots)?;
        let lines = loader.alloc_slice_copy(parts.lines)?;
        loader.alloc(Code { ops, slots, lines, numbers: parts.numbers })
    }
}

impl<'a> Way<&'a Bump> for Separate {
    type Object = &'a Code<'a>;

    #[inline]
    fn build(&self, bump: &&'a Bump, parts: &Parts<'_>) -> Result<&'a Code<'a>, Error> {
        let ops = bump.alloc_slice_copy(parts.ops);
        let slots = bump.alloc_slice_copy(parts.slots);
        let lines = bump.alloc_slice_copy(parts.lines);
        Ok(bump.alloc(Code { ops, slots, lines, numbers: parts.numbers }))
    }
}

impl Way<Heap> for Separate {
    type Object = Box<BoxedCode>;

    #[inline]
    fn build(&self, _: &Heap, parts: &Parts<'_>) -> Result<Box<BoxedCode>, Error> {
        let (ops, slots, lines) = (parts.ops.into(), parts.slots.into(), parts.lines.into());
        Ok(Box::new(BoxedCode { ops, slots, lines, numbers: parts.numbers }))
    }
}

impl Viewed for &Code<'_> {
    #[inline]
    fn view(&self) -> View<'_> {
        View { ops: self.ops, slots: Slots::Words(self.slots), lines: self.lines, numbers: self.numbers }
    }
}

impl Viewed for Box<BoxedCode> {
    #[inline]
    fn view(&self) -> View<'_> {
        View { ops: &self.ops, slots: Slots::Words(&self.slots), lines: &self.lines, numbers: self.numbers }
    }
}

// ── together ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// One block an object, put together in a buffer that is used again and copied as a whole.
#[derive(Default)]
pub(crate) struct Together(RefCell<Vec<u8>>);

/// Bytes of a block's header.
pub(crate) const BLOCK_HEADER: usize = NUMBERS * 4;
/// So that the slots may be read as words.
const BLOCK_ALIGN: usize = 8;

impl Together {
    #[inline]
    fn assemble<T>(&self, parts: &Parts<'_>, copy: impl FnOnce(&[u8]) -> T) -> T {
        let mut block = self.0.borrow_mut();
        block.clear();
        block.extend_from_slice(parts.numbers.map(u32::to_ne_bytes).as_flattened());
        // SAFETY: the words of a slice are initialised bytes, as many as the slice is long.
        block.extend_from_slice(unsafe {
            core::slice::from_raw_parts(parts.slots.as_ptr().cast(), size_of_val(parts.slots))
        });
        block.extend_from_slice(parts.ops);
        block.extend_from_slice(parts.lines);
        copy(&block)
    }
}

impl<'a> Way<OpenModule<'a>> for Together {
    type Object = &'a [u8];

    #[inline]
    fn build(&self, loader: &OpenModule<'a>, parts: &Parts<'_>) -> Result<&'a [u8], Error> {
        self.assemble(parts, |block| loader.alloc_padded(block, BLOCK_ALIGN, 0))
    }
}

impl<'a> Way<&'a Bump> for Together {
    type Object = &'a [u8];

    #[inline]
    fn build(&self, bump: &&'a Bump, parts: &Parts<'_>) -> Result<&'a [u8], Error> {
        self.assemble(parts, |block| {
            let too_large = Error::TooLarge { len: block.len(), element: 1 };
            let at = bump.alloc_layout(Layout::from_size_align(block.len(), BLOCK_ALIGN).map_err(|_| too_large)?);
            // SAFETY: as many fresh bytes as are copied, and nobody else's for as long as the `Bump` is borrowed.
            Ok(unsafe {
                at.copy_from_nonoverlapping(NonNull::from(block).cast(), block.len());
                core::slice::from_raw_parts(at.as_ptr(), block.len())
            })
        })
    }
}

impl Viewed for &[u8] {
    #[inline]
    fn view(&self) -> View<'_> {
        let (header, rest) = self.split_at(BLOCK_HEADER);
        let mut numbers = [0; NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(header.chunks_exact(4)) {
            *number = bytes.try_into().map_or(0, u32::from_ne_bytes);
        }
        let (slots, rest) = rest.split_at(numbers[3] as usize * size_of::<u64>());
        let (ops, lines) = rest.split_at(numbers[2] as usize);
        View { ops, slots: Slots::Bytes(slots), lines, numbers }
    }
}
