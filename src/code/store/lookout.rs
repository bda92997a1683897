//! The place of a code arena that a signal handler reads when it is told an address: where code lies, and whose it is.
//!
//! ```text
//!   POSTS  ┌ post ┬ post ┬ ┄ ┐       the arena's ledger:  ┌ lookout: range of code, prefix, first module ┐
//!          └──┼───┴──────┴ ┄ ┘                            └────────────────▲─────────────────────────────┘
//!             └──────────────────────────────────────────────────────────┘
//! ```
//!
//! An arena's own value may be moved, so a handler never reads it. A *lookout* is a record of the ledger, and stays where it is as long as the
//! arena's memory does. It leads only to what stays as well: records, and the prefix, whose tables lie in the arena's memory or in its own. So a
//! module is found by a walk over all, and not by the page table, part of whose state moves.
//!
//! Who looks, when memory goes, and why both go together, is said in `post.rs`.

use super::code_store::CodeStore;
use super::module_list::ModuleRecord;
use super::post::Post;
use super::prefix::Prefix;
use super::record::{AtomicRecord, Record};
use crate::error::Error;
use alloc::sync::Arc;
use core::iter::successors;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

/// Arenas of a process that can be looked at at once.
const CAPACITY: usize = 64;

/// Extents that a look goes over, at most: if a stray store made a circle of them, the look still ends.
const MOST: usize = 1 << 24;

static POSTS: [Post<Lookout>; CAPACITY] = [const { Post::free() }; CAPACITY];

/// The words of an arena on its code.
pub(in crate::code) struct Lookout {
    /// The address of the first byte of all code.
    base: usize,
    /// Bytes of code pages behind the prefix, used or not.
    len: usize,
    /// Bytes of the prefix.
    in_front: usize,
    prefix: Option<NonNull<dyn Prefix>>,
    /// The module that was finished first.
    first: AtomicRecord<ModuleRecord>,
}

// SAFETY: the prefix is only read, which any thread may do, as `Prefix: Sync` says. The rest is `Sync`.
unsafe impl Sync for Lookout {}

/// A place in the code pages of an arena.
pub(crate) enum Place<'p> {
    /// In a finished module: its name, and bytes from its beginning.
    Module(&'p str, usize),
    /// Elsewhere in them: nobody's, or of a module that is still open.
    NoModule,
}

/// The state of an arena's lookout.
pub(in crate::code) struct Posting {
    /// The number of the post, and one; 0 if the arena has none.
    post: AtomicUsize,
    /// The lookout, once it is complete.
    lookout: AtomicPtr<Lookout>,
}

impl Posting {
    pub(in crate::code) const fn none() -> Self {
        Self { post: AtomicUsize::new(0), lookout: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Gives the post up. Returns `false` if a handler may be looking at the arena's memory, which must then stay.
    pub(in crate::code) fn end(&mut self) -> bool {
        let post = self.post.get_mut().checked_sub(1).and_then(|number| POSTS.get(number));
        // SAFETY: the arena has the post, since nobody else puts its number there. The number is not looked at again.
        post.is_none_or(|post| unsafe { post.leave() })
    }
}

impl Lookout {
    /// The place of an address, if it lies in the code pages.
    fn place(&self, address: usize) -> Option<Place<'_>> {
        let offset = address.wrapping_sub(self.base);
        if offset >= self.in_front + self.len {
            return None;
        }
        let module = match offset.checked_sub(self.in_front) {
            None => self.prefixed(offset),
            Some(offset) => self.loaded(offset),
        };
        Some(module.map_or(Place::NoModule, |(name, offset)| Place::Module(name, offset)))
    }

    fn prefixed(&self, offset: usize) -> Option<(&str, usize)> {
        // SAFETY: it lives as long as the arena's memory, on both ways out of `StoreMemory`'s drop.
        let prefix = unsafe { self.prefix?.as_ref() };
        let (module, offset) = prefix.locate(offset)?;
        Some((prefix.module(module).0, offset))
    }

    fn loaded(&self, offset: usize) -> Option<(&str, usize)> {
        let modules = successors(self.first.get(), |module| module.get().next());
        let mut extents = modules.flat_map(|module| module.get().extents().map(move |extent| (module, extent)));
        extents.by_ref().take(MOST).find_map(|(module, extent)| {
            let offset = extent.get().position(offset)?;
            Some((module.get().name().get(), offset))
        })
    }
}

impl CodeStore {
    /// Lets [`look`] find this arena's code, until the store is dropped. It does nothing if that is so.
    pub(in crate::code) fn post_lookout(&self) -> Result<(), Error> {
        let posting = self.memory().posting();
        if posting.post.load(Relaxed) != 0 {
            return Ok(());
        }
        let free = POSTS.iter().position(Post::take).ok_or(Error::FaultReport { capacity: CAPACITY })?;
        let posted = self.lookout().map(|lookout| {
            if posting.post.compare_exchange(0, free + 1, Relaxed, Relaxed).is_err() {
                return false;
            }
            let site = NonNull::from(lookout.get());
            // Release, for `show_first` of other threads. The order of this and their exchange decides who tells the lookout of a first module.
            let _ = posting.lookout.compare_exchange(ptr::null_mut(), site.as_ptr(), AcqRel, Relaxed);
            self.show_first();
            // SAFETY: the post was taken just now. The record lies in the ledger, which stays until the store is dropped; its memory and the prefix
            // are given back only after `leave` returned `true`.
            unsafe { POSTS[free].open(site) };
            true
        });
        if !matches!(posted, Ok(true)) {
            // SAFETY: the post was taken just now and not opened.
            unsafe { POSTS[free].leave() };
        }
        posted.map(|_| ())
    }

    fn lookout(&self) -> Result<Record<'_, Lookout>, Error> {
        let pages = self.pages();
        // SAFETY: the record goes to this store's ledger, and `show_first` publishes modules of this store in it.
        let first = unsafe { AtomicRecord::empty() };
        self.record(Lookout {
            base: pages.prefix_at(0).addr().get(),
            len: pages.len(),
            in_front: pages.prefix(),
            prefix: self.memory().prefix_placed().and_then(|prefix| NonNull::new(Arc::as_ptr(prefix).cast_mut())),
            first,
        })
    }

    /// Tells the lookout, if there is one, of the module that was finished first, if there is one.
    ///
    /// A module's loader calls it when the module was appended. Whoever posts a lookout calls it when the lookout is known. Both first exchange the
    /// same pointer, so the second of them sees what the first did before.
    pub(in crate::code) fn show_first(&self) {
        let lookout = &self.memory().posting().lookout;
        let Err(lookout) = lookout.compare_exchange(ptr::null_mut(), ptr::null_mut(), AcqRel, Acquire) else { return };
        // SAFETY: it is a record of this store's ledger.
        let lookout = unsafe { &*lookout };
        if let Some(first) = self.modules().first() {
            // The first module is one and the same for whoever comes.
            lookout.first.set(first);
        }
    }
}

/// Looks for the arena in whose code pages an address lies, and shows the place. For signal handlers: it takes no lock and allocates nothing.
pub(crate) fn look<R>(address: usize, show: impl FnOnce(Place<'_>) -> R) -> Option<R> {
    let mut show = Some(show);
    POSTS.iter().find_map(|post| {
        post.look(|lookout: &Lookout| {
            let place = lookout.place(address)?;
            show.take().map(|show| show(place))
        })
    })
}
