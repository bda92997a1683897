//! A handle of counted code that keeps its home: for values, tables and stores, which have no lifetime.
//!
//! ```text
//!   CodeRc ─▶ Part { count │ root ─▶ code │ region ─▶ Region ─▶ home }      one word, never permanent: no bit to test
//! ```
//!
//! A `CodeRc<T>` is a counted handle at a lifetime that nobody sees: `'static`. `T` is a label. Whoever looks gets a
//! `T::At<'_>` at the lifetime of the borrow, also by `Debug`, `Eq`, `Ord` and `Hash` (soundness S41). ARCHITECTURE.md, "Code in a
//! home", has the proof.

use super::code_ref::bytes_of;
use super::region::{Home, PartRef, Region, Unheld, release_part};
use crate::code::{Loader, Permanent};
use crate::error::Error;
use crate::heap::HeapArena;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::panic::{RefUnwindSafe, UnwindSafe};

/// Counted code that keeps its [`Home`], heap and arena: for what lives in a value, a module table or a store.
///
/// One word, and so is `Option<CodeRc>`. `!Send`, with a plain count, as [`CodeRef`](crate::CodeRef) has for transient code. There is no
/// lifetime parameter: write `CodeRc<Code<'static>>`, and take a `&CodeRc<Code<'_>>` in a function. `T` says of which type the code is, and
/// [`get`](Self::get) gives it at the lifetime of the borrow.
///
/// A frame borrows the code from a handle of its own. For permanent code that lives as long as an arena use plain references.
///
/// ```
/// use permacode::handles::{CodeRc, Home};
/// use permacode::{CodeArena, HeapArena, Permanent};
/// use std::collections::HashMap;
/// use std::sync::Arc;
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     ops: &'a [u8],
/// }
///
/// fn run(code: &CodeRc<Code<'_>>) -> u32 {
///     code.get().ops.iter().map(|&op| u32::from(op)).sum()
/// }
///
/// # fn main() -> Result<(), permacode::Error> {
/// let home = Home::new(Arc::new(CodeArena::new()?), HeapArena::new()?)?;
/// let mut modules: HashMap<String, CodeRc<Code<'static>>> = HashMap::new();
/// let code = CodeRc::new(&home, |loader| loader.alloc(Code { ops: loader.alloc_slice_copy(&[1, 2])? }))?;
/// modules.insert("eval".to_owned(), code);
/// drop(home);
/// assert_eq!(run(&modules["eval"]), 3);
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Covariant in `T` where `T` is. That is of use for labels alone: [`At`](Permanent::At) forgets the lifetimes of `T`.
pub struct CodeRc<T: Permanent> {
    /// Its count is given back by `drop`, which may free the home.
    part: ManuallyDrop<PartRef<'static>>,
    label: PhantomData<fn() -> T>,
}

// The code never changes, and a count is changed as a whole.
impl<T: Permanent> UnwindSafe for CodeRc<T> {}
impl<T: Permanent> RefUnwindSafe for CodeRc<T> {}

