//! A handle of code for frames and functions: one word, permanent or counted.
//!
//! ```text
//!   permanent   address of the code ······················ 0      copied and forgotten; nothing is written anywhere
//!   transient   address of a part's count, in the heap ··· 1      counted there, never on a code page
//! ```
//!
//! Which of the two is decided by the lowest bit of the word itself: nothing is loaded to find out (invariant 3). The code of a permanent
//! handle is at an even address, because its type is aligned to two bytes at least.

use crate::code::Permanent;
use crate::handles::region::{Part, PartRef, Region};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// The lowest bit of a word, which says that the code is transient.
const TRANSIENT: usize = 1;

/// A handle of code. Permanent code lives as long as its arena is borrowed, transient code as long as a handle counts
/// it.
///
/// One word, and so is `Option<CodeRef>`. A handle is for one thread (`!Send`). Frames and generators each hold one of
/// their own, and run the code that they borrow from it. A function's code may be replaced meanwhile.
///
/// Cloning and dropping a permanent handle copies and forgets a word: no count, no write. For a transient one it is an
/// addition in the heap. The last handle of any part frees the whole region that the code was made in: a free for each
/// of its pieces and records. No destructor runs, because blocks have none.
///
/// ```
/// use permacode::{CodeArena, CodeRef, HeapArena, Loader, Permanent, Transients};
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     ops: &'a [u8],
/// }
///
/// // One lowering function, for modules and for `eval`.
/// fn lower<'x>(loader: &Loader<'x>, ops: &[u8]) -> Result<&'x Code<'x>, permacode::Error> {
///     loader.alloc(Code { ops: loader.alloc_slice_copy(ops)? })
/// }
///
/// # fn main() -> Result<(), permacode::Error> {
/// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
/// let transients = Transients::new(&arena, &heap);
/// let loader = arena.load("m")?;
/// let permanent = CodeRef::new(lower(&loader, &[1])?);
/// let transient: CodeRef<'_, Code<'_>> = CodeRef::transient(&transients, |loader| lower(loader, &[2]))?;
/// assert_eq!((permanent.get().ops, transient.get().ops), (&[1][..], &[2][..]));
/// assert_eq!((permanent.count(), transient.count()), (None, Some(1)));
/// let promoted = CodeRef::new(transient.promote(&loader)?);
/// loader.seal()?;
/// drop(transient);
/// assert_eq!(promoted.get().ops, [2]);
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Covariant in `'a` and in `T`. Where `T` itself is invariant, because it has a [`Link`](crate::Link), [`get`](Self::get) shortens all
/// lifetimes at once.
pub struct CodeRef<'a, T: Permanent> {
    word: NonNull<u8>,
    /// A permanent handle is a `&'a T`; a transient one borrows its `Transients` for 'a.
    borrows: PhantomData<&'a T>,
}

impl<'a, T: Permanent> CodeRef<'a, T> {
    /// Makes a handle of permanent code. Costs nothing.
    ///
    /// Each lifetime in `T` must be `'a`: `T` is the same type as its [`At<'a>`](Permanent::At). So a block is seen at one lifetime, and a
    /// [`Link`](crate::Link) in it takes no target that lives shorter. Covariant lifetimes are shortened where that is needed; in a generic
    /// function write the bound, or take a `&'a T::At<'a>`, for which it holds:
    ///
    /// ```
    /// use permacode::{CodeRef, Permanent};
    ///
    /// fn hold<'a, T: Permanent<At<'a> = T>>(code: &'a T) -> CodeRef<'a, T> {
    ///     CodeRef::new(code)
    /// }
    /// fn hold_at<'a, T: Permanent>(code: &'a T::At<'a>) -> CodeRef<'a, T::At<'a>> {
    ///     CodeRef::new(code)
    /// }
    /// static CODE: u32 = 7;
    /// assert_eq!((hold(&CODE).get(), hold_at::<u32>(&CODE).get()), (&7, &7));
    /// ```
    ///
    /// A block with a link at a longer lifetime is refused:
    ///
    /// ```compile_fail
    /// use permacode::{CodeRef, Link};
    ///
    /// fn hold<'a>(code: &'a Link<'static, u64>) -> CodeRef<'a, Link<'static, u64>> {
    ///     CodeRef::new(code)
    /// }
    /// ```
    ///
    /// ```
    /// # use permacode::CodeRef;
    /// static CODE: u32 = 7;
    /// let handles = [CodeRef::new(&CODE), CodeRef::from(&CODE)];
    /// assert!(handles.iter().all(|handle| std::ptr::eq(handle.get(), &CODE) && handle.count().is_none()));
    /// assert_eq!(size_of_val(&handles), 2 * size_of::<usize>());
    /// ```
    ///
    /// The lowest bit of a handle tells permanent code from transient code. So a type that may lie at an odd address does not compile; wrap
    /// it in a struct with `#[repr(align(2))]`:
    ///
    /// ```compile_fail,E0080
    /// let byte = permacode::CodeRef::new(&7u8);
    /// ```
    #[inline]
    pub fn new(code: &'a T) -> Self
    where
        T: Permanent<At<'a> = T>,
    {
        const { assert_aligned::<T>() };
        Self { word: NonNull::from(code).cast(), borrows: PhantomData }
    }

    /// Makes a handle of transient code, which counts from now on as the reference to the part did.
    ///
    /// # Safety
    ///
    /// The part's root is a `T::At<'s>` for every `'s` during which its region is live.
    pub(super) unsafe fn counted(part: PartRef<'a>) -> Self {
        const { assert!(align_of::<Part<'_>>() >= 2) };
        Self { word: part.into_raw().cast().map_addr(|address| address | TRANSIENT), borrows: PhantomData }
    }

    /// Returns the part that counts a transient handle: the object itself, as the last handle frees it.
    #[inline]
    fn counter(&self) -> Option<NonNull<Part<'a>>> {
        if self.is_permanent() {
            return None;
        }
        NonNull::new(self.word.as_ptr().map_addr(|address| address & !TRANSIENT).cast())
    }

    /// The same, counted once more.
    pub(super) fn part_ref(&self) -> Option<PartRef<'a>> {
        // SAFETY: live as long as this handle counts; the word holds the pointer to all of the object, and the count is the reference's.
        self.counter().map(|part| unsafe {
            part.as_ref().add_ref();
            PartRef::from_raw(part)
        })
    }

    /// Returns the same part, to read.
    #[inline]
    pub(super) fn part(&self) -> Option<&Part<'a>> {
        // SAFETY: a word with the bit is the address of a part, which is live as long as this handle counts.
        self.counter().map(|part| unsafe { part.as_ref() })
    }

