//! [`Collect`] for this crate's own types: pointers to objects, handles of code, code itself, and side tables.

use super::collect::Collect;
use super::gc::Gc;
use super::marker::Marker;
use crate::code::CodeArena;
use crate::code::value::{Name, Permanent, Plain, Sites};
use crate::handles::code_ref::CodeRef;
use crate::handles::region::Transients;
use crate::handles::slot::CodeSlot;
use crate::handles::{AtomicCodeSlot, CodeProxy, CodeRc, CodeRcSlot};
use crate::heap::HeapArena;
use crate::side::Entry;
use crate::side::table::SideTable;

// SAFETY: it leads to one object.
unsafe impl<T: Collect> Collect for Gc<'_, T> {
    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        // SAFETY: a pointer that is traced is used, so the callers of earlier sweeps promised that its object was not freed. No `trace` frees or
        // changes it, by the promise of `Collect`.
        unsafe { marker.visit(self.object()) };
    }
}

// SAFETY: it leads to one object.
unsafe impl<T: Collect> Collect for Gc<'_, [T]> {
    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        // SAFETY: as for `Gc<T>`.
        unsafe { marker.visit_buffer(self.object().cast::<T>(), self.len()) };
    }
}

// SAFETY: it leads to one object, which leads nowhere.
unsafe impl Collect for Gc<'_, str> {
    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        marker.mark(self.object().as_ptr());
    }
}

/// Handles of code, which mark what they keep alive.
macro_rules! handles {
    ($($handle:ty),*) => { $(
        // SAFETY: a handle leads to its code and to what that keeps, which are marked; no code leads to an object.
        unsafe impl<T: Permanent> Collect for $handle {
            #[inline]
            fn trace(&self, marker: &mut Marker<'_>) {
                self.mark_in(marker.heap());
            }
        }
    )* };
}

handles!(CodeRef<'_, T>, CodeSlot<'_, T>, CodeProxy<'_, T>, CodeRc<T>, CodeRcSlot<T>);

/// Code, and numbers and names in it: none of it leads to an object, since a `Gc` is neither `Permanent` nor `Send`.
macro_rules! code {
    ($([$($generics:tt)*] $code:ty),*) => { $(
        // SAFETY: it leads to code alone.
        unsafe impl<$($generics)*> Collect for $code {
            const LEADS: bool = false;

            #[inline]
            fn trace(&self, _: &mut Marker<'_>) {}
        }
    )* };
}

code!([T: Permanent] &T, [T: Permanent] &[T], [] &str, [] Name<'_>, [] Sites, [T: Copy + Send + Sync + 'static] Plain<T>);
code!([T: Permanent] AtomicCodeSlot<'_, T>, [] &CodeArena);

/// The places of objects and code, seen from a machine that is a root itself.
macro_rules! homes {
    ($($home:ty),*) => { $(
        // SAFETY: it holds no pointer to an object; objects are found by others.
        unsafe impl Collect for $home {
            const LEADS: bool = false;

            #[inline]
            fn trace(&self, _: &mut Marker<'_>) {}
        }
    )* };
}

homes!(&HeapArena, &Transients<'_>);

// SAFETY: a table is its entries; those that are not writable yet hold zeros, and were never anything else.
unsafe impl<T: Collect + Entry> Collect for SideTable<'_, T> {
    const LEADS: bool = T::LEADS;

    fn trace(&self, marker: &mut Marker<'_>) {
        if T::LEADS {
            self.walk(|_| true).for_each(|(_, entry)| entry.trace(marker));
        }
    }
}

// SAFETY: as the table itself.
unsafe impl<T: Collect + Entry> Collect for &SideTable<'_, T> {
    const LEADS: bool = T::LEADS;

    fn trace(&self, marker: &mut Marker<'_>) {
        (**self).trace(marker);
    }
}