impl<T: Permanent> CodeRc<T> {
    /// Makes counted code in a home: `lower` builds it with an ordinary loader, in a region of the home's heap.
    ///
    /// The same lowering function serves for modules and for [`CodeRef::transient`](crate::CodeRef::transient), which says what the blocks
    /// may refer to. Costs are its costs.
    ///
    /// # Errors
    ///
    /// Those of `lower`, [`HeapArena::alloc`](crate::HeapArena::alloc) and [`Loader::sites`]. After an error or a panic no memory of it is
    /// left.
    ///
    /// ```
    /// use permacode::handles::{CodeRc, Home};
    /// use permacode::{CodeArena, Error, HeapArena};
    /// use std::sync::Arc;
    ///
    /// let home = Home::new(Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let code = CodeRc::<u32>::new(&home, |loader| loader.alloc(7))?;
    /// assert_eq!((*code.get(), home.heap().stats().objects), (7, 2));
    /// let refused = CodeRc::<u32>::new(&home, |loader| {
    ///     loader.alloc(8)?;
    ///     Err(Error::Foreign) // the compiler's, say
    /// });
    /// assert_eq!((refused.err(), home.heap().stats().objects), (Some(Error::Foreign), 2)); // nothing of it is left
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new<E, F>(home: &Home, lower: F) -> Result<Self, E>
    where
        E: From<Error>,
        F: for<'x> FnOnce(&Loader<'x>) -> Result<&'x T::At<'x>, E>,
    {
        let owner = home.owner();
        let unheld = Unheld::new(owner)?;
        // SAFETY: 1. Only a reference is lent to `lower`. 2. It is dropped here, before `hold` makes what handles count. 3. `lower` is `for<'x>`.
        let root = lower(&unsafe { Loader::for_region(owner.code(), unheld.region()) }).map(bytes_of)?;
        // SAFETY: `lower` made a `&'x T::At<'x>` for every 'x, also for one as long as the region is live, which it is while a part is counted.
        Ok(unsafe { Self::counted(unheld.hold(root)?) })
    }

    /// Makes a handle, which counts from now on as the reference to the part did.
    ///
    /// # Safety
    ///
    /// 1. The part is of a region of a home, and so is all that the region keeps: of the same one.
    /// 2. The part's root is a `T::At<'s>` for every `'s` during which its region is live.
    unsafe fn counted(part: PartRef<'static>) -> Self {
        Self { part: ManuallyDrop::new(part), label: PhantomData }
    }

    /// The region that the code lies in, or that keeps it.
    pub(super) fn region(&self) -> &Region<'static> {
        // SAFETY: a part's region is live as long as the part, which this handle counts.
        unsafe { self.part.region.as_ref() }
    }

    /// Returns the code, for as long as the handle is borrowed. Costs two loads, one of them in the heap.
    ///
    /// Nothing of it outlives the handle:
    ///
    /// ```compile_fail,E0505
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let code = CodeRc::<&str>::new(&home, |loader| loader.alloc(loader.alloc_str("eval")?))?;
    /// let text: &str = code.get();
    /// drop(code);
    /// println!("{text}");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let code = CodeRc::<&str>::new(&home, |loader| loader.alloc(loader.alloc_str("eval")?))?;
    /// let frame = code.clone();
    /// drop((code, home));
    /// assert_eq!(*frame.get(), "eval"); // the frame's handle keeps it
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn get(&self) -> &T::At<'_> {
        // SAFETY: by the contract of `counted` the root is a `T::At` of the region, which is live as long as this handle counts, hence as long
        // as it is borrowed.
        unsafe { self.part.root.cast().as_ref() }
    }

    /// Returns a handle of a code object within this one, such as a nested function's, with a count of its own.
    ///
    /// It is what [`CodeRef::project`](crate::CodeRef::project) is, and costs what that does for transient code. Write the type as in the
    /// handle that you want: `project::<Code<'static>>`.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`](crate::HeapArena::alloc).
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, Permanent, handles::{CodeRc, Home}};
    /// #[derive(Permanent)]
    /// struct Code<'a> {
    ///     depth: u16,
    ///     inner: Option<&'a Code<'a>>,
    /// }
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let outer = CodeRc::<Code<'static>>::new(&home, |loader| {
    ///     let inner = loader.alloc(Code { depth: 1, inner: None })?;
    ///     loader.alloc(Code { depth: 0, inner: Some(inner) })
    /// })?;
    /// let inner = outer.project::<Code<'static>>(|code| code.inner)?.expect("there is one");
    /// drop((outer, home));
    /// assert_eq!(inner.get().depth, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn project<U: Permanent>(
        &self,
        find: impl for<'s> FnOnce(&'s T::At<'s>) -> Option<&'s U::At<'s>>,
    ) -> Result<Option<CodeRc<U>>, Error> {
        let Some(root) = find(self.get()).map(bytes_of) else { return Ok(None) };
        // SAFETY: 1. This handle counts a part of that region. 2. The pointer is the part's own.
        let part = unsafe { Region::part(self.part.region, root) }?;
        // SAFETY: 1. It is a part of the same region. 2. `find` finds a `&'s U::At<'s>` for every 's, also for one as long as the region is
        // live, which it is while a part is counted.
        Ok(Some(unsafe { CodeRc::counted(part) }))
    }

    /// Makes counted code in the same home that differs a little from this. `patch` builds it, and may refer to all of
    /// the original, which stays as it is.
    ///
    /// It is what [`CodeRef::patched`](crate::CodeRef::patched) is: for breakpoints and traces. Costs and errors are those of
    /// [`new`](Self::new). The original lives as long as copies that were patched from it.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, Permanent, handles::{CodeRc, CodeRcSlot, Home}};
    /// #[derive(Permanent)]
    /// struct Code<'a> {
    ///     name: &'a str,
    ///     ops: &'a [u8],
    /// }
    /// const BREAK: u8 = 255;
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let code = CodeRc::<Code<'static>>::new(&home, |loader| {
    ///     loader.alloc(Code { name: loader.intern("f")?, ops: loader.alloc_slice_copy(&[1, 2, 3])? })
    /// })?;
    /// let function = CodeRcSlot::new(code);
    /// let stopping = function.get().patched(|loader, code| {
    ///     let mut ops = code.ops.to_vec();
    ///     ops[1] = BREAK;
    ///     loader.alloc(Code { ops: loader.alloc_slice_copy(&ops)?, ..*code })
    /// })?;
    /// let original = function.replace(stopping);
    /// assert_eq!((function.get().get().ops, original.get().ops), (&[1, BREAK, 3][..], &[1, 2, 3][..]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn patched<E, F>(&self, patch: F) -> Result<Self, E>
    where
        E: From<Error>,
        F: for<'x> FnOnce(&Loader<'x>, &'x T::At<'x>) -> Result<&'x T::At<'x>, E>,
    {
        let owner = self.region().owner();
        let unheld = Unheld::new(owner)?;
        unheld.region().retain(self.part.another());
        // SAFETY: by the contract of `counted`; the new region keeps the part from now on, and with it the original's region.
        let original = unsafe { self.part.root.cast().as_ref() };
        // SAFETY: 1. Only a reference is lent to `patch`. 2. It is dropped here, before `hold` makes what handles count. 3. `patch` is `for<'x>`.
        let root = patch(&unsafe { Loader::for_region(owner.code(), unheld.region()) }, original).map(bytes_of)?;
        // SAFETY: 1. The region is of this home, and keeps a region of it. 2. `patch` made a `&'x T::At<'x>` for every 'x, also for one as long
        // as the region is live, which it is while a part is counted.
        Ok(unsafe { Self::counted(unheld.hold(root)?) })
    }

    /// Returns the home that the code lies in, which the handle keeps. Clone it to make more code there. Costs three
    /// loads.
    ///
    /// To a [sweep](crate::Transients::sweep) the borrow is a use of the handle: mark it.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let code = CodeRc::<u32>::new(&home, |loader| loader.alloc(7))?;
    /// drop(home);
    /// let more = CodeRc::<u32>::new(code.home(), |loader| loader.alloc(8))?;
    /// assert!(more.home().same(code.home()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn home(&self) -> &Home {
        // SAFETY: the region of a handle is of a home (the contract of `counted`), which lives as long as its regions.
        unsafe { Home::of(self.region()) }
    }

    /// Returns the reference count: see [`CodeRef::count`](crate::CodeRef::count). Costs two loads.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let code = CodeRc::<u32>::new(&home, |loader| loader.alloc(7))?;
    /// let (frame, copy) = (code.clone(), code.patched(|loader, code| loader.alloc(code + 1))?);
    /// assert_eq!((code.count(), copy.count()), (3, 1));
    /// drop((frame, copy));
    /// assert_eq!(code.count(), 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn count(&self) -> usize {
        self.part.count.get()
    }

    /// Returns `true` if both refer to the same code object, not merely equal ones. Costs a comparison of two words, and
    /// no look at the code.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let [one, equal] = [7, 7].map(|value| CodeRc::<u32>::new(&home, move |loader| loader.alloc(value)));
    /// let (one, equal) = (one?, equal?);
    /// assert!(one == equal && !one.same(&equal));
    /// assert!(one.same(&one.clone()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn same(&self, other: &Self) -> bool {
        self.part.as_raw() == other.part.as_raw()
    }

    /// Marks all that the handle keeps alive, for collectors that sweep the home's heap: see [`CodeRef::mark`](crate::CodeRef::mark).
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let code = CodeRc::<u32>::new(&home, |loader| loader.alloc(7))?;
    /// std::mem::forget(CodeRc::<u32>::new(&home, |loader| loader.alloc(8))?); // it lies in an object that nobody reaches
    /// code.mark();
    /// // SAFETY: what is not marked is not used, and there are no other transients.
    /// let swept = unsafe { home.transients().sweep() };
    /// assert_eq!((swept.objects, home.transients().stats().regions, *code.get()), (2, 1, 7));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn mark(&self) {
        self.region().mark();
    }

    /// Marks the same for a collection of `heap` whose marks are all its own, without a write to the code's region.
    pub(crate) fn mark_in(&self, heap: &HeapArena) {
        self.region().mark_in(heap);
    }
}