    /// Returns the code, for as long as the handle is borrowed. Costs a test of the handle's own word; for transient
    /// code also a load in the heap.
    ///
    /// There is no `Deref`, and the lifetime is the borrow's throughout, so that nothing of a region outlives its handle:
    ///
    /// ```compile_fail,E0505
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let code: CodeRef<'_, &str> = CodeRef::transient(&transients, |loader| loader.alloc(loader.alloc_str("eval")?))?;
    /// let text: &str = code.get();
    /// drop(code);
    /// println!("{text}");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let code: CodeRef<'_, &str> = CodeRef::transient(&transients, |loader| loader.alloc(loader.alloc_str("eval")?))?;
    /// let frame = code.clone();
    /// drop(code);
    /// assert_eq!(*frame.get(), "eval"); // the frame's handle keeps it
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn get(&self) -> &T::At<'_> {
        let root = self.part().map_or(self.word, |part| part.root.cast());
        // SAFETY: permanent: a `&'a T` with T = T::At<'a>, by the bound of `new`. The promise of `Permanent` lets it be read at a shorter
        // lifetime, and its links too: ARCHITECTURE.md, "One lifetime a block". Transient: by the contract of `counted` it is a `T::At` of
        // the region, which is live as long as this handle counts, hence as long as it is borrowed.
        unsafe { root.cast().as_ref() }
    }

    /// Returns the code itself, if it is permanent. Costs a test of the handle's own word.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef};
    /// let arena = CodeArena::new()?;
    /// let handle = CodeRef::new(arena.load("m")?.alloc(7u32)?);
    /// let code = handle.permanent();
    /// drop(handle);
    /// assert_eq!(code, Some(&7)); // it lives as long as the arena, not as the handle
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn permanent(&self) -> Option<&'a T> {
        // SAFETY: without the bit, the word is a `&'a T`: it was given to `new`, perhaps at a longer lifetime that coercion shortened.
        self.is_permanent().then(|| unsafe { self.word.cast().as_ref() })
    }

    /// Returns `true` for permanent code, which has no reference count. Costs a test of the handle's own word.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let code: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(7))?;
    /// let loader = arena.load("m")?;
    /// let promoted = CodeRef::new(code.promote(&loader)?);
    /// assert_eq!((code.is_permanent(), promoted.is_permanent()), (false, true));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn is_permanent(&self) -> bool {
        self.word.addr().get() & TRANSIENT == 0
    }

    /// Returns the reference count of transient code: the handles that hold this code object, and the copies
    /// [patched](Self::patched) from it. `None` for permanent code, which has no count. Costs a test and a load.
    ///
    /// `usize::MAX` says that the count overflowed once; the code then stays until a sweep. A handle that was in an
    /// object that a collector swept still counts.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let code: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(7))?;
    /// let (frame, copy) = (code.clone(), code.patched(&transients, |loader, code| loader.alloc(code + 1))?);
    /// assert_eq!((code.count(), copy.count()), (Some(3), Some(1)));
    /// drop((frame, copy));
    /// assert_eq!(code.count(), Some(1));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn count(&self) -> Option<usize> {
        self.part().map(|part| part.count.get())
    }

    /// Returns `true` if both refer to the same code object, not merely equal ones. A [promoted](Self::promote) or
    /// [patched](Self::patched) copy is another object. Costs a comparison of two words, and no look at the code.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let [one, equal] = [7, 7].map(|value| CodeRef::<u32>::transient(&transients, move |loader| loader.alloc(value)));
    /// let (one, equal) = (one?, equal?);
    /// assert!(one.same(&one.clone()));
    /// assert!(!one.same(&equal));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn same(&self, other: &Self) -> bool {
        self.word == other.word
    }

    /// Marks all that the handle keeps alive, for collectors that sweep the heap: with [`Transients::sweep`], not with
    /// [`HeapArena::sweep`](crate::HeapArena::sweep).
    ///
    /// Marks decide, and counts do not. Code of which no handle was marked ends with the sweep, whatever its count
    /// says, since a handle in a swept object is never dropped. Code of which a handle was marked stays whole. Mark
    /// every handle that is used or dropped later.
    ///
    /// A region that a lowering function is still filling has no handle. `Transients::sweep` keeps it; `HeapArena::sweep` would free it.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let code: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(7))?;
    /// let lost: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(8))?;
    /// std::mem::forget(lost); // it lies in an object that nobody reaches
    /// code.mark();
    /// // SAFETY: what is not marked is not used, and there are no other transients.
    /// let swept = unsafe { transients.sweep() };
    /// assert_eq!((swept.objects, transients.stats().regions, *code.get()), (2, 1, 7));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// A bit, out of line, for each object of the region and of those that it was [patched](Self::patched) from. The
    /// objects are pieces, held parts and their table, names, and ranges of sites. Nothing for permanent code.
    ///
    /// [`Transients::sweep`]: crate::Transients::sweep
    pub fn mark(&self) {
        if let Some(part) = self.part() {
            // SAFETY: a part's region is live.
            unsafe { part.region.as_ref() }.mark();
        }
    }

    /// Returns the address of the code.
    pub(super) fn root(&self) -> NonNull<T::At<'_>> {
        NonNull::from(self.get())
    }

    /// The region of transient code.
    pub(super) fn region(&self) -> Option<&Region<'a>> {
        // SAFETY: a part's region is live as long as the part.
        self.part().map(|part| unsafe { part.region.as_ref() })
    }
}

