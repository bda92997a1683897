//! What a script sees of a function's code.
//!
//! ```text
//!   script ──▶ CodeProxy { code, private │ name │ id │ arena }     answers, no pointer, no write
//! ```

use super::code_ref::CodeRef;
use super::graph::Graph;
use super::memory::Memory;
use crate::code::{Block, CodeArena, Kind, Permanent};
use crate::error::Error;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::slice;

/// An opaque view of a code object: `fn.__code__`.
///
/// It keeps what it shows alive, and gives answers only: there is no way from it to a pointer, to the code, or to a write. Two proxies are
/// equal if they show the same code object, however each was come by.
///
/// ```
/// use permacode::{CodeArena, CodeProxy, CodeRef, Permanent};
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
pub struct CodeProxy<'a, T: Permanent> {
    code: CodeRef<'a, T>,
    name: for<'s> fn(&'s T::At<'s>) -> &'s str,
    id: u64,
    arena: &'a CodeArena,
}

impl<'a, T: Permanent> CodeProxy<'a, T> {
    /// A view of code, of which `name` says the name: write it as a closure, `|code| code.name`. Costs two words and a handle.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] for permanent code that does not lie in the arena: it would have no [id](Self::id).
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

    /// What is shown, for slots.
    pub(super) fn code(&self) -> &CodeRef<'a, T> {
        &self.code
    }

    /// The code's name. Costs what the function given to [`new`](Self::new) costs.
    pub fn name(&self) -> &str {
        (self.name)(self.code.get())
    }

    /// A number that no other code object of the arena has, nor any transient one made with the same
    /// [`Transients`](crate::Transients), now or later. It says nothing of where the code lies. Costs nothing.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name of the finished module that permanent code lies in. Costs those of [`CodeArena::locate`].
    pub fn module(&self) -> Option<&'a str> {
        let root = self.code.permanent()?;
        self.arena.locate(core::ptr::from_ref(root)).map(|at| at.module.name())
    }

    /// Whether nobody counts. Costs nothing.
    pub fn is_permanent(&self) -> bool {
        self.code.is_permanent()
    }

    /// How many handles hold transient code, this proxy's included. `None` for permanent code. Costs a load.
    pub fn count(&self) -> Option<usize> {
        self.code.count()
    }

    /// Marks what the proxy keeps alive: see [`CodeRef::mark`].
    pub fn mark(&self) {
        self.code.mark();
    }

    /// Bytes of the code object and of all that it refers to in the arena or in its region, each byte once; links are not followed. The
    /// same after a [promotion](CodeRef::promote).
    ///
    /// Costs a look at each of these blocks, and a table of them.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] when there is none for the table.
    pub fn size(&self) -> Result<usize, Error> {
        let memory = Memory::of(self.code.region())?;
        let ours =
            |address| self.arena.contains(core::ptr::without_provenance::<u8>(address)) || memory.contains(address);
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