impl<T: Permanent> Clone for CodeRc<T> {
    /// One more handle of the same code. Costs an addition in the heap.
    #[inline]
    fn clone(&self) -> Self {
        Self { part: ManuallyDrop::new(self.part.another()), label: PhantomData }
    }
}

impl<T: Permanent> Drop for CodeRc<T> {
    #[inline]
    fn drop(&mut self) {
        if self.part.release() {
            // SAFETY: 1. It was the last that counted; by the contract of `counted` the part is of a home. 2. By the same contract.
            unsafe { release_part(self.part.as_raw()) };
        }
    }
}

/// Shows the code, at the lifetime of the borrow.
impl<T: Permanent> fmt::Debug for CodeRc<T>
where
    for<'s> T::At<'s>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Compares the code, as `Rc` does; [`same`](CodeRc::same) compares which it is.
impl<T: Permanent> PartialEq for CodeRc<T>
where
    for<'s> T::At<'s>: PartialEq,
{
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Permanent> Eq for CodeRc<T> where for<'s> T::At<'s>: Eq {}

impl<T: Permanent> PartialOrd for CodeRc<T>
where
    for<'s> T::At<'s>: PartialOrd,
{
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.get().partial_cmp(other.get())
    }
}

impl<T: Permanent> Ord for CodeRc<T>
where
    for<'s> T::At<'s>: Ord,
{
    fn cmp(&self, other: &Self) -> Ordering {
        self.get().cmp(other.get())
    }
}

impl<T: Permanent> Hash for CodeRc<T>
where
    for<'s> T::At<'s>: Hash,
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.get().hash(state);
    }
}

const _: () = assert!(size_of::<Option<CodeRc<u16>>>() == size_of::<usize>());
