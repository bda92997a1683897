//! A typed owner of permanent code.
//!
//! ```text
//!   Owned<T>   │ root │ share │           two words; three where the root has a length
//!                 │      └──▶ Arc<CodeArena> ─ ─ keeps ─ ─ ┐        counted there, never on a code page
//!                 └─────────▶ T::At<'_> in its pages ◀ ─ ─ ┘
//! ```
//!
//! * The root is a `T::At<'x>` for the time `'x` that ends with the last share in the arena.
//! * It is shown at the lifetime of a borrow of the owner, which is a share, and at no other. No trait of an owner goes through `T`.
//! * ARCHITECTURE.md, "Owners of code", has the proof.

use super::held::Held;
use crate::code::{CodeArena, Share};
use core::ptr::{self, NonNull};

/// An owner of code, for whatever keeps code: a store, a value, a module table. A frame borrows what it runs by [`get`](Self::get), and
/// never clones an owner.
///
/// It is a root of type `T` and a share in the arena that the root lies in. [Transient](Self::transient) code lies in a region instead. Either
/// lives until the last share in it is dropped, with all that the root leads to. So neither owner nor holder has a lifetime.
/// `Send` and `Sync`; `Option<Owned<T>>` is as large.
///
/// Make one by [`load`](Self::load), [`load_sealed`](Self::load_sealed) or [`transient`](Self::transient), or of the code of another owner by
/// [`map`](Self::map). A reference that you have already cannot become an owner.
///
/// Write `T` with `'static` for each of its lifetimes, as in `Owned<Code<'static>>`. That is a label: [`get`](Self::get) returns the code at
/// the lifetime of its borrow. Rust cannot infer `T` from the lowering function, so write it on one side of the `=`.
///
/// Fields of the code are read through `get`: `code.get().name`, and not `code.name`.
///
/// All owners of one arena count in one place. A thread that clones owners while others do so waits for them, as with an
/// [`Arc`](std::sync::Arc) of a module. A borrow counts nothing.
///
/// A machine that is `&mut` while it runs cannot be borrowed from. It clones the owner of a module once, beside itself, and all frames
/// of that module borrow from the clone: see [`migration`](crate::guide::migration).
///
/// ```
/// use permacode::{CodeArena, Error, Loader, Owned, Permanent};
/// use std::sync::Arc;
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     ops: &'a [u8],
///     inner: &'a [&'a Code<'a>],
/// }
///
/// struct Function {
///     code: Owned<Code<'static>>, // no lifetime
/// }
///
/// fn lower<'x>(loader: &Loader<'x>) -> Result<&'x Code<'x>, Error> {
///     let inner = loader.alloc(Code { ops: loader.alloc_slice_copy(&[2])?, inner: &[] })?;
///     loader.alloc(Code { ops: loader.alloc_slice_copy(&[1])?, inner: loader.alloc_slice_copy(&[inner])? })
/// }
///
/// # fn main() -> Result<(), Error> {
/// let arena = Arc::new(CodeArena::new()?);
/// let outer = Function { code: Owned::load_sealed(&arena, "m", |loader| lower(loader))? };
/// let inner = Function { code: outer.code.map::<Code<'_>>(|code| code.inner[0]) };
/// drop((arena, outer));
/// let frame = inner.code.get(); // counts nothing
/// assert_eq!(frame.ops, [2]);
/// # Ok(())
/// # }
/// ```
///
/// # Text, slices and plain values
///
/// Where `T` has no lifetime, an owner is read through: `Owned<str>` is a `str` by `Deref`, `Owned<[u32]>` a `[u32]`. They are keys of
/// maps that are looked up by `&str` and `&[u32]`.
///
/// ```
/// use permacode::{CodeArena, Error, Owned};
/// use std::collections::HashMap;
/// use std::sync::Arc;
///
/// let arena = Arc::new(CodeArena::new()?);
/// let name: Owned<str> = Owned::load(&arena, "names", |loader| loader.intern("print"))?;
/// let globals = HashMap::from([(name, 7)]);
/// assert_eq!(globals.get("print"), Some(&7));
/// # Ok::<(), Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `T` where `T` is: an `Owned<Code<'static>>` is an `Owned<Code<'_>>`. So a function may take a `&Owned<Code<'_>>`. Both show
/// the same code, because [`At`](Held::At) replaces the lifetimes of `T`.
pub struct Owned<T: Held + ?Sized> {
    /// Of a `T::At<'x>`, for the time 'x that ends with the last share.
    root: NonNull<T>,
    share: Share,
}

// SAFETY: what it gives out are shared references to a `T::At`, which is `Sync`, and shares in an arena, which is `Send` and `Sync`. It has no
// `T`: that is a label.
unsafe impl<T: Held + ?Sized> Send for Owned<T> {}
// SAFETY: as above.
unsafe impl<T: Held + ?Sized> Sync for Owned<T> {}

