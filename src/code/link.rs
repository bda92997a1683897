//! A reference that is set after its block was made: what ties cycles.

use super::permanent::Permanent;
use super::trace::Tracer;
use crate::error::LinkError;
use core::fmt;
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering, fence};

/// A reference inside a block that its open loader sets once: the only thing in sealed code that is not there from birth.
///
/// A nested function refers to its parent, which is made after it; a class refers to its methods and they to it. Put a `Link` in the
/// block that is made first and set it with [`Loader::link`](crate::Loader::link) when the other exists. Getting costs one load; there is
/// no count and no lock.
///
/// It is invariant in `'a` and neither `Copy` nor `Clone`: a link that lives long takes no target that lives short, and no set link
/// leaves the block that it was made in. It is one word, so its target is sized: no `str`, no slice; wrap those in a struct.
///
/// ```
/// use permacode::{CodeArena, Link, Permanent};
///
/// #[derive(Permanent)]
/// struct Function<'a> {
///     name: &'a str,
///     parent: Link<'a, Function<'a>>,
/// }
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = CodeArena::new()?;
/// let loader = arena.load("cycle")?;
/// let inner = loader.alloc(Function { name: "inner", parent: Link::unset() })?;
/// let outer = loader.alloc(Function { name: "outer", parent: Link::unset() })?;
/// loader.link(&inner.parent, outer)?;
/// loader.seal()?;
/// assert_eq!(inner.parent.get().map(|parent| parent.name), Some("outer"));
/// assert!(outer.parent.get().is_none());
/// # Ok(())
/// # }
/// ```
#[repr(transparent)]
pub struct Link<'a, T: Permanent> {
    to: AtomicPtr<T>,
    invariant: PhantomData<fn(&'a T) -> &'a T>,
}

// SAFETY: the one inline cell that invariant 2 allows. It is a pointer without drop glue to a referent that is `Permanent`; it is
// written at most once, through the open loader that made it; and its lifetime is invariant, so `At` is never reached by coercion.
unsafe impl<T: Permanent> Permanent for Link<'_, T> {
    type At<'x> = Link<'x, T::At<'x>>;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        if let Some(to) = self.get() {
            tracer.link(ptr::from_ref(self).cast(), to);
        }
    }
}

impl<'a, T: Permanent> Link<'a, T> {
    /// A link that points nowhere yet. Costs nothing.
    ///
    /// ```
    /// let link = permacode::Link::<'_, u32>::unset();
    /// assert!(link.get().is_none());
    /// assert_eq!(size_of_val(&link), size_of::<usize>());
    /// ```
    pub const fn unset() -> Self {
        Self { to: AtomicPtr::new(ptr::null_mut()), invariant: PhantomData }
    }

    /// What the link points to, if it is set. Costs one relaxed load and a fence, no write: it may be called on sealed pages, in
    /// signal handlers, and from any thread.
    ///
    /// ```
    /// use permacode::{CodeArena, Link};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let link: &Link<'_, u32> = loader.alloc(Link::unset())?;
    /// loader.link(link, loader.alloc(7)?)?;
    /// loader.seal()?;
    /// assert_eq!(link.get(), Some(&7));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn get(&self) -> Option<&'a T> {
        // A relaxed load is what std promises to work on read-only memory; the fence makes it an acquire. It pairs with the release in
        // `set`: others may hold this block before it is set.
        let to = self.to.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        // SAFETY: null, or the address of a `&'a T` given to `set`; invariance in 'a keeps the lifetime what it was then.
        unsafe { to.as_ref() }
    }

    /// Sets the link; the caller has checked that it lies where it may be written.
    pub(super) fn set(&self, to: &'a T) -> Result<(), LinkError> {
        let to = ptr::from_ref(to).cast_mut();
        match self.to.compare_exchange(ptr::null_mut(), to, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(_) => Err(LinkError::AlreadySet),
        }
    }
}

impl<T: Permanent> Default for Link<'_, T> {
    fn default() -> Self {
        Self::unset()
    }
}

/// Says whether the link is set, not to what: the target may lead back here.
impl<T: Permanent> fmt::Debug for Link<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.get().is_some() { "Link(set)" } else { "Link(unset)" })
    }
}
