//! A slot of owners, for functions that threads share: code that can be replaced while it runs, and is counted.

use super::gate::{Gate, Node};
use crate::error::Error;
use crate::handles::owned::{Held, Owned};
use crate::handles::region::boxed;
use core::fmt;

/// A function's code, permanent or transient, to be replaced by another while any number of threads run it: a hook, a method, a handler.
///
/// Before you run the function, [`get`](Self::get) an owner, and keep it in the frame. The code that was replaced lives as long as somebody
/// owns it. No thread waits for another. `Send` and `Sync`, without a lifetime.
///
/// Where all the code is permanent and outlives the slot, [`AtomicCodeSlot`](crate::handles::AtomicCodeSlot) is a plain load.
///
/// ```
/// use permacode::owned::{OwnedSlot, SharedHome};
/// use permacode::{CodeArena, Error, Owned};
/// use std::sync::Arc;
/// use std::thread;
///
/// # fn main() -> Result<(), Error> {
/// let home = Arc::new(SharedHome::new(Arc::new(CodeArena::new()?)));
/// let code = |number| Owned::<u32>::transient(&home, move |loader| loader.alloc(number));
/// let hook = Arc::new(OwnedSlot::new(code(1)?)?);
/// let called = hook.clone();
/// let caller = thread::spawn(move || (0..1000).all(|_| [1, 2].contains(called.get().get())));
/// let old = hook.replace(code(2)?)?;
/// assert!(caller.join().unwrap());
/// assert_eq!((*old, *hook.get()), (1, 2));
/// # Ok(())
/// # }
/// ```
///
/// # What waits
///
/// Code that was replaced is given up when no thread is within [`get`](Self::get): commonly at once. If some thread always is, it waits. In a
/// forked child, a thread that vanished there makes what the child replaces wait for ever.
///
/// # Variance
///
/// Invariant in `T`, since code is put in and comes out.
pub struct OwnedSlot<T: Held + ?Sized>(Gate<Owned<T>>);

impl<T: Held + ?Sized> OwnedSlot<T> {
    /// Makes a slot with this code. Costs an object of three or four words from the global allocator; the owner moves in.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] when there is none. The owner is dropped then.
    ///
    /// ```
    /// use permacode::owned::OwnedSlot;
    /// use permacode::{CodeArena, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let slot = OwnedSlot::new(Owned::<str>::load(&arena, "m", |loader| loader.alloc_str("code"))?)?;
    /// drop(arena);
    /// assert_eq!(&*slot.get(), "code");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(code: Owned<T>) -> Result<Self, Error> {
        Ok(Self(Gate::new(boxed(Node::new(code))?)))
    }

    /// Returns an owner of the code. Costs four atomic operations, two of them when the owner goes.
    ///
    /// ```
    /// # use permacode::owned::OwnedSlot;
    /// # use permacode::{CodeArena, Owned};
    /// # use std::sync::Arc;
    /// # let arena = Arc::new(CodeArena::new()?);
    /// let load = |number| Owned::<u32>::load(&arena, "m", move |loader| loader.alloc(number));
    /// let slot = OwnedSlot::new(load(1)?)?;
    /// let frame = slot.get();
    /// slot.replace(load(2)?)?;
    /// assert_eq!((*frame, *slot.get()), (1, 2)); // what runs goes on with the code that it began with
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn get(&self) -> Owned<T> {
        self.0.get()
    }

    /// Puts other code in, and returns the code that was there.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] when there is none. The slot is as it was then, and the new owner is dropped.
    ///
    /// ```
    /// # use permacode::owned::OwnedSlot;
    /// # use permacode::{CodeArena, Owned};
    /// # use std::sync::Arc;
    /// let arena = Arc::new(CodeArena::new()?);
    /// let load = |number| Owned::<u32>::load(&arena, "m", move |loader| loader.alloc(number));
    /// let slot = OwnedSlot::new(load(0)?)?;
    /// let replaced = std::thread::scope(|scope| {
    ///     let threads = [1, 2].map(|number| scope.spawn({
    ///         let (slot, load) = (&slot, &load);
    ///         move || slot.replace(load(number).unwrap()).map(|old| *old)
    ///     }));
    ///     threads.map(|thread| thread.join().unwrap().unwrap())
    /// });
    /// assert_eq!(replaced[0] + replaced[1] + *slot.get(), 3); // each came out once, but for the one that is in
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// An object of three or four words, and some eight atomic operations.
    pub fn replace(&self, code: Owned<T>) -> Result<Owned<T>, Error> {
        Ok(self.0.replace(boxed(Node::new(code))?))
    }
}

impl<T: Held + ?Sized> fmt::Debug for OwnedSlot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedSlot")
    }
}
