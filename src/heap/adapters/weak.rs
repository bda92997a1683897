//! Weak pointers: they find a counted value as long as somebody else keeps it.

use super::counted::{Counted, WeakCell};
use super::rc::HeapRc;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;

/// A pointer to a counted value that does not keep it: for parents, observers, and caches.
///
/// [`HeapRc::downgrade`] makes one, and [`upgrade`](Self::upgrade) finds the value. Like `std::rc::Weak`: `!Send`, and two words (three for slices
/// and text).
///
/// The value and its object go with the last [`HeapRc`], whatever weak pointers there are. These share one object of three words
/// more, and the last of them frees it.
///
/// ```
/// use permacode::heap::HeapWeak;
/// use permacode::{HeapArena, HeapRc};
/// use std::cell::RefCell;
///
/// struct Node<'h> {
///     name: &'static str,
///     parent: RefCell<Option<HeapWeak<'h, Node<'h>>>>,
///     children: RefCell<Vec<HeapRc<'h, Node<'h>>>>,
/// }
///
/// let heap = HeapArena::new()?;
/// let node = |name| HeapRc::new(&heap, Node { name, parent: RefCell::default(), children: RefCell::default() });
/// let (root, leaf) = (node("root")?, node("leaf")?);
/// *leaf.parent.borrow_mut() = Some(HeapRc::downgrade(&root)?);
/// root.children.borrow_mut().push(leaf.clone());
/// let parent = |of: &Node<'_>| of.parent.borrow().as_ref().and_then(|parent| parent.upgrade().map(|parent| parent.name));
/// assert_eq!(parent(&leaf), Some("root"));
/// drop(root); // nothing keeps it
/// assert_eq!(parent(&leaf), None);
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `'h` and in `T`, as `Weak` is.
pub struct HeapWeak<'h, T: ?Sized> {
    /// Dangles once the cell's strong count is 0.
    object: NonNull<Counted<'h, T>>,
    cell: NonNull<WeakCell>,
}

// As for `std::rc::Weak`.
impl<T: RefUnwindSafe + ?Sized> UnwindSafe for HeapWeak<'_, T> {}
impl<T: RefUnwindSafe + ?Sized> RefUnwindSafe for HeapWeak<'_, T> {}

impl<'h, T: ?Sized> HeapWeak<'h, T> {
    /// A weak pointer that its cell counts already.
    pub(super) fn from_parts(object: NonNull<Counted<'h, T>>, cell: NonNull<WeakCell>) -> Self {
        Self { object, cell }
    }

    fn cell(&self) -> &WeakCell {
        // SAFETY: a cell is live as long as a weak pointer counts, and this one does.
        unsafe { self.cell.as_ref() }
    }

    /// Returns a pointer that keeps the value, or `None` if the value is gone. Costs a load, and one addition out of line.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let one = HeapRc::new(&heap, 7)?;
    /// let weak = HeapRc::downgrade(&one)?;
    /// assert_eq!(weak.upgrade().as_deref(), Some(&7));
    /// drop(one);
    /// assert_eq!(weak.upgrade(), None);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn upgrade(&self) -> Option<HeapRc<'h, T>> {
        if self.cell().counts().0 == 0 {
            return None;
        }
        self.cell().add_strong();
        // SAFETY: others keep the value, and the pointer was just counted.
        Some(unsafe { HeapRc::from_object(self.object) })
    }

    /// Returns the number of pointers that keep the value, 0 if it is gone. `usize::MAX` says that the count overflowed once.
    ///
    /// ```
    /// # use permacode::{HeapArena, HeapRc};
    /// let heap = HeapArena::new()?;
    /// let one = HeapRc::new(&heap, 7)?;
    /// let weak = HeapRc::downgrade(&one)?;
    /// assert_eq!((weak.strong_count(), weak.clone().weak_count()), (1, 2));
    /// drop(one);
    /// assert_eq!((weak.strong_count(), weak.weak_count()), (0, 1));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn strong_count(&self) -> usize {
        self.cell().counts().0
    }

    /// Returns the number of weak pointers, this one included. They are counted also when the value is gone, unlike by
    /// `std::rc::Weak`.
    ///
    /// The example is at [`strong_count`](Self::strong_count).
    pub fn weak_count(&self) -> usize {
        self.cell().counts().1
    }

    /// Marks the counts that this pointer leads to, for a [sweep](crate::HeapArena::sweep) by hand, and the value as long as it is there.
    ///
    /// So a value whose other pointers were lost stays as long as a weak one is marked. Look into it as into each object that is marked.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let lost = HeapRc::new(&heap, 8)?;
    /// let weak = HeapRc::downgrade(&lost)?;
    /// drop(lost);
    /// weak.mark();
    /// // SAFETY: what is used afterwards is marked, and there is no transient code.
    /// assert_eq!(unsafe { heap.sweep() }.objects, 0);
    /// assert_eq!(weak.upgrade(), None);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`HeapArena::mark`](crate::HeapArena::mark).
    pub fn mark(&self) {
        // SAFETY: the heap outlives its objects, of which the cell is one.
        let heap = unsafe { self.cell().heap().as_ref() };
        heap.mark(self.cell.as_ptr());
        if self.strong_count() != 0 {
            heap.mark(self.object.as_ptr());
        }
    }

    /// Returns `true` if both were made of pointers to the same value. Each value has one cell as long as there are weak
    /// pointers to it, so this holds for values that are gone, too.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let (one, other) = (HeapRc::new(&heap, 7)?, HeapRc::new(&heap, 7)?);
    /// let [weak, same] = [HeapRc::downgrade(&one)?, HeapRc::downgrade(&one.clone())?];
    /// assert!(weak.ptr_eq(&same) && !weak.ptr_eq(&HeapRc::downgrade(&other)?));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.cell == other.cell
    }
}

impl<T: ?Sized> Clone for HeapWeak<'_, T> {
    /// Counts one weak pointer more. Costs one addition; it cannot fail.
    fn clone(&self) -> Self {
        self.cell().add_weak();
        Self { object: self.object, cell: self.cell }
    }
}

impl<T: ?Sized> Drop for HeapWeak<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the cell is live as long as this pointer counts, which ends here. It was made of this object.
        unsafe { Counted::release_weak(self.object, self.cell) };
    }
}

impl<T: ?Sized> fmt::Debug for HeapWeak<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(HeapWeak)")
    }
}
