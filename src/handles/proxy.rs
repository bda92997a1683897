//! A script's view of a function's code.
//!
//! ```text
//!   script ──▶ CodeProxy { code, private │ name │ id │ arena }     answers: no handle, no write
//! ```

use super::code_ref::CodeRef;
use crate::code::{Block, CodeArena, Kind, Permanent};
use crate::error::Error;
use crate::handles::copy::Graph;
use crate::handles::region::Kept;
use crate::heap::HeapArena;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::slice;

/// An opaque view of a code object: `fn.__code__`.
///
/// It keeps the code object alive, and gives answers about it: a name, numbers, a module. No call of it returns the
/// code object, a handle or a way to write. Two proxies are equal if they refer to the same code object.
///
/// [`name`](Self::name) and [`module`](Self::module) return text, borrowed from the proxy and from the arena. An
/// interpreter that must not show addresses to scripts hands on a copy. [`CodeSlot::install`](crate::CodeSlot::install)
/// puts the code into a function. A machine has slots, and a script has not.
///
/// ```
/// use permacode::{CodeArena, CodeRef, Permanent};
/// use permacode::handles::CodeProxy;
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
/// }
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = CodeArena::new()?;
/// let loader = arena.load("math")?;
/// let code = loader.alloc(Code { name: loader.intern("sin")?, ops: loader.alloc_slice_copy(&[1, 2, 3])? })?;
/// loader.seal()?;
/// let proxy = || CodeProxy::new(&arena, CodeRef::new(code), |code: &Code<'_>| code.name);
/// assert_eq!(proxy()?, proxy()?); // f.__code__ is f.__code__
/// assert_eq!((proxy()?.name(), proxy()?.module()), ("sin", Some("math")));
/// assert_eq!(proxy()?.size()?, size_of::<Code<'_>>() + "sin".len() + 3);
/// assert!(proxy()?.is_permanent());
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Covariant in `'a`, invariant in `T`.
pub struct CodeProxy<'a, T: Permanent> {
    code: CodeRef<'a, T>,
    name: for<'s> fn(&'s T::At<'s>) -> &'s str,
    id: u64,
    arena: &'a CodeArena,
}

