//! [`Collect`] and [`Growth`] for hashbrown's tables over a [`Tracked`].
//!
//! A table waits in the grey list as one entry that leads to the table itself, not to its buffer. The table alone knows where its elements are. All of
//! them are shown at once, so the list may grow by as many entries as the table has elements.

use super::collect::Collect;
use super::grey::Elements;
use super::growth::Growth;
use super::marker::Marker;
use super::tracked::Tracked;
use crate::error::Error;
use crate::heap::{HeapArena, Refused, make_room};
use core::hash::{BuildHasher, Hash};
use core::ptr::NonNull;
use hashbrown::{HashMap, HashSet, HashTable, TryReserveError};

impl<K: Collect, V: Collect, S> Elements for HashMap<K, V, S, Tracked<'_>> {
    fn trace_all(&self, marker: &mut Marker<'_>) {
        for (key, value) in self {
            key.trace(marker);
            value.trace(marker);
        }
    }
}

impl<T: Collect, S> Elements for HashSet<T, S, Tracked<'_>> {
    fn trace_all(&self, marker: &mut Marker<'_>) {
        self.iter().for_each(|value| value.trace(marker));
    }
}

impl<T: Collect> Elements for HashTable<T, Tracked<'_>> {
    fn trace_all(&self, marker: &mut Marker<'_>) {
        self.iter().for_each(|value| value.trace(marker));
    }
}

macro_rules! tables {
    ($([$($generics:tt)*] $table:ty: $leads:expr;)*) => { $(
        // SAFETY: a table is its buffer and the elements in it. The allocator knows the buffer, whatever lies in it. The way in which it hashes
        // leads to no object, as it is `Send`.
        unsafe impl<$($generics)*> Collect for $table {
            #[inline]
            fn trace(&self, marker: &mut Marker<'_>) {
                // SAFETY: a live table, and no `trace` changes it, by the promise of `Collect`.
                unsafe { marker.visit_table(NonNull::from(self), self.allocator(), $leads) };
            }
        }
    )* };
}

tables! {
    [K: Collect, V: Collect, S: Send] HashMap<K, V, S, Tracked<'_>>: K::LEADS || V::LEADS;
    [T: Collect, S: Send] HashSet<T, S, Tracked<'_>>: T::LEADS;
    [T: Collect] HashTable<T, Tracked<'_>>: T::LEADS;
}

/// Makes room for so many more in a table that is free for some, by its `try_reserve`, or says why the heap has none.
fn table_room(
    heap: &HeapArena,
    free: usize,
    additional: usize,
    mut reserve: impl FnMut() -> Result<(), TryReserveError>,
) -> Result<(), Error> {
    if additional <= free {
        return Ok(());
    }
    let layout = match reserve() {
        Ok(()) => return Ok(()),
        Err(TryReserveError::AllocError { layout }) => Ok(layout),
        Err(TryReserveError::CapacityOverflow) => Err(Error::TooLarge { len: additional, element: 1 }),
    };
    make_room(heap, layout, |_| reserve().is_ok())
}

impl<'h, K: Eq + Hash, V, S: BuildHasher> Growth for HashMap<K, V, S, Tracked<'h>> {
    type Item = (K, V);
    type Home = (S, Tracked<'h>);

    fn empty_in((hasher, home): (S, Tracked<'h>)) -> Self {
        Self::with_hasher_in(hasher, home)
    }

    fn try_room(&mut self, additional: usize) -> Result<(), Error> {
        let (heap, free) = (self.allocator().heap(), self.capacity() - self.len());
        table_room(heap, free, additional, || self.try_reserve(additional))
    }

    fn try_push(&mut self, (key, value): (K, V)) -> Result<(), Refused<(K, V)>> {
        // `insert` asks for room before it looks for the key.
        if self.len() == self.capacity() {
            if let Some(place) = self.get_mut(&key) {
                *place = value;
                return Ok(());
            }
            if let Err(error) = self.try_room(1) {
                return Err(Refused { value: (key, value), error });
            }
        }
        self.insert(key, value);
        Ok(())
    }
}

impl<'h, T: Eq + Hash, S: BuildHasher> Growth for HashSet<T, S, Tracked<'h>> {
    type Item = T;
    type Home = (S, Tracked<'h>);

    fn empty_in((hasher, home): (S, Tracked<'h>)) -> Self {
        Self::with_hasher_in(hasher, home)
    }

    fn try_room(&mut self, additional: usize) -> Result<(), Error> {
        let (heap, free) = (self.allocator().heap(), self.capacity() - self.len());
        table_room(heap, free, additional, || self.try_reserve(additional))
    }

    fn try_push(&mut self, value: T) -> Result<(), Refused<T>> {
        // As above.
        if self.len() == self.capacity() {
            if self.contains(&value) {
                return Ok(());
            }
            if let Err(error) = self.try_room(1) {
                return Err(Refused { value, error });
            }
        }
        self.insert(value);
        Ok(())
    }
}
