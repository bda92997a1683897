//! Where a state's objects lie, and what can be said of them before a fork and after.

use super::measure::{Pages, page_size};
use core::ops::Range;
use permacode::HeapArena;
use permacode_lua::Allocator;
use permacode_witness::{Child, End, copied, memory};
use std::io::{self, Read, Write, pipe};

/// The memory of one state: a heap arena of its own, or `None` for the C library's.
pub struct LuaHeap(Option<HeapArena>);

impl LuaHeap {
    pub fn new(arena: bool) -> Result<Self, permacode::Error> {
        arena.then(HeapArena::new).transpose().map(Self)
    }

    pub fn allocator(&self) -> Allocator<'_> {
        match &self.0 {
            Some(heap) => Allocator::heap(heap),
            None => Allocator::system(),
        }
    }

    /// What lies in the arena now, which is then made ready for a fork; `None` for the C library's.
    pub fn before_fork(&self, fence: bool) -> io::Result<Option<InUse>> {
        let Some(heap) = &self.0 else { return Ok(None) };
        if fence {
            heap.fence();
        }
        let stats = heap.stats();
        let (bytes, pages) = (stats.live, Pages::of(objects(heap)?).touched()?);
        Ok(Some(InUse { bytes, objects: stats.objects, pages, bookkeeping: heap.bookkeeping_ranges() }))
    }

    /// Bytes and objects that live in the arena; none with the C library, which does not say.
    pub fn live(&self) -> (usize, usize) {
        let stats = self.0.as_ref().map(HeapArena::stats).unwrap_or_default();
        (stats.live, stats.objects)
    }
}

/// Where the arena's objects lie. Found out in a child, because a walk empties the magazines, which makes the workers' heap another one.
fn objects(heap: &HeapArena) -> io::Result<Vec<Range<usize>>> {
    let (mut list, mut writer) = pipe()?;
    let child = Child::fork(move || {
        let mut list = Vec::new();
        heap.walk(|object, size| list.extend([object.addr().get(), size].map(usize::to_ne_bytes).concat()));
        i32::from(writer.write_all(&list).is_err())
    })?;
    let mut bytes = Vec::new();
    list.read_to_end(&mut bytes)?;
    if child.wait()? != End::Code(0) {
        return Err(io::Error::other("the heap arena's objects could not be listed"));
    }
    let words: Vec<usize> = bytes
        .chunks_exact(size_of::<usize>())
        .map(|word| usize::from_ne_bytes(word.try_into().unwrap_or_default()))
        .collect();
    Ok(words.chunks_exact(2).map(|object| object[0]..object[0] + object[1]).collect())
}

/// What lay in a heap arena before the fork.
pub struct InUse {
    pub bytes: usize,
    pub objects: usize,
    /// Those that hold a byte of an object.
    pub pages: Pages,
    /// The arena's parts for its own records, on both sides of the objects.
    bookkeeping: [Range<usize>; 2],
}

/// What a worker has of a heap arena for itself.
#[derive(Clone, Copy)]
pub struct HeapCopies {
    /// Bytes, pages that the worker was the first to touch included.
    pub dirty: u64,
    /// Bytes of what the arena knows of its objects, on pages of their own.
    pub bookkeeping: u64,
    /// Of the pages that were in use before the fork.
    pub copied: usize,
}

impl InUse {
    /// From `smaps` and `pagemap` of a worker that lives.
    pub fn seen_in(&self, pid: i32) -> io::Result<HeapCopies> {
        // A mapping may hold both, so the bookkeeping's pages are counted one by one.
        let bookkeeping = (copied(pid, self.bookkeeping.clone())? * page_size()) as u64;
        let mappings = memory(pid, self.bookkeeping[0].start..self.bookkeeping[1].end)?.mappings;
        let all: u64 = mappings.iter().map(|mapping| mapping.private_dirty).sum();
        Ok(HeapCopies { dirty: all.saturating_sub(bookkeeping), bookkeeping, copied: self.pages.copied(pid)? })
    }
}
