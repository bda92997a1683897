//! Allocation in a loader: values, slices, text, names, sites, and links between them.
//!
//! Each block is placed (see `loader.rs`), filled, and from then on only read. A slice that is filled element by
//! element goes through [`SliceGuard`], which takes everything back if it does not come to its end.

use super::loader::Loader;
use super::region_room::BlockNote;
use super::slice_guard::SliceGuard;
use crate::code::store::{AlignedBlock, NameEntry};
use crate::code::value::{Link, Name, Permanent, Sites};
use crate::error::{Error, LinkError};
use core::alloc::Layout;
use core::ptr::{self, NonNull};

impl<'a> Loader<'a> {
    /// Moves a value into the arena.
    ///
    /// Costs a comparison, a bump and the copy; now and then a run of pages, which is one system call. A value of size zero touches
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], [`Error::Limit`], [`Error::Bookkeeping`] or [`Error::Pages`], when a run is needed and not to be had.
    ///
    /// ```
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let pair: &(u32, &str) = loader.alloc((7, "seven"))?;
    /// assert_eq!(pair.1, "seven");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Blocks are never dropped, so a type that needs it does not compile, even if somebody promised it to be
    /// [`Permanent`]:
    ///
    /// ```compile_fail,E0080
    /// struct Owner(String);
    /// // SAFETY: none: it has drop glue.
    /// unsafe impl permacode::Permanent for Owner {
    ///     type At<'x> = Self;
    ///
    ///     fn trace(&self, _: &mut permacode::code::Tracer<'_>) {}
    /// }
    /// let arena = permacode::CodeArena::new().unwrap();
    /// arena.load("m").unwrap().alloc(Owner(String::new()));
    /// ```
    #[inline]
    pub fn alloc<T: Permanent + 'a>(&self, value: T) -> Result<&'a T, Error> {
        const { assert!(!core::mem::needs_drop::<T>(), "a block is never dropped: its type must not need it") };
        let at = self.place(Layout::new::<T>())?.cast::<T>();
        // SAFETY: `place` gave aligned memory of the layout's size that nobody else refers to, valid as long as the arena, which is
        // borrowed for 'a; from here on it is only read (invariant 2).
        unsafe {
            at.write(value);
            Ok(at.as_ref())
        }
    }

    /// Copies a slice into the arena.
    ///
    /// Costs a comparison, a bump and the copy. An empty slice touches nothing.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc).
    ///
    /// ```
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let ops: &[u8] = loader.alloc_slice_copy(&[1, 2, 3])?;
    /// assert_eq!(ops, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn alloc_slice_copy<T: Permanent + Copy + 'a>(&self, slice: &[T]) -> Result<&'a [T], Error> {
        let at = self.place(Layout::for_value(slice))?.cast::<T>();
        // SAFETY: as in `alloc`, for `slice.len()` elements; fresh memory does not overlap what exists.
        unsafe {
            at.copy_from_nonoverlapping(NonNull::from(slice).cast(), slice.len());
            Ok(NonNull::slice_from_raw_parts(at, slice.len()).as_ref())
        }
    }

    /// Copies a string into the arena, one copy for each call. See [`intern`](Self::intern) for one copy for each arena.
    ///
    /// Costs and errors are those of [`alloc_slice_copy`](Self::alloc_slice_copy).
    ///
    /// ```
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = permacode::CodeArena::new()?;
    /// let name: &str = arena.load("m")?.alloc_str("len")?;
    /// assert_eq!(name, "len");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn alloc_str(&self, text: &str) -> Result<&'a str, Error> {
        let bytes = self.alloc_slice_copy(text.as_bytes())?;
        // SAFETY: a copy of the bytes of a `str`, which never changes (soundness S24).
        Ok(unsafe { core::str::from_utf8_unchecked(bytes) })
    }

    /// Moves the elements of an iterator into a slice in the arena. The iterator may allocate in this loader.
    ///
    /// Costs those of [`alloc_slice_copy`](Self::alloc_slice_copy), and a bounds check for each element. An iterator without an
    /// exact length: collect first, then [copy](Self::alloc_slice_copy).
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when the iterator yields fewer or more elements than its `len` promised; else as for
    /// [`alloc`](Self::alloc). After an error the space is zero again; it is lost only if the iterator allocated behind it.
    ///
    /// ```
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let squares: &[u64] = loader.alloc_slice_fill_iter((0..4u32).map(|n| u64::from(n * n)))?;
    /// assert_eq!(squares, [0, 1, 4, 9]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn alloc_slice_fill_iter<T, I>(&self, elements: I) -> Result<&'a [T], Error>
    where
        T: Permanent + 'a,
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        let mut elements = elements.into_iter();
        let promised = elements.len();
        let mut fill = SliceGuard::new(self, promised)?;
        for found in 0..promised {
            fill.push(elements.next().ok_or(Error::Length { promised, found })?);
        }
        match elements.next() {
            None => Ok(fill.finish()),
            Some(_) => Err(Error::Length { promised, found: promised.saturating_add(1) }),
        }
    }

    /// Fills a slice in the arena by a closure that may fail and may allocate in this loader: how trees are lowered.
    ///
    /// Costs those of [`alloc_slice_copy`](Self::alloc_slice_copy), and a bounds check for each element.
    ///
    /// # Errors
    ///
    /// Those of the closure, and as for [`alloc`](Self::alloc). After an error or a panic the space is zero again; it is lost, and
    /// counted in [`CodeStats::lost`](crate::stats::CodeStats::lost), only if the closure allocated behind it.
    ///
    /// ```
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let words = ["load", "store"];
    /// let names: &[&str] = loader.alloc_slice_try_fill_with(words.len(), |i| loader.intern(words[i]))?;
    /// assert_eq!(names, words);
    /// # Ok(())
    /// # }
    /// ```
    pub fn alloc_slice_try_fill_with<T, E, F>(&self, len: usize, mut element: F) -> Result<&'a [T], E>
    where
        T: Permanent + 'a,
        E: From<Error>,
        F: FnMut(usize) -> Result<T, E>,
    {
        let mut fill = SliceGuard::new(self, len)?;
        for index in 0..len {
            fill.push(element(index)?);
        }
        Ok(fill.finish())
    }

    /// Copies bytes to an address that is a multiple of `align`, with `zeros` zero bytes behind them; the slice holds both.
    ///
    /// For virtual machines that read past the end of their code, or want it at a word's or a page's boundary. Costs those of
    /// [`alloc_slice_copy`](Self::alloc_slice_copy), and a record of four words; the bytes skipped for an alignment above a page are address space, not memory.
    ///
    /// # Errors
    ///
    /// [`Error::Alignment`] unless `align` is a power of two, [`Error::TooLarge`] when the sum does not fit the address space; else as
    /// for [`alloc`](Self::alloc).
    ///
    /// ```
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let code = loader.alloc_padded(&[0x60, 0x01], 64, 33)?;
    /// assert_eq!(code.len(), 2 + 33);
    /// assert_eq!(code.as_ptr() as usize % 64, 0);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn alloc_padded(&self, bytes: &[u8], align: usize, zeros: usize) -> Result<&'a [u8], Error> {
        let layout = padded(bytes.len().saturating_add(zeros), align)?;
        let at = self.place_aligned(layout)?;
        // SAFETY: placed just now, for this block.
        Ok(unsafe { fill(at, layout.size(), bytes) })
    }

    /// The same for machine code, which is not copied: nothing is noted for each function.
    pub(in crate::code) fn alloc_native(&self, code: &[u8], align: usize) -> Result<&'a [u8], Error> {
        let layout = padded(code.len(), align)?;
        let at = self.place(layout)?;
        // SAFETY: as above.
        Ok(unsafe { fill(at, layout.size(), code) })
    }

    /// As [`place`](Self::place), for an alignment that no type says: a copy of the block should have it too.
    pub(crate) fn place_aligned(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        let at = self.place(layout)?;
        match self.region() {
            Some(growing) => {
                let block = NonNull::slice_from_raw_parts(at, layout.size());
                growing.region().note(BlockNote::Aligned(block, layout.align()))?;
            }
            None if layout.size() == 0 => {}
            None => {
                let block = AlignedBlock { start: at.addr().get(), len: layout.size(), align: layout.align() };
                self.arena().store().note_aligned(block).inspect_err(|_| {
                    // SAFETY: placed just now, untouched, and nobody has it.
                    unsafe { self.undo(at, layout.size(), 0) }
                })?;
            }
        }
        Ok(at)
    }

    /// Returns the arena's one copy of `text` as a [`Name`], making it if it is the first.
    ///
    /// Names compare by their text, quickly where the addresses are equal. Use this method for names that are compared or looked up, and
    /// [`intern`](Self::intern) where a plain `&str` is wanted.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc).
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, HeapArena, Loader, Name, Transients};
    ///
    /// /// One lowering function for modules and for `eval`.
    /// fn lower<'x>(loader: &Loader<'x>, name: &str) -> Result<&'x (Name<'x>, u32), permacode::Error> {
    ///     loader.alloc((loader.intern_name(name)?, 0))
    /// }
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// let eval: CodeRef<'_, (Name<'_>, u32)> = CodeRef::transient(&transients, |loader| lower(loader, "total"))?;
    /// let loader = arena.load("m")?;
    /// assert_eq!(eval.get().0, lower(&loader, "total")?.0); // two copies of one name
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`intern`](Self::intern).
    pub fn intern_name(&self, text: &str) -> Result<Name<'a>, Error> {
        self.intern(text).map(Name::new)
    }

    /// Returns the arena's one copy of `text`, making it if it is the first.
    ///
    /// The empty name is the empty `str`, which is no block.
    ///
    /// # Addresses
    ///
    /// Equal names have equal addresses among permanent code of one arena: in all its modules, open or finished, and for all threads.
    /// They need not have them anywhere else:
    ///
    /// * In [transient](crate::CodeRef::transient) code, a name that the arena does not have yet is a copy of the region's own. Two
    ///   evaluations have two copies, and the arena's comes later.
    /// * When that code is freed, the address of its copy goes to another text.
    ///
    /// So key maps by the text, or by a [`Name`] from [`intern_name`](Self::intern_name), which compares by text. An address may be a
    /// key only while the code that the name came from lives, and then different addresses do not mean different names.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc).
    ///
    /// ```
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = permacode::CodeArena::new()?;
    /// let one = arena.load("one")?.intern("self")?;
    /// let two = arena.load("two")?.intern("self")?;
    /// assert!(std::ptr::eq(one, two)); // both are permanent code of one arena
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// A hash and a descent of some ten loads; the first time also a copy, a record and a compare-exchange.
    pub fn intern(&self, text: &str) -> Result<&'a str, Error> {
        if text.is_empty() {
            return Ok("");
        }
        if let Some(growing) = self.region() {
            return match growing.known(text) {
                Some(name) => Ok(name),
                None => self.alloc_str(text).and_then(|name| growing.remember(name).map(|()| name)),
            };
        }
        let store = self.arena().store();
        if let Some(name) = store.prefixed_name(text) {
            return Ok(name);
        }
        let names = store.names();
        let hash = names.hash(text);
        let vacancy = match names.find(hash, text) {
            Ok(name) => return Ok(name),
            Err(vacancy) => vacancy,
        };
        // Undone unless it becomes the arena's copy: by an error, or because another thread's was first.
        let mut copy = SliceGuard::new(self, text.len())?;
        copy.push_all(text.as_bytes());
        // SAFETY: the bytes of a `str`, in a block of this loader, which fills a module of the arena (1). The block is undone by dropping
        // `copy`: not before `insert` has returned, and then only if it refused the entry (2).
        let entry = unsafe { NameEntry::new(hash, core::str::from_utf8_unchecked(copy.filled())) };
        match names.insert(vacancy, store.record(entry)?) {
            // SAFETY: the bytes of a `str`.
            Ok(()) => Ok(unsafe { core::str::from_utf8_unchecked(copy.finish()) }),
            Err(first) => Ok(first),
        }
    }

    /// Takes numbers for `count` places whose mutable data lies in a table outside the code.
    ///
    /// Costs one atomic addition and no memory. Zero sites are fine.
    ///
    /// [`Sites`] carry no lifetime, so nothing stops a program from copying those of
    /// [transient](crate::CodeRef::transient) code into a block of a module. Do not: the numbers are given to other
    /// code once that code is freed, and two code objects then share entries. No memory is misused, but a cache may hit
    /// an entry of the other. [`CodeRef::promote`](crate::CodeRef::promote) gives its copy numbers of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Sites`] above 65,535 for one call, or 4,294,967,295 in one arena; none are lost then.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let sites = arena.load("m")?.sites(3)?;
    /// let mut hits = vec![0u32; arena.stats().sites]; // the interpreter's own table
    /// hits[sites.range()][1] += 1;
    /// assert_eq!(hits, [0, 1, 0]);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn sites(&self, count: usize) -> Result<Sites, Error> {
        match self.region() {
            None => self.arena().store().sites().take(count),
            Some(growing) => growing.region().sites(count),
        }
    }

    /// Sets a [`Link`] in a block that this loader made. Once.
    ///
    /// # Errors
    ///
    /// [`LinkError::Foreign`] unless the link lies in a block of this loader, [`LinkError::Finished`] if that block's module is finished
    /// already, [`LinkError::AlreadySet`] if the link is. Nothing is written then.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Link};
    /// use permacode::error::LinkError;
    ///
    /// # #[derive(permacode::Permanent)]
    /// # struct Node<'a> {
    /// #     next: Link<'a, Node<'a>>,
    /// # }
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("ring")?;
    /// let node: &Node<'_> = loader.alloc(Node { next: Link::unset() })?;
    /// loader.link(&node.next, node)?;
    /// assert!(node.next.get().is_some_and(|next| std::ptr::eq(next, node)));
    /// assert_eq!(loader.link(&node.next, node), Err(Error::Link(LinkError::AlreadySet)));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// A compare-exchange, and a comparison for each run of pages that the module fills. These are at most seven for
    /// its first MiB, then at most one for each MiB and for each longer block.
    ///
    /// In transient code it is a comparison for each piece of the region. These are at most seven for its first 64 KiB,
    /// then at most one for each 32 KiB and for each longer block.
    #[doc(alias = "set")]
    pub fn link<T: Permanent>(&self, at: &Link<'a, T>, to: &'a T) -> Result<(), Error> {
        let address = ptr::from_ref(at).addr();
        if !self.filled(address) {
            let finished = self.arena().locate(ptr::from_ref(at)).is_some();
            return Err(Error::Link(if finished { LinkError::Finished } else { LinkError::Foreign }));
        }
        // SAFETY: 1. `filled`: this loader made the block, and is open, so nobody sealed its page. 2. The proof in ARCHITECTURE.md, "One
        // lifetime a block": step 4 is about this call, and rests on `filled` too.
        unsafe { at.set(to) }.map_err(Error::Link)
    }
}

/// The layout of so many bytes with an alignment of the caller's.
fn padded(size: usize, align: usize) -> Result<Layout, Error> {
    Layout::from_size_align(size, align).map_err(|_| match align.is_power_of_two() {
        true => Error::TooLarge { len: size, element: 1 },
        false => Error::Alignment { align },
    })
}

/// Copies bytes to the beginning of a new block of `size` bytes.
///
/// # Safety
///
/// The block was placed for this, in the arena of 'a, and has room for the bytes.
unsafe fn fill<'a>(at: NonNull<u8>, size: usize, bytes: &[u8]) -> &'a [u8] {
    // SAFETY: as in `alloc_slice_copy`; the bytes behind the copy are zero, because nobody wrote there yet (invariant 7).
    unsafe {
        at.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        NonNull::slice_from_raw_parts(at, size).as_ref()
    }
}
