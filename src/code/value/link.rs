//! A reference that is set after its block was made: what ties cycles.

use super::permanent::Permanent;
use super::tracer::Tracer;
use crate::error::LinkError;
use core::fmt;
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering, fence};

/// A reference inside a block that its open loader sets once: the only thing in sealed code that is not there from birth.
///
/// A nested function refers to its parent, which is made after it; a class refers to its methods and they to it. Put a `Link` in the
/// block that is made first and set it with [`Loader::link`](crate::Loader::link) when the other exists. A link has no `set` of its own: only
/// the loader knows whether the block may still be written. Getting costs a load and a fence; there is
/// no count and no lock.
///
/// It is invariant, and neither `Copy` nor `Clone`. So a link that lives long takes no target that lives short,
/// and no set link leaves the block that it was made in. It is one word, so its target is sized: no `str`, no slice.
/// Wrap those in a struct.
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
///
/// # Variance
///
/// Invariant in `'a` and in `T`, and so is every type that has a link. [`shorten`](crate::code::shorten) and
/// [`CodeRef::get`](crate::CodeRef::get) show such code at a shorter lifetime.
#[repr(transparent)]
pub struct Link<'a, T: Permanent> {
    to: AtomicPtr<T>,
    invariant: PhantomData<fn(&'a T) -> &'a T>,
}

// SAFETY: the one inline cell that invariant 2 allows: a pointer without drop glue, whose referent is `Permanent`. `At` is the same
// constructor at the other lifetime. A link is invariant, so coercion does not make a view at another lifetime; only a `CodeRef` does, and
// the link is then written at the type that its block was made with or not at all (ARCHITECTURE.md, "One lifetime a block"). So to read
// it through a view is to read a `&'n T` as a `&'x T::At<'x>`, which the promise of `T` allows. The pointer is shown as a reference, so a copy
// made bit by bit is a link to the same target, or is redirected.
unsafe impl<T: Permanent> Permanent for Link<'_, T> {
    type At<'x> = Link<'x, T::At<'x>>;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.link(self);
    }
}

impl<'a, T: Permanent> Link<'a, T> {
    /// Makes a link that points nowhere yet. Costs nothing.
    ///
    /// ```
    /// let link = permacode::Link::<'_, u32>::unset();
    /// assert!(link.get().is_none());
    /// assert_eq!(size_of_val(&link), size_of::<usize>());
    /// ```
    #[doc(alias = "new")]
    pub const fn unset() -> Self {
        Self { to: AtomicPtr::new(ptr::null_mut()), invariant: PhantomData }
    }

    /// Returns the target, if the link is set. Costs one relaxed load and a fence, and no write. You may call it on
    /// sealed pages, in signal handlers, and from any thread.
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
        // SAFETY: null, or the address of a `&'n U` given to `set`, where 'n and U are those that the block was made with. A view of the
        // block only shortens (ARCHITECTURE.md, "One lifetime a block"): 'a is no longer than 'n, and T is U or U at 'a, as which the
        // promise of `Permanent` lets it be read.
        unsafe { self.load().as_ref() }
    }

    /// Loads the address, with what was written before it was set: others may hold this block by then. Pairs with the release in
    /// [`set`](Self::set).
    #[inline]
    fn load(&self) -> *mut T {
        if cfg!(permacode_tsan) {
            // ThreadSanitizer does not see fences, and would report what they order as a race.
            return self.to.load(Ordering::Acquire);
        }
        // Of all loads, std promises only relaxed ones to work on read-only memory. The fence makes this one an acquire.
        let to = self.to.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        to
    }

    /// Sets the link, unless it is set.
    ///
    /// # Safety
    ///
    /// 1. The link lies in a block on a page that is still writable, and its loader is open.
    /// 2. `'a` and `T` are what they were when the block was made. Every view of the block at another lifetime is at a shorter one.
    pub(in crate::code) unsafe fn set(&self, to: &'a T) -> Result<(), LinkError> {
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
