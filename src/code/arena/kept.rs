//! Values that an arena keeps, so that others can borrow them for as long as they borrow the arena.
//!
//! ```text
//!   ledger      │ record │ value │ Held │ table │ value │ Held │ transients │ record │        in the arena's own pages; nothing moves
//!                                    └─────────────────────┘▲
//!   CodeArena { kept ───────────────────────────────────────┘ }                               what has to end: the newest first
//! ```
//!
//! An interpreter has parts that borrow from each other: arenas, side tables, the closure that clears them, transient code, the machine. Each must
//! lie somewhere while the next one borrows it. Here it lies in the arena, and the reference to it is as long as the borrow of the arena.
//!
//! # Why it is sound
//!
//! 1. **A kept value stays.** It is written once, to memory of the ledger that was claimed for it alone. That memory never moves, also if the
//!    `CodeArena` does, and it goes with the arena's pages. The reference lives for `'a`, and for `'a` the arena is borrowed. So the pages go after `'a`.
//! 2. **Nobody else reaches it.** The arena never gives it out again. So a value that is not `Sync` belongs to the thread that kept it, although
//!    threads share the arena. They claim memory by compare-exchange, so they may keep values at once.
//! 3. **No code of the value's type runs at its end.** [`CodeArena::keep`] takes no type that has drop glue. So kept values may refer to each other
//!    in any order and in cycles. What they refer to may be gone when the arena goes, and may be another thread's.
//! 4. **The crate's own parts end with the arena.** A kept side table has a reservation, and kept `Transients` has lists in the global allocator's
//!    memory. Their [`end`](Ends::end) gives those back. It looks at no reference in the value, since all of them may dangle by then. It runs on
//!    the thread that drops the arena, after all borrows of it.
//! 5. **No lock, and no loss** (invariant 5). The list grows by compare-exchange. In a child, a value that another thread was about to keep is lost
//!    memory of the ledger. A leaked arena keeps its values for ever. If one `end` panics, the others are ended all the same.
//!
//! No mutable byte gets near code by that: the ledger lies on pages of its own (invariant 1). A child that writes to a kept value copies its page.

use super::arena::CodeArena;
use crate::base::atomics::AtomicPtr;
use crate::base::page::RECORD_ALIGN;
use crate::error::Error;
use core::alloc::Layout;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::*;

/// A part of this crate that gives something back when the arena ends that keeps it.
///
/// # Safety
///
/// [`end`](Self::end) is sound to call at any time after the last borrow of the value, on any thread. References in the value may dangle then.
pub(crate) unsafe trait Ends: Sized {
    /// Gives back what the value owns.
    ///
    /// # Safety
    ///
    /// The value is whole, is borrowed by nobody, and is not used afterwards.
    unsafe fn end(value: NonNull<Self>);
}

/// The values of an arena that have to end.
pub(super) struct Kept {
    newest: AtomicPtr<Held>,
}

/// The head of a kept value that has to end.
struct Held {
    end: unsafe fn(NonNull<Held>),
    older: *mut Held,
}

/// A kept value with its head.
#[repr(C)]
struct Holding<T> {
    head: Held,
    value: T,
}

