//! Growth that can be refused, for collections whose own methods abort the process then.

use crate::error::Error;
use crate::heap::{HeapArena, Refused, layout_of, room, versions};
use core::iter::Chain;
use core::option;

/// The values that an iterator did not get rid of: the one in hand, and those that were not asked for.
pub type Rest<I> = Chain<option::IntoIter<<I as Iterator>::Item>, I>;

/// A collection as far as it came, and the values that it did not take.
pub type Unfinished<C, I> = (C, Rest<I>);

/// Growth with an error where `push` and `extend` abort the process.
///
/// A language needs it: a script that fills a list until the heap's limit is reached must get an exception. The error is the heap's own, so that
/// [`Error::Limit`] can be told from the rest. The value that found no room comes [back](Refused).
///
/// | collection | one value more is | room comes from |
/// | --- | --- | --- |
/// | `allocator_api2::vec::Vec<T, &HeapArena>`, also of the [other versions](crate#features) | at the end | the heap |
/// | `Vec<T>` of the standard library, for stacks and tables of the machine | at the end | the global allocator: [`Error::Memory`] |
/// | `HashMap` and `HashSet` of hashbrown over a [`Tracked`](super::Tracked) (feature `hashbrown`) | put in the place of an equal key; an equal value of a set stays, and the new one is dropped | the heap |
///
/// [`HeapString`](crate::HeapString) has such methods of its own. For a `HashTable`, call its `try_reserve` with your hash function.
///
/// ```
/// use permacode::kit::Growth;
/// use permacode::{Error, Gc, HeapArena, allocator_api2::vec::Vec};
///
/// let heap = HeapArena::builder().limit(256 << 10).build()?;
/// let mut list = Vec::new_in(&heap);
/// let mut garbage = 0;
/// for number in 0..5_000_u64 {
///     let object = Gc::new(&heap, [number; 4]); // garbage, which fills the heap to its limit
///     garbage += usize::from(object.is_ok());
///     if let Err(refused) = list.try_push(number) {
///         assert!(matches!(refused.error, Error::Limit { .. }));
///         // SAFETY: no object but the list is used afterwards, and the closure only traces.
///         unsafe { heap.collect(|marker| marker.trace(&list)) }?;
///         list.try_push(refused.value)?; // the same value, and now there is room
///     }
/// }
/// assert_eq!((list.len(), list[4_999]), (5_000, 4_999));
/// # assert!(garbage > 1_000);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no growth that can be refused",
    label = "a vector of a heap is an `allocator_api2::vec::Vec<T, &HeapArena>`",
    note = "hash tables: hashbrown's `HashMap` and `HashSet`, over a `kit::Tracked`, with the feature `hashbrown` of permacode",
    note = "a vector of allocator-api2 0.3 or 0.4: use `permacode::allocator_api2`, which is 0.2, or the feature `allocator-api2-03` or `-04` of permacode"
)]
pub trait Growth: Sized {
    /// The type of what it takes: a value, or a key with its value.
    type Item;
    /// The place that a new one takes its memory from: `&HeapArena`, or `()` for the global allocator. For a hash table a pair, its hasher and a
    /// [`Tracked`](super::Tracked).
    type Home;

    /// Makes an empty collection. It takes no memory.
    ///
    /// ```
    /// use permacode::{HeapArena, allocator_api2::vec::Vec, kit::Growth};
    ///
    /// let heap = HeapArena::new()?;
    /// let list: Vec<u32, &HeapArena> = Growth::empty_in(&heap);
    /// assert_eq!(list.capacity(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    fn empty_in(home: Self::Home) -> Self;

    /// Makes room for so many values more, so that adding them cannot fail, by whatever method.
    ///
    /// Like `reserve`, it takes more than it is asked for, so that a collection that grows step by step is seldom moved. Where so much is refused, it
    /// takes exactly what it needs.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`], and [`Error::TooLarge`] for more than the address space holds. The collection is as it was.
    ///
    /// ```
    /// use permacode::{HeapArena, allocator_api2::vec::Vec, kit::Growth};
    ///
    /// let heap = HeapArena::new()?;
    /// let mut list = Vec::new_in(&heap);
    /// list.try_room(1_000)?;
    /// list.extend(0..1_000); // allocates nothing
    /// assert!(list.try_room(usize::MAX).is_err() && list.len() == 1_000);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    fn try_room(&mut self, additional: usize) -> Result<(), Error>;