impl<'a, T: Permanent> CodeProxy<'a, T> {
    /// Makes a view of code, of which `name` says the name: write it as a closure, `|code| code.name`. Costs the handle
    /// that moves in and three words more; nothing is allocated, counted or written elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] for permanent code that does not lie in the arena: it would have no [id](Self::id).
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, Error};
    /// use permacode::handles::CodeProxy;
    ///
    /// static ELSEWHERE: u32 = 1;
    /// let arena = CodeArena::new()?;
    /// let inside = arena.load("m")?.alloc(1u32)?;
    /// let shown = |code| CodeProxy::new(&arena, CodeRef::new(code), |_: &u32| "f");
    /// assert_eq!(shown(inside)?.name(), "f");
    /// assert_eq!(shown(&ELSEWHERE).err(), Some(Error::Foreign));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new(
        arena: &'a CodeArena,
        code: CodeRef<'a, T>,
        name: for<'s> fn(&'s T::At<'s>) -> &'s str,
    ) -> Result<Self, Error> {
        // Even for permanent code, odd for transient code; an offset and not an address, which would tell where memory lies.
        let id = match code.part() {
            Some(part) => part.id << 1 | 1,
            None => (arena.offset_of(code.root().as_ptr()).ok_or(Error::Foreign)? as u64) << 1,
        };
        Ok(Self { code, name, id, arena })
    }

    /// Returns the handle that is shown, for slots.
    pub(super) fn code(&self) -> &CodeRef<'a, T> {
        &self.code
    }

    /// Returns the code's name. Costs a call of the function given to [`new`](Self::new); the example there uses it.
    pub fn name(&self) -> &str {
        (self.name)(self.code.get())
    }

    /// Returns a number that no other code object of this type in the arena has, now or later. Nor has any transient
    /// one made with the same [`Transients`](crate::Transients). It is even for permanent code, odd for transient code,
    /// and says nothing of the code's address. Costs nothing.
    ///
    /// A part of transient code, such as a nested function, has its number as long as somebody holds it. It gets a new
    /// one if it is [projected](CodeRef::project) again later.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// use permacode::handles::CodeProxy;
    ///
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// let mut seen = std::collections::HashSet::new();
    /// for value in 0..100 {
    ///     let code: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(value))?;
    ///     let shown = CodeProxy::new(&arena, code, |_: &u32| "eval")?;
    ///     assert!(seen.insert(shown.id())); // though all lie in the same place
    /// }
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the name of the finished module that permanent code lies in; `None` while the module is open, and for
    /// transient code. Costs a [`CodeArena::locate`].
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef};
    /// # use permacode::handles::CodeProxy;
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("math")?;
    /// let shown = CodeProxy::new(&arena, CodeRef::new(loader.alloc(1u32)?), |_: &u32| "sin")?;
    /// assert_eq!(shown.module(), None);
    /// loader.finish();
    /// assert_eq!(shown.module(), Some("math"));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn module(&self) -> Option<&'a str> {
        let root = self.code.permanent()?;
        self.arena.locate(core::ptr::from_ref(root)).map(|at| at.module.name())
    }

    /// Returns `true` for permanent code, which has no reference count. Costs a test of a word of its own. The type's
    /// example uses it.
    pub fn is_permanent(&self) -> bool {
        self.code.is_permanent()
    }

    /// Returns the reference count of transient code, this proxy included; see [`CodeRef::count`]. `None` for permanent
    /// code. Costs a test and a load.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # use permacode::handles::CodeProxy;
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let code: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(7))?;
    /// let shown = CodeProxy::new(&arena, code.clone(), |_: &u32| "eval")?;
    /// assert_eq!(shown.count(), Some(2));
    /// drop(code);
    /// assert_eq!((shown.count(), transients.stats().regions), (Some(1), 1)); // the proxy keeps it alive
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn count(&self) -> Option<usize> {
        self.code.count()
    }

    /// Marks the code that the proxy keeps alive. [`CodeRef::mark`] says what that costs, and why it must not be left
    /// out.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # use permacode::handles::CodeProxy;
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let code: CodeRef<'_, &str> = CodeRef::transient(&transients, |loader| loader.alloc(loader.alloc_str("eval")?))?;
    /// let shown = CodeProxy::new(&arena, code, |code: &&str| code)?;
    /// shown.mark();
    /// // SAFETY: what is not marked is not used, and there are no other transients.
    /// let swept = unsafe { transients.sweep() };
    /// assert_eq!((swept.objects, shown.name()), (0, "eval"));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn mark(&self) {
        self.code.mark();
    }

    /// Marks the same for a collection of `heap` whose marks are all its own, without a write to the code's region.
    pub(crate) fn mark_in(&self, heap: &HeapArena) {
        self.code.mark_in(heap);
    }

    /// Counts the bytes of the code object and of all that it refers to in the arena or in its region, each byte once.
    /// Links are not followed. A [promotion](CodeRef::promote) changes the number only by interned names, which become
    /// the arena's own copies, one of each.
    ///
    /// Costs a look at each of these *n* blocks, a table of them from the global allocator, and a sort of *n* log *n*
    /// steps. It writes to no code and counts nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] when there is none for the table.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef};
    /// # use permacode::handles::CodeProxy;
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let ops: &[u8] = loader.alloc_slice_copy(&[1; 1000])?;
    /// let code = loader.alloc((ops, &ops[500..], "in the program's own constants"))?;
    /// let shown = CodeProxy::new(&arena, CodeRef::new(code), |code: &(&[u8], &[u8], &str)| code.2)?;
    /// assert_eq!(shown.size()?, size_of_val(code) + 1000); // bytes shared count once, those outside not at all
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn size(&self) -> Result<usize, Error> {
        let survey = self.code.region().map(Kept::of).transpose()?;
        let ours = |address| {
            let permanent = self.arena.contains(core::ptr::without_provenance::<u8>(address));
            permanent || survey.as_ref().is_some_and(|survey| survey.memory.contains(address))
        };
        let root = Block::new(slice::from_ref(self.code.get()));
        // SAFETY: the handle keeps the code and all that it refers to alive.
        let mut graph =
            unsafe { Graph::new(root, |to| Ok(to.kind != Kind::Link && ours(to.block.start.addr().get()))) }?;
        graph.blocks.sort_unstable_by_key(|block| block.start);
        let (mut bytes, mut end) = (0, 0);
        for block in &graph.blocks {
            let start = block.start.addr().get().max(end);
            // Blocks exist, so their ends are addresses.
            end = end.max(block.start.addr().get() + block.bytes);
            bytes += end - start.min(end);
        }
        Ok(bytes)
    }
}

impl<T: Permanent> Clone for CodeProxy<'_, T> {
    /// One more view of the same code. Costs a handle and three words.
    fn clone(&self) -> Self {
        Self { code: self.code.clone(), ..*self }
    }
}

impl<T: Permanent> PartialEq for CodeProxy<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.code.same(&other.code)
    }
}

impl<T: Permanent> Eq for CodeProxy<'_, T> {}

impl<T: Permanent> Hash for CodeProxy<'_, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl<T: Permanent> fmt::Debug for CodeProxy<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeProxy").field("name", &self.name()).field("id", &self.id).finish_non_exhaustive()
    }
}
