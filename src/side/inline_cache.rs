//! Inline caches: what an instruction found last time, and for what.
//!
//! ```text
//!   instruction "get attribute x"  ──▶  entry { key: class of the object │ version │ value: where x was found }
//! ```
//!
//! An entry is good for one key and one version. When a class changes, the interpreter takes the next [`Version`], and
//! looks for no cache. All of them miss from then on, and are filled anew as they are needed.
//!
//! A key that is an address is good as long as the object there lives. Freeing a class is a change as well. Otherwise
//! the next class at its address hits what was found for it.

use bytemuck::Zeroable;
use core::cell::Cell;
use core::fmt;
use core::num::NonZero;

/// A point in time between changes. A zeroed cache was filled at none.
///
/// Eight bytes, which the interpreter keeps and hands to each look at a cache. A change costs an addition, however many caches there are.
///
/// ```
/// use permacode::side::{InlineCache, Version};
///
/// let caches: [InlineCache<u32>; 100] = permacode::side::Zeroable::zeroed();
/// let mut now = Version::FIRST;
/// caches.iter().for_each(|cache| cache.set(7, now, 1));
/// now = now.next(); // a class has changed: no cache is looked for
/// assert!(caches.iter().all(|cache| cache.get(7, now).is_none()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(NonZero<u64>);

impl Version {
    /// The first one: 1, because zero is what empty caches have.
    pub const FIRST: Self = Self(NonZero::<u64>::MIN);

    /// Returns the version after this. Costs an addition. Counting 64 bits takes longer than any process runs; the last
    /// stays the last.
    ///
    /// ```
    /// # use permacode::side::Version;
    /// let (one, two) = (Version::FIRST, Version::FIRST.next());
    /// assert!(one < two && two < two.next());
    /// ```
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A monomorphic inline cache: an entry of a [`SideTable`](crate::SideTable) for an instruction that commonly sees one key.
///
/// Looking is two comparisons, filling three stores, neither to code. It takes a word, 8 bytes and the value. The key is a word
/// that tells classes apart: an address, an index.
///
/// ```
/// use permacode::{CodeArena, SideTable};
/// use permacode::side::{InlineCache, Version};
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = CodeArena::new()?;
/// let table: SideTable<'_, InlineCache<u32>> = SideTable::new(&arena)?;
/// let sites = arena.load("m")?.sites(1)?;
/// let cache = &table.of(sites)?[0];
/// let (class, now) = (0x1000, Version::FIRST);
/// assert_eq!(cache.get(class, now), None);
/// cache.set(class, now, 3); // found in slot 3, the slow way
/// assert_eq!(cache.get(class, now), Some(3));
/// assert_eq!(cache.get(class, now.next()), None); // a class has changed since
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Invariant in `V`, as a `Cell` is.
pub struct InlineCache<V> {
    key: Cell<usize>,
    /// 0: empty.
    version: Cell<u64>,
    value: Cell<V>,
}

// SAFETY: all zeros are an empty cache, whose value is zeros too.
unsafe impl<V: Zeroable> Zeroable for InlineCache<V> {}

impl<V: Copy + Zeroable> InlineCache<V> {
    /// Returns the value that was found for a key at this version, if there is one. Costs two comparisons and a load of
    /// the value.
    ///
    /// ```
    /// # use permacode::side::{InlineCache, Version};
    /// let cache: InlineCache<u32> = permacode::side::Zeroable::zeroed();
    /// assert_eq!(cache.get(0, Version::FIRST), None); // empty, though key and value are zero
    /// cache.set(0, Version::FIRST, 0);
    /// assert_eq!(cache.get(0, Version::FIRST), Some(0));
    /// ```
    #[inline]
    pub fn get(&self, key: usize, now: Version) -> Option<V> {
        (self.key.get() == key && self.version.get() == now.0.get()).then(|| self.value.get())
    }

    /// Remembers the value that was found for a key, in place of the old entry. Costs three stores.
    ///
    /// ```
    /// # use permacode::side::{InlineCache, Version};
    /// # let cache: InlineCache<u32> = permacode::side::Zeroable::zeroed();
    /// # let now = Version::FIRST;
    /// cache.set(0x1000, now, 3);
    /// cache.set(0x2000, now, 4);
    /// assert_eq!((cache.get(0x1000, now), cache.get(0x2000, now)), (None, Some(4))); // one key only
    /// ```
    #[inline]
    pub fn set(&self, key: usize, now: Version, value: V) {
        self.key.set(key);
        self.version.set(now.0.get());
        self.value.set(value);
    }