    /// Adds a value, as `push` and `insert` do.
    ///
    /// # Errors
    ///
    /// Those of [`try_room`](Self::try_room), and the value. The collection is as it was.
    ///
    /// ```
    /// use permacode::kit::Growth;
    ///
    /// let mut stack = vec![1, 2];
    /// stack.try_push(3)?;
    /// assert_eq!(stack, [1, 2, 3]);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    fn try_push(&mut self, item: Self::Item) -> Result<(), Refused<Self::Item>>;

    /// Adds all values of an iterator.
    ///
    /// # Errors
    ///
    /// Those of [`try_room`](Self::try_room), and the values that were not taken, as an iterator. Those before are in the collection.
    ///
    /// ```
    /// use permacode::{HeapArena, allocator_api2::vec::Vec, kit::Growth};
    ///
    /// let heap = HeapArena::builder().limit(64 << 10).build()?;
    /// let mut list = Vec::new_in(&heap);
    /// let refused = list.try_extend(0..1_000_000_u32).expect_err("there is a limit");
    /// let rest: std::ops::Range<u32> = list.len() as u32..1_000_000;
    /// assert!(!list.is_empty() && refused.value.eq(rest));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    fn try_extend<I: IntoIterator<Item = Self::Item>>(&mut self, items: I) -> Result<(), Refused<Rest<I::IntoIter>>> {
        let mut items = items.into_iter();
        // An iterator may promise more than there is room for. Then each value asks for itself.
        _ = self.try_room(items.size_hint().0);
        while let Some(item) = items.next() {
            if let Err(Refused { value, error }) = self.try_push(item) {
                return Err(Refused { value: Some(value).into_iter().chain(items), error });
            }
        }
        Ok(())
    }

    /// Makes a collection of all values of an iterator.
    ///
    /// # Errors
    ///
    /// Those of [`try_room`](Self::try_room), and a pair: the collection as far as it came, and the values that it did not take.
    ///
    /// ```
    /// use permacode::{HeapArena, allocator_api2::vec::Vec, kit::Growth};
    ///
    /// let heap = HeapArena::new()?;
    /// let squares = Vec::try_from_iter_in((0..4).map(|n| n * n), &heap)?;
    /// assert_eq!(squares, [0, 1, 4, 9]);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    fn try_from_iter_in<I: IntoIterator<Item = Self::Item>>(
        items: I,
        home: Self::Home,
    ) -> Result<Self, Refused<Unfinished<Self, I::IntoIter>>> {
        let mut made = Self::empty_in(home);
        match made.try_extend(items) {
            Ok(()) => Ok(made),
            Err(Refused { value, error }) => Err(Refused { value: (made, value), error }),
        }
    }
}

/// Adds a value by `push`, once there is room for it.
#[inline]
fn push_at_end<C: Growth>(
    collection: &mut C,
    item: C::Item,
    push: impl FnOnce(&mut C, C::Item),
) -> Result<(), Refused<C::Item>> {
    match collection.try_room(1) {
        Ok(()) => {
            push(collection, item);
            Ok(())
        }
        Err(error) => Err(Refused { value: item, error }),
    }
}

/// Vectors of the heap, of one version of the allocator's trait.
macro_rules! vectors {
    ($api:ident) => {
        impl<'h, T> Growth for $api::vec::Vec<T, &'h HeapArena> {
            type Item = T;
            type Home = &'h HeapArena;

            fn empty_in(home: &'h HeapArena) -> Self {
                Self::new_in(home)
            }

            #[inline]
            fn try_room(&mut self, additional: usize) -> Result<(), Error> {
                room!(self, additional, self.allocator())
            }

            #[inline]
            fn try_push(&mut self, item: T) -> Result<(), Refused<T>> {
                push_at_end(self, item, Self::push)
            }
        }
    };
}

versions!(vectors);

impl<T> Growth for alloc::vec::Vec<T> {
    type Item = T;
    type Home = ();

    fn empty_in((): ()) -> Self {
        Self::new()
    }

    #[inline]
    fn try_room(&mut self, additional: usize) -> Result<(), Error> {
        if additional <= self.capacity() - self.len() {
            return Ok(());
        }
        let refused = Error::Memory { bytes: layout_of::<T>(self.len(), additional)?.size() };
        self.try_reserve(additional).or_else(|_| self.try_reserve_exact(additional)).map_err(|_| refused)
    }

    #[inline]
    fn try_push(&mut self, item: T) -> Result<(), Refused<T>> {
        push_at_end(self, item, Self::push)
    }
}
