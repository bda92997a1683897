//! Traits of owners: they see the code at the lifetime of a borrow, and never at that of the label (soundness S41).

use super::held::Held;
use super::owned::Owned;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

/// For code without a lifetime: an owner is looked through.
impl<T: ?Sized + for<'x> Held<At<'x> = T>> Deref for Owned<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: ?Sized + for<'x> Held<At<'x> = T>> AsRef<T> for Owned<T> {
    fn as_ref(&self) -> &T {
        self.get()
    }
}

/// Equality, order and hash of an owner are those of its code, so a map is looked up by the code.
impl<T: ?Sized + for<'x> Held<At<'x> = T>> Borrow<T> for Owned<T> {
    fn borrow(&self) -> &T {
        self.get()
    }
}

impl<T: ?Sized + Held> fmt::Debug for Owned<T>
where
    for<'s> T::At<'s>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl<T: ?Sized + Held> fmt::Display for Owned<T>
where
    for<'s> T::At<'s>: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// The code of two owners, at one lifetime.
fn both<'s, T: ?Sized + Held>(one: &'s Owned<T>, other: &'s Owned<T>) -> (&'s T::At<'s>, &'s T::At<'s>) {
    (one.get(), other.get())
}

/// Equal code; [`ptr_eq`](Owned::ptr_eq) asks for the same.
impl<T: ?Sized + Held> PartialEq for Owned<T>
where
    for<'s> T::At<'s>: PartialEq,
{
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = both(self, other);
        one == other
    }
}

impl<T: ?Sized + Held> Eq for Owned<T> where for<'s> T::At<'s>: Eq {}

impl<T: ?Sized + Held> PartialOrd for Owned<T>
where
    for<'s> T::At<'s>: PartialOrd,
{
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let (one, other) = both(self, other);
        one.partial_cmp(other)
    }
}

impl<T: ?Sized + Held> Ord for Owned<T>
where
    for<'s> T::At<'s>: Ord,
{
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, other) = both(self, other);
        one.cmp(other)
    }
}

impl<T: ?Sized + Held> Hash for Owned<T>
where
    for<'s> T::At<'s>: Hash,
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.get().hash(state);
    }
}