    /// Forgets everything. Costs three stores.
    ///
    /// For sites whose code is gone ([`Transients::clearing`](crate::Transients::clearing)); when a class changes, take the next
    /// [`Version`].
    ///
    /// ```
    /// # use permacode::side::{InlineCache, Version};
    /// # let cache: InlineCache<u32> = permacode::side::Zeroable::zeroed();
    /// cache.set(0x1000, Version::FIRST, 3);
    /// cache.clear();
    /// assert_eq!((cache.get(0x1000, Version::FIRST), cache.entry()), (None, None));
    /// ```
    pub fn clear(&self) {
        self.set_zero();
    }

    /// Returns the key and the value that are there, of any version: for a collector whose objects a value points to.
    /// Costs a comparison and two loads.
    ///
    /// ```
    /// # use permacode::side::{InlineCache, Version};
    /// # let cache: InlineCache<u32> = permacode::side::Zeroable::zeroed();
    /// cache.set(0x1000, Version::FIRST, 3);
    /// assert_eq!(cache.get(0x1000, Version::FIRST.next()), None);
    /// assert_eq!(cache.entry(), Some((0x1000, 3))); // out of date, and still there
    /// ```
    pub fn entry(&self) -> Option<(usize, V)> {
        (self.version.get() != 0).then(|| (self.key.get(), self.value.get()))
    }

    fn set_zero(&self) {
        self.key.set(0);
        self.version.set(0);
        self.value.set(V::zeroed());
    }
}

impl<V: Copy + Zeroable + fmt::Debug> fmt::Debug for InlineCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InlineCache").field(&self.entry()).finish()
    }
}

/// A polymorphic inline cache: an entry of a [`SideTable`](crate::SideTable) for an instruction that sees up to `N` keys.
///
/// Looking is at most `2 N` comparisons, filling at most `3 N` and four stores. It takes as many bytes as `N` monomorphic ones and a word.
/// When all places are taken, they are replaced in turn, beginning behind the one that was filled last. `N` is at least 1: filling a cache
/// without places does not compile.
///
/// ```
/// use permacode::side::{PolymorphicCache, Version};
///
/// let cache: PolymorphicCache<u32, 2> = permacode::side::Zeroable::zeroed();
/// let now = Version::FIRST;
/// cache.set(10, now, 1);
/// cache.set(20, now, 2);
/// assert_eq!((cache.get(10, now), cache.get(20, now)), (Some(1), Some(2)));
/// cache.set(30, now, 3); // in place of the first
/// assert_eq!((cache.get(10, now), cache.get(30, now)), (None, Some(3)));
/// ```
///
/// # Variance
///
/// Invariant in `V`, as a `Cell` is.
pub struct PolymorphicCache<V, const N: usize> {
    places: [InlineCache<V>; N],
    /// The place to be replaced next.
    next: Cell<usize>,
}

// SAFETY: all zeros are a cache with empty places.
unsafe impl<V: Zeroable, const N: usize> Zeroable for PolymorphicCache<V, N> {}

impl<V: Copy + Zeroable, const N: usize> PolymorphicCache<V, N> {
    /// Returns the value that was found for a key at this version, if there is one. Costs at most `2 N` comparisons and
    /// a load of the value.
    ///
    /// ```
    /// # use permacode::side::{PolymorphicCache, Version};
    /// # let cache: PolymorphicCache<u32, 2> = permacode::side::Zeroable::zeroed();
    /// # let now = Version::FIRST;
    /// cache.set(10, now, 1);
    /// cache.set(20, now, 2);
    /// assert_eq!([10, 20, 30].map(|key| cache.get(key, now)), [Some(1), Some(2), None]);
    /// assert_eq!(cache.get(10, now.next()), None);
    /// ```
    #[inline]
    pub fn get(&self, key: usize, now: Version) -> Option<V> {
        self.places.iter().find_map(|place| place.get(key, now))
    }

    /// Remembers the value that was found for a key. It goes to the key's place, or to one that is empty or out of
    /// date. Otherwise it goes behind the place that was filled last. Costs at most `3 N` comparisons and four stores.
    ///
    /// ```
    /// # use permacode::side::{PolymorphicCache, Version};
    /// # let cache: PolymorphicCache<u32, 2> = permacode::side::Zeroable::zeroed();
    /// let (old, now) = (Version::FIRST, Version::FIRST.next());
    /// cache.set(10, old, 1);
    /// cache.set(20, old, 2);
    /// cache.set(20, now, 3); // where it was
    /// cache.set(30, now, 4); // where 10 was, which is out of date
    /// assert!(cache.entries().eq([(30, 4), (20, 3)]));
    /// ```
    pub fn set(&self, key: usize, now: Version, value: V) {
        const { assert!(N != 0, "a cache without places remembers nothing") };
        let same = self.places.iter().position(|place| place.version.get() != 0 && place.key.get() == key);
        let vacant = || self.places.iter().position(|place| place.version.get() != now.0.get());
        let place = same.unwrap_or_else(|| {
            let place = vacant().unwrap_or_else(|| self.next.get() % N);
            // Also behind a vacant one, or the turn would go on where another version left it: at what was found just now.
            self.next.set(place + 1);
            place
        });
        self.places[place].set(key, now, value);
    }

