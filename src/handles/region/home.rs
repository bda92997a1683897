//! A place of transient code that owns its heap, and keeps its arena.
//!
//! ```text
//!   Home, Home ─▶ Shared { transients │ handles │ clear │ heap │ arena ─▶ Arc<CodeArena> }
//!                             ▲                            └▶ its reservation ┐
//!   CodeRc ─▶ Part ─▶ Region ─┘ owner                 parts and regions lie in there
//! ```
//!
//! `Transients` borrows a heap and an arena. Here it borrows its neighbours in one object, at a lifetime that is not
//! true, `'static`. Four things make that right:
//!
//! 1. The object does not move, and its heap and its arena are never lent mutably.
//! 2. It lives while `handles + regions > 0`: as long as there is a [`Home`], or a region that its `Transients` lists.
//!    Each [`CodeRc`](crate::handles::CodeRc) counts a part of such a region.
//! 3. Nobody outside sees the `'static`. [`Home::transients`] gives a view that is as short as the borrow, since
//!    `Transients` is covariant. Whatever is made of it borrows a handle.
//! 4. Whoever takes the last of both away frees the object: [`Home::drop`], and [`release_part`].
//!
//! A region that is lost keeps the home, as an `Rc` in a leaked value keeps what it counts. A sweep ends such regions.

use super::part::Part;
use super::pieces::boxed;
use super::region::Region;
use super::transients::Transients;
use crate::code::{CodeArena, Sites};
use crate::error::Error;
use crate::heap::HeapArena;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::Cell;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;

/// A place of transient code that owns its heap and keeps its arena: no lifetime, and the last one that goes frees it.
///
/// Make one for each thread that evaluates code, and [`CodeRc`](crate::handles::CodeRc)s in it. The home and its handles
/// share the heap. A handle alone keeps all of it, so the order in which they go does not matter.
///
/// As an `Rc`: one word, a plain count, `!Send`. [`Transients`] is the same place for those who own heap and arena
/// themselves.
///
/// # Leaks
///
/// * A handle that is never dropped keeps its home for ever. Objects of the heap that hold handles are such a place,
///   unless something drops what lies in them. Before the last `Home` goes, let a [sweep](Transients::sweep) end their
///   code.
/// * A [closure](Self::clearing) that owns a handle of its own home is a cycle, and keeps it.
///
/// ```
/// use permacode::handles::{CodeRc, Home};
/// use permacode::{CodeArena, HeapArena, Permanent};
/// use std::sync::Arc;
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
/// }
///
/// /// A machine without a lifetime.
/// struct Machine {
///     home: Home,
///     functions: Vec<CodeRc<Code<'static>>>,
/// }
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = Arc::new(CodeArena::new()?);
/// let mut machine = Machine { home: Home::new(arena, HeapArena::new()?)?, functions: Vec::new() };
/// let code = CodeRc::new(&machine.home, |loader| {
///     loader.alloc(Code { name: loader.intern("<eval>")?, ops: loader.alloc_slice_copy(&[1, 2])? })
/// })?;
/// machine.functions.push(code);
/// let last = machine.functions[0].clone();
/// drop(machine);
/// assert_eq!(last.get().ops, [1, 2]); // the handle keeps heap and arena
/// # Ok(())
/// # }
/// ```
pub struct Home(NonNull<Shared>);

/// The object that homes and regions share.
pub(in crate::handles) struct Shared {
    /// First, so that it goes first: it borrows all of the others.
    transients: Transients<'static>,
    /// Homes; `usize::MAX` says that the count overflowed, and that the object stays.
    handles: Cell<usize>,
    clear: Option<Box<dyn Fn(Sites)>>,
    heap: HeapArena,
    arena: Arc<CodeArena>,
    /// The home as handles of its code see it, which count regions and no home.
    uncounted: ManuallyDrop<Home>,
}

// As of `Transients`: a lowering function that panics leaves nothing behind.
impl UnwindSafe for Home {}
impl RefUnwindSafe for Home {}

impl Home {
    /// Makes a home of a heap and of an arena, which other homes and threads may share. Costs one object of some 800
    /// bytes from the global allocator.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] when there is none for the object. Heap and arena are dropped then.
    ///
    /// ```
    /// use permacode::handles::Home;
    /// use permacode::{CodeArena, HeapArena};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let homes = std::thread::scope(|scope| {
    ///     let threads = [0, 1].map(|_| scope.spawn(|| Home::new(arena.clone(), HeapArena::new()?).map(drop)));
    ///     threads.map(|thread| thread.join().unwrap())
    /// });
    /// assert!(homes.iter().all(Result::is_ok));
    /// assert_eq!(Arc::strong_count(&arena), 1); // both are gone
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(arena: Arc<CodeArena>, heap: HeapArena) -> Result<Self, Error> {
        Self::with(arena, heap, None)
    }