/// Fails, while it is compiled, for a type whose address may be odd.
pub(super) const fn assert_aligned<T>() {
    assert!(
        align_of::<T>() >= 2,
        "code must be aligned to two bytes: wrap it in a struct, `#[repr(align(2))] struct Code(..)`; the lowest bit of a handle tells \
         permanent code from transient code"
    );
}

/// Marks the path that calls it as the rare one. Calls of permanent code are many, and a jump past the counting costs
/// them more than the test itself (`benches/calls`). Transient code pays for the way out and back.
#[cold]
#[inline]
fn unlikely() {}

impl<'a, T: Permanent<At<'a> = T>> From<&'a T> for CodeRef<'a, T> {
    fn from(code: &'a T) -> Self {
        Self::new(code)
    }
}

impl<T: Permanent> Clone for CodeRef<'_, T> {
    /// One more handle of the same code. Of permanent code it is a copied word; of transient code an addition in the heap.
    #[inline]
    fn clone(&self) -> Self {
        if let Some(part) = self.part() {
            unlikely();
            part.add_ref();
        }
        Self { word: self.word, borrows: PhantomData }
    }
}

impl<T: Permanent> Drop for CodeRef<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let Some(part) = self.counter() else { return };
        unlikely();
        // SAFETY: the word holds the pointer that `counted` was given, and the count that goes with it.
        drop(unsafe { PartRef::from_raw(part) });
    }
}

/// Says of which kind the code is and who holds it, not what it is: its type need not be `Debug`.
impl<T: Permanent> fmt::Debug for CodeRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            None => f.write_str("CodeRef(permanent)"),
            Some(count) => write!(f, "CodeRef(transient, held {count} times)"),
        }
    }
}

/// Returns the bytes that a value lies in.
pub(super) fn bytes_of<T>(value: &T) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(NonNull::from(value).cast(), size_of::<T>())
}

const _: () = assert!(size_of::<Option<CodeRef<'static, u16>>>() == size_of::<usize>());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CodeArena, HeapArena, Transients};

    // soundness S27
    #[test]
    fn a_count_that_would_overflow_stays_and_so_does_the_code_until_a_sweep() {
        let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
        let transients = Transients::new(&arena, &heap);
        let one: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(7)).unwrap();
        one.part().unwrap().count.set(usize::MAX - 1);
        let (two, three) = (one.clone(), one.clone());
        assert_eq!(three.count(), Some(usize::MAX));
        drop((two, three));
        assert_eq!((*one.get(), one.count()), (7, Some(usize::MAX)));
        let patched: CodeRef<'_, u32> = one.patched(&transients, |loader, code| loader.alloc(code + 1)).unwrap();
        drop(one);
        drop(patched);
        assert_eq!(transients.stats().regions, 1);
        // SAFETY: there is no handle any more, and there are no other transients.
        unsafe { transients.sweep() };
        assert_eq!((transients.stats().regions, heap.stats().live), (0, 0));
    }
}