    /// Forgets everything. Costs `3 N` stores and one.
    ///
    /// ```
    /// # use permacode::side::{PolymorphicCache, Version};
    /// # let cache: PolymorphicCache<u32, 2> = permacode::side::Zeroable::zeroed();
    /// cache.set(10, Version::FIRST, 1);
    /// cache.clear();
    /// assert_eq!((cache.get(10, Version::FIRST), cache.entries().count()), (None, 0));
    /// ```
    pub fn clear(&self) {
        self.places.iter().for_each(InlineCache::set_zero);
        self.next.set(0);
    }

    /// Returns the keys and values that are there, of any version, in the order of their places. Costs a comparison for
    /// each of the `N` places.
    ///
    /// ```
    /// # use permacode::side::{PolymorphicCache, Version};
    /// # let cache: PolymorphicCache<u32, 4> = permacode::side::Zeroable::zeroed();
    /// let now = Version::FIRST;
    /// [10, 20, 10].map(|key| cache.set(key, now, 1));
    /// assert_eq!(cache.entries().count(), 2); // how polymorphic the instruction was
    /// assert_eq!(cache.get(10, now.next()), None); // out of date, and still there
    /// ```
    pub fn entries(&self) -> impl Iterator<Item = (usize, V)> {
        self.places.iter().filter_map(InlineCache::entry)
    }
}

impl<V: Copy + Zeroable + fmt::Debug, const N: usize> fmt::Debug for PolymorphicCache<V, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PolymorphicCache")?;
        f.debug_list().entries(self.entries()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_replaced_in_turn_and_a_key_has_one_only() {
        let cache: PolymorphicCache<usize, 3> = Zeroable::zeroed();
        let now = Version::FIRST;
        for key in 0..10 {
            cache.set(key, now, key * 10);
            cache.set(key, now, key * 11);
            let there: Vec<usize> = (0..=key).filter(|&key| cache.get(key, now).is_some()).collect();
            assert_eq!(there, (key.saturating_sub(2)..=key).collect::<Vec<_>>());
            assert_eq!(cache.get(key, now), Some(key * 11));
        }
    }

    #[test]
    fn what_is_out_of_date_is_replaced_first() {
        let cache: PolymorphicCache<u8, 2> = Zeroable::zeroed();
        let (old, now) = (Version::FIRST, Version::FIRST.next());
        cache.set(1, old, 1);
        cache.set(2, old, 2);
        cache.set(2, now, 3);
        cache.set(4, now, 4);
        assert_eq!((cache.get(2, now), cache.get(4, now), cache.get(1, now)), (Some(3), Some(4), None));
        // Whichever place is next in turn.
        let cache: PolymorphicCache<usize, 3> = Zeroable::zeroed();
        [1, 2, 3].iter().for_each(|&key| cache.set(key, old, key));
        [1, 4, 5].iter().for_each(|&key| cache.set(key, now, key));
        assert_eq!([1, 4, 5].map(|key| cache.get(key, now)), [Some(1), Some(4), Some(5)]);
    }

    #[test]
    fn the_turn_begins_anew_after_a_change() {
        for before in 0..8 {
            let cache: PolymorphicCache<usize, 3> = Zeroable::zeroed();
            let (old, now) = (Version::FIRST, Version::FIRST.next());
            (0..before).for_each(|key| cache.set(key, old, key));
            for key in 100..110 {
                cache.set(key, now, key);
                let there: Vec<usize> = (100..=key).filter(|&key| cache.get(key, now).is_some()).collect();
                assert_eq!(there, (key.saturating_sub(2).max(100)..=key).collect::<Vec<_>>(), "after {before}");
            }
        }
    }

    #[test]
    fn a_zeroed_cache_is_empty_even_for_key_zero() {
        let cache: InlineCache<u8> = Zeroable::zeroed();
        assert_eq!((cache.get(0, Version::FIRST), cache.entry()), (None, None));
        cache.set(0, Version::FIRST, 0);
        assert_eq!((cache.get(0, Version::FIRST), cache.entry()), (Some(0), Some((0, 0))));
        cache.clear();
        assert_eq!((cache.get(0, Version::FIRST), cache.entry()), (None, None));
    }
}