    /// Makes a home with a closure that clears site numbers before they are used again: see [`Transients::clearing`].
    ///
    /// The numbers may have been another home's in this arena, also on another thread. So clear them in every table
    /// that code of this home uses. The closure lives as long as the home. A handle of the home's own code in it is
    /// never dropped, and neither is the home.
    ///
    /// Costs one object more than [`new`](Self::new), for what the closure owns.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new). The closure is dropped too.
    ///
    /// ```
    /// use permacode::handles::{CodeRc, Home};
    /// use permacode::{CodeArena, HeapArena, Sites};
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    /// use std::sync::Arc;
    ///
    /// let caches = Rc::new(RefCell::new(vec![0; 16]));
    /// let table = caches.clone();
    /// let clear = move |sites: Sites| table.borrow_mut()[sites.range()].fill(0);
    /// let home = Home::clearing(Arc::new(CodeArena::new()?), HeapArena::new()?, clear)?;
    /// for _ in 0..1000 {
    ///     let code = CodeRc::<Sites>::new(&home, |loader| loader.alloc(loader.sites(1)?))?;
    ///     let cache = &mut caches.borrow_mut()[code.get().range()][0];
    ///     assert_eq!(std::mem::replace(cache, 7), 0);
    /// }
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn clearing(arena: Arc<CodeArena>, heap: HeapArena, clear: impl Fn(Sites) + 'static) -> Result<Self, Error> {
        Self::with(arena, heap, Some(boxed(clear)?))
    }

    fn with(arena: Arc<CodeArena>, heap: HeapArena, clear: Option<Box<dyn Fn(Sites)>>) -> Result<Self, Error> {
        let memory = Box::into_raw(boxed(MaybeUninit::<Shared>::uninit())?);
        let at = NonNull::new(memory.cast::<Shared>()).ok_or(Error::Memory { bytes: size_of::<Shared>() })?;
        let shared = at.as_ptr();
        // SAFETY:
        // 1. The memory is new, of this layout, and nobody else's. Each field is written once, before it is referred to.
        // 2. What `transients` borrows stays in its place, unchanged, until `transients` is dropped: see the head of the module.
        unsafe {
            (&raw mut (*shared).clear).write(clear);
            (&raw mut (*shared).heap).write(heap);
            (&raw mut (*shared).arena).write(arena);
            (&raw mut (*shared).handles).write(Cell::new(1));
            (&raw mut (*shared).uncounted).write(ManuallyDrop::new(Self(at)));
            let mut transients = Transients::new(&*Arc::as_ptr(&(*shared).arena), &(*shared).heap);
            if let Some(clear) = &(*shared).clear {
                transients = transients.clearing(&**clear);
            }
            (&raw mut (*shared).transients).write(transients.in_home(at));
        }
        Ok(Self(at))
    }

    fn shared(&self) -> &Shared {
        // SAFETY: the object lives as long as it counts this handle; or, for a handle that is not counted, a region.
        unsafe { self.0.as_ref() }
    }

    /// The place of transient code, at a lifetime that must not leave this crate.
    pub(in crate::handles) fn owner(&self) -> &'static Transients<'static> {
        // SAFETY: the object lives as long as regions of this place do: who makes one asks with a handle, and keeps that until the region
        // is listed.
        unsafe { &(*self.0.as_ptr()).transients }
    }

    /// The home of a region, which keeps it.
    ///
    /// # Safety
    ///
    /// The region is of a home.
    pub(in crate::handles) unsafe fn of<'s>(region: &'s Region<'static>) -> &'s Self {
        // SAFETY: the caller's promise; an object lives as long as its regions.
        unsafe { &region.owner().home().unwrap_unchecked().as_ref().uncounted }
    }

