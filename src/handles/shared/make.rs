//! An owner of transient code that threads share, made by a lowering function.

use super::home::SharedHome;
use super::region::SharedRegion;
use crate::code::Loader;
use crate::error::Error;
use crate::handles::owned::{Held, Owned};
use alloc::sync::Arc;
use core::ptr::NonNull;

impl<T: Held + ?Sized> Owned<T> {
    /// Makes transient code that threads share, and owns the block that `lower` returns. The code lies in memory of its own, which the last
    /// owner frees, on whatever thread.
    ///
    /// `lower` is an ordinary lowering function. Interned names that the arena has are its copies; others are the code's own. Code of other
    /// owners is had by [`Loader::at`], be it an arena's or another evaluation's; this code keeps it then.
    ///
    /// The owner is like any other: [`map`](Self::map) owns a part, [`promote`](Self::promote) makes it permanent. Its
    /// [`arena`](Self::arena) is `None`.
    ///
    /// # Errors
    ///
    /// Those of `lower`, [`Error::Memory`], and those of [`Loader::sites`]. After an error or a panic no memory of it is left.
    ///
    /// ```
    /// use permacode::owned::SharedHome;
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    /// use std::thread;
    ///
    /// let home = Arc::new(SharedHome::new(Arc::new(CodeArena::new()?)));
    /// let words: Owned<[&str]> = Owned::transient(&home, |loader| {
    ///     let words = [loader.alloc_str("load")?, loader.intern("store")?];
    ///     loader.alloc_slice_copy(&words)
    /// })?;
    /// let store = words.map::<str>(|words| words[1]);
    /// drop(words);
    /// thread::spawn(move || assert_eq!(&*store, "store")).join().unwrap(); // freed there
    /// assert_eq!(home.regions(), 0);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// One object of 512 bytes from the global allocator, some 300 of them for blocks. As they are full, further ones come: of 1 KiB, 2 KiB and
    /// so on to 32 KiB. A larger block has one of its own. There is a record of at most 56 bytes for each name that the arena lacks, each
    /// [padded](Loader::alloc_padded) block and each range of sites. The first object has room for two. Three atomic operations each to make and to free it.
    /// No system call but the allocator's, and no write to a code page.
    pub fn transient<E: From<Error>>(
        home: &Arc<SharedHome>,
        lower: impl for<'x> FnOnce(&Loader<'x>) -> Result<&'x T::At<'x>, E>,
    ) -> Result<Self, E> {
        let share = SharedRegion::make(home)?;
        let Some(region) = SharedRegion::of(&share) else { return Err(Error::Foreign.into()) };
        // SAFETY: 1. Only a reference is lent to `lower`. 2. It is dropped here, before there is an owner. 3. `lower` is `for<'x>`.
        let root = T::to_label(NonNull::from(lower(&unsafe { Loader::for_region(home.arena(), region) })?));
        // SAFETY: 1. `lower` is `for<'x>`. 2. The region lives until its last share goes, and keeps the home, which keeps the arena; so does
        // all that it was asked to keep. 3. It was dropped.
        Ok(unsafe { Self::from_parts(root, share) })
    }
}