impl CodeArena {
    /// Keeps a value for as long as the arena lives, and returns a reference that lives as long as the arena is borrowed.
    ///
    /// It is for what other parts of an interpreter borrow: a closure that [clears](crate::Transients::clearing) side tables, a struct of
    /// settings, a table of `Cell`s. Side tables and transient code have a `keep` of their own: [`SideTable::keep`](crate::SideTable::keep),
    /// [`Transients::keep`](crate::Transients::keep). With the three, a machine is made by one function of `&'a DualArena`, and can be moved
    /// in an [`Engine`](crate::Engine).
    ///
    /// The value is never dropped. Its memory comes back with the arena's. So keep what a machine needs once, not what it needs for each call.
    /// The arena's [`limit`](crate::code::CodeArenaBuilder::limit) does not count it. An arena whose room for records is full takes no module more.
    /// A value that is not `Sync` serves the thread that kept it, also if threads share the arena.
    ///
    /// # Errors
    ///
    /// [`Error::Bookkeeping`] when the arena has no room for it, [`Error::Pages`] when the system refuses memory. The value is gone then.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, DualArena, Error, SideTable, Sites, Transients};
    /// use std::cell::Cell;
    ///
    /// struct Vm<'a> {
    ///     calls: &'a SideTable<'a, Cell<u32>>,
    ///     transients: &'a Transients<'a>,
    /// }
    ///
    /// impl<'a> Vm<'a> {
    ///     fn new(arenas: &'a DualArena) -> Result<Self, Error> {
    ///         let calls = SideTable::<Cell<u32>>::new(&arenas.code)?.keep()?;
    ///         let clear = arenas.code.keep(move |sites: Sites| calls.present(sites).iter().for_each(|calls| calls.set(0)))?;
    ///         let transients = Transients::new(&arenas.code, &arenas.heap).clearing(clear).keep()?;
    ///         Ok(Self { calls, transients })
    ///     }
    /// }
    ///
    /// let arenas = DualArena::new()?;
    /// let vm = Vm::new(&arenas)?;
    /// let code = CodeRef::<Sites>::transient(vm.transients, |loader| loader.alloc(loader.sites(1)?))?;
    /// assert_eq!(vm.calls.of(*code.get())?[0].replace(1), 0);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// A type that owns memory does not compile. Keep a reference to such a value, or hold it in your machine, which is dropped:
    ///
    /// ```compile_fail,E0080
    /// # let arena = permacode::CodeArena::new().unwrap();
    /// arena.keep(vec![1, 2, 3]); // nobody would free its memory
    /// ```
    ///
    /// ```
    /// # let arena = permacode::CodeArena::new()?;
    /// let numbers = arena.keep([1, 2, 3])?; // an array has none of its own
    /// assert_eq!(numbers[2], 3);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// One atomic operation, and the move. It takes the value's bytes of the arena's records, beside the records of modules and names. A system
    /// call for each 64 KiB of them, where the first page is full. No allocation.
    pub fn keep<'a, T: 'a>(&'a self, value: T) -> Result<&'a T, Error> {
        const {
            assert!(
                !core::mem::needs_drop::<T>(),
                "a kept value is never dropped: hold what owns memory in the machine, and keep what has no destructor; \
                 for a side table and for `Transients` call their own `keep`"
            );
            assert!(align_of::<T>() <= RECORD_ALIGN, "a kept value is aligned to at most 64 bytes");
        }
        let place = self.store().claim_record(Layout::new::<T>())?.cast::<T>();
        // SAFETY: memory for one `T` in the ledger, aligned to that, and nobody else's: see 1 and 2 in the head of this module. It lives as long
        // as the arena, which is borrowed for 'a.
        unsafe {
            place.write(value);
            Ok(place.as_ref())
        }
    }

    /// Keeps a part of this crate, as [`keep`](Self::keep) does, and ends it with the arena. If that fails, the part is dropped.
    pub(crate) fn keep_until_end<'a, T: Ends + 'a>(&'a self, value: T) -> Result<&'a T, Error> {
        const { assert!(align_of::<Holding<T>>() <= RECORD_ALIGN) };
        let place = self.store().claim_record(Layout::new::<Holding<T>>())?.cast::<Holding<T>>();
        // SAFETY: as in `keep`, for the value with its head. The list is that of the arena in whose ledger it lies. The function is that of
        // the value's type.
        unsafe {
            place.write(Holding { head: Held { end: end::<T>, older: ptr::null_mut() }, value });
            self.kept.push(place.cast());
            Ok(&(*place.as_ptr()).value)
        }
    }
}

/// Ends a kept value.
///
/// # Safety
///
/// 1. It is the head of a `Holding<T>`, with the right to all of it.
/// 2. The value is borrowed by nobody, and is not used afterwards.
unsafe fn end<T: Ends>(head: NonNull<Held>) {
    let holding = head.cast::<Holding<T>>().as_ptr();
    // SAFETY: the caller's promises. No reference to the value is made.
    unsafe { T::end(NonNull::new_unchecked(&raw mut (*holding).value)) };
}

impl Kept {
    /// A list of none.
    pub(super) const fn new() -> Self {
        Self { newest: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Adds a value.
    ///
    /// # Safety
    ///
    /// 1. It is a head that is in no list, and the caller's alone.
    /// 2. It lies in the ledger of the arena that the list is part of, and fits its `end`.
    unsafe fn push(&self, head: NonNull<Held>) {
        let mut newest = self.newest.load(Relaxed);
        loop {
            // SAFETY: the caller's promise (1); nobody has found it yet.
            unsafe { (*head.as_ptr()).older = newest };
            // Release: whoever takes the list down finds all of it whole.
            match self.newest.compare_exchange_weak(newest, head.as_ptr(), Release, Relaxed) {
                Ok(_) => return,
                Err(now) => newest = now,
            }
        }
    }

    /// Ends all values, the newest first.
    fn end(&mut self) {
        // Relaxed: nobody else has the arena, so what they wrote came before.
        while let Some(head) = NonNull::new(self.newest.load(Relaxed)) {
            // SAFETY: a head of this list, in the ledger of an arena that is about to go: nobody borrows it any more. It leaves the list here, so
            // it ends once.
            unsafe {
                let Held { end, older } = head.read();
                self.newest.store(older, Relaxed);
                end(head);
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        Ending(self).0.end();
    }
}

/// Ends what is left when one end panics.
struct Ending<'k>(&'k mut Kept);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