    /// Returns the place of transient code itself, for what [`CodeRef`](crate::CodeRef)s and sweeps need of it. Costs
    /// nothing.
    ///
    /// Handles that are made with it borrow this home:
    ///
    /// ```compile_fail,E0505
    /// # use permacode::{CodeArena, CodeRef, HeapArena, handles::Home};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let code: CodeRef<'_, u32> = CodeRef::transient(home.transients(), |loader| loader.alloc(7))?;
    /// drop(home);
    /// println!("{}", code.get());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena};
    /// # use permacode::handles::{CodeRc, Home};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let frame: CodeRef<'_, u32> = CodeRef::transient(home.transients(), |loader| loader.alloc(7))?;
    /// let function = CodeRc::<u32>::new(&home, |loader| loader.alloc(8))?;
    /// assert_eq!((*frame.get(), *function.get(), home.transients().stats().regions), (7, 8, 2));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn transients(&self) -> &Transients<'_> {
        &self.shared().transients
    }

    /// Returns the heap, which is the home's as long as there is a home or a handle. Costs nothing.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::Home};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let mut numbers = allocator_api2::vec::Vec::new_in(home.heap());
    /// numbers.push(7u64);
    /// assert_eq!(home.heap().stats().objects, 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn heap(&self) -> &HeapArena {
        &self.shared().heap
    }

    /// Returns the arena that names and site numbers come from, and that code is promoted to. Costs nothing.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::Home};
    /// # use std::sync::Arc;
    /// let home = Home::new(Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let arena = home.arena().clone();
    /// drop(home);
    /// assert_eq!(Arc::strong_count(&arena), 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn arena(&self) -> &Arc<CodeArena> {
        &self.shared().arena
    }

    /// Returns `true` if both are one home. Costs a comparison of two words.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::Home};
    /// # let arena = std::sync::Arc::new(CodeArena::new()?);
    /// let [one, other] = [arena.clone(), arena].map(|arena| Home::new(arena, HeapArena::new()?));
    /// let (one, other) = (one?, other?);
    /// assert!(one.same(&one.clone()) && !one.same(&other));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn same(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Shared {
    /// Frees the object if nobody needs it any more.
    ///
    /// # Safety
    ///
    /// 1. The object is live, and the pointer is to all of it.
    /// 2. Unless it has handles or regions, nobody uses it after.
    unsafe fn free_if_unused(at: NonNull<Self>) {
        // SAFETY: the caller's promise (1).
        let shared = unsafe { at.as_ref() };
        if shared.handles.get() == 0 && shared.transients.regions().len() == 0 {
            // SAFETY: the caller's promise (2), and it has neither.
            unsafe { Self::free(at) };
        }
    }

    /// Frees the object: first what borrows the rest of it, last its memory.
    ///
    /// # Safety
    ///
    /// It is live, the pointer is to all of it, and nobody uses it any more.
    #[cold]
    unsafe fn free(at: NonNull<Self>) {
        let _memory = Memory(at);
        // SAFETY: the caller's promise. Fields go in their order, so nothing goes before what borrows it.
        unsafe { at.as_ptr().drop_in_place() };
    }
}

/// Memory of the object, to be given back after all of its fields are gone: also if a destructor of a closure panics.
struct Memory(NonNull<Shared>);

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it was boxed as memory of this type, and is given back once.
        drop(unsafe { Box::from_raw(self.0.as_ptr().cast::<MaybeUninit<Shared>>()) });
    }
}

/// Takes a part of a home's code away that no handle counts any more. Its region goes with its last part, and the home
/// with the last of its regions.
///
/// # Safety
///
/// 1. The part is live, of a region of a home, and nobody uses it after.
/// 2. All that its region keeps, down the chain, is of the same home.
#[cold]
pub(in crate::handles) unsafe fn release_part(part: NonNull<Part<'static>>) {
    // SAFETY: the caller's promise (1). The region is live as long as the part, and the home as long as the region. Regions that go are of
    // this home (2), so no other one is left without a handle and a region.
    unsafe {
        // One handle more until all is done: what a region kept may be the last share in an arena. Then a page source runs the
        // program's code, which may drop the last handle of this home.
        let home = Home::of(part.as_ref().region.as_ref()).clone();
        Region::release(part);
        drop(home);
    }
}

impl Clone for Home {
    /// One more handle of the home. Costs an addition.
    #[inline]
    fn clone(&self) -> Self {
        let handles = &self.shared().handles;
        handles.set(handles.get().saturating_add(1));
        Self(self.0)
    }
}

impl Drop for Home {
    #[inline]
    fn drop(&mut self) {
        let handles = &self.shared().handles;
        let left = match handles.get() {
            usize::MAX => return,
            count => count - 1,
        };
        handles.set(left);
        if left == 0 {
            // SAFETY: 1. It was live until now, and the pointer is the one that it was made with. 2. This was the last handle.
            unsafe { Shared::free_if_unused(self.0) };
        }
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("stats", &self.transients().stats()).finish_non_exhaustive()
    }
}