impl<T: Held + ?Sized> Owned<T> {
    /// An owner of a root that lies in what `share` is in, or that lives as long.
    ///
    /// # Safety
    ///
    /// It is a `T::At<'x>` of the time 'x that ends with the last share there: step 1 of the proof in ARCHITECTURE.md, "Owners of code".
    pub(crate) unsafe fn from_parts(root: NonNull<T>, share: Share) -> Self {
        Self { root, share }
    }

    /// The place of the root.
    pub(in crate::handles) fn place(&self) -> NonNull<T> {
        self.root
    }

    pub(in crate::handles) fn share(&self) -> &Share {
        &self.share
    }

    /// Returns the code, for as long as the owner is borrowed: what a frame does. Costs a load of the owner's own word. It counts nothing.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let pair: Owned<(u32, &str)> = Owned::load(&arena, "m", |loader| loader.alloc((7, loader.alloc_str("seven")?)))?;
    /// let (number, text) = pair.get();
    /// assert_eq!((*number, *text), (7, "seven"));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// Nothing of the code outlives the borrow:
    ///
    /// ```compile_fail,E0505
    /// # use permacode::{CodeArena, Error, Owned};
    /// # let arena = std::sync::Arc::new(CodeArena::new()?);
    /// let code: Owned<(u32, &str)> = Owned::load(&arena, "m", |loader| loader.alloc((7, loader.alloc_str("seven")?)))?;
    /// let text: &str = code.get().1;
    /// drop(code);
    /// println!("{text}");
    /// # Ok::<(), Error>(())
    /// ```
    #[inline(always)]
    pub fn get(&self) -> &T::At<'_> {
        // SAFETY: a `T::At<'x>` of the time 'x that ends with the last share in its memory, by the proof in ARCHITECTURE.md, "Owners of code".
        // This owner is a share while it is borrowed, so it is read at a time within.
        unsafe { T::of_label(self.root).as_ref() }
    }

    /// Returns an owner of a part of the code, or of anything else that the code leads to.
    ///
    /// Write the part's type: `map::<Code<'_>>(..)`, `map::<str>(..)`, `map::<[u8]>(..)`.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let pair: Owned<(u32, &str)> = Owned::load(&arena, "m", |loader| loader.alloc((7, loader.alloc_str("seven")?)))?;
    /// let text: Owned<str> = pair.map::<str>(|pair| pair.1);
    /// drop((pair, arena));
    /// assert_eq!(&*text, "seven");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of a clone: a count.
    pub fn map<U: Held + ?Sized>(&self, part: impl for<'s> FnOnce(&'s T::At<'s>) -> &'s U::At<'s>) -> Owned<U> {
        let root = U::to_label(NonNull::from(part(self.get())));
        Owned { root, share: self.share.clone() }
    }

    /// As [`map`](Self::map), for a part that may not be there.
    ///
    /// # Errors
    ///
    /// Those of `part`. Nothing is counted then.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let words: Owned<[&str]> = Owned::load(&arena, "m", |loader| loader.alloc_slice_copy(&["load", "store"]))?;
    /// let word = |at: usize| words.try_map::<str, _>(|words| words.get(at).copied().ok_or(at));
    /// assert_eq!(word(1).as_deref(), Ok("store"));
    /// assert_eq!(word(2).err(), Some(2));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of a clone: a count.
    pub fn try_map<U: Held + ?Sized, E>(
        &self,
        part: impl for<'s> FnOnce(&'s T::At<'s>) -> Result<&'s U::At<'s>, E>,
    ) -> Result<Owned<U>, E> {
        let root = U::to_label(NonNull::from(part(self.get())?));
        Ok(Owned { root, share: self.share.clone() })
    }

    /// Returns `true` if both are owners of the very same code, not merely of equal code. Costs a comparison.
    ///
    /// Code without bytes has no identity.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let load = || Owned::<u64>::load(&arena, "m", |loader| loader.alloc(7));
    /// let (one, other): (Owned<u64>, Owned<u64>) = (load()?, load()?);
    /// assert!(one.ptr_eq(&one.clone()) && !one.ptr_eq(&other));
    /// assert_eq!(one, other); // equal all the same
    /// # Ok::<(), Error>(())
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        ptr::eq(self.root.as_ptr(), other.root.as_ptr())
    }

    /// Returns the arena that the owner has a share in. `None` for [transient](Self::transient) code. Costs nothing.
    ///
    /// The code itself may lie elsewhere: a part that another arena owns, which this one keeps, or a constant of the program.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let code: Owned<u64> = Owned::load(&arena, "m", |loader| loader.alloc(7))?;
    /// drop(arena);
    /// assert!(code.arena().is_some_and(|arena| arena.contains(code.get())));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn arena(&self) -> Option<&CodeArena> {
        self.share.arena()
    }
}

impl<T: Held + ?Sized> Clone for Owned<T> {
    /// Costs a count in the arena's `Arc`.
    #[inline]
    fn clone(&self) -> Self {
        Self { root: self.root, share: self.share.clone() }
    }
}
