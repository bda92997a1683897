//! An interpreter as one value: its arenas, and the machine that borrows them.
//!
//! ```text
//!   Engine │ machine ─┐ │ home ─┐                     moves as a whole
//!                     ▼         ▼
//!   heap's own pages ├ DualArena { code │ heap } ┤     does not move
//!                          │        └──▶ objects
//!                          └──▶ code │ records: side tables, closures, `Transients`, all kept
//! ```
//!
//! # Why it is sound
//!
//! Let `'a` be the time from [`Engine::new`]'s call of `make` until the machine is dropped.
//!
//! 1. **The arenas stay for `'a`.** Their value is moved to the heap's own pages before anybody borrows it, and is read out again after the
//!    machine is gone. It is never borrowed mutably in between. So `&'a DualArena` is true, wherever the engine is moved.
//! 2. **`make` and the closures of [`Engine::enter`] are programs for every lifetime**, hence for `'a`. Lifetimes do not exist at run time, so
//!    the call that is written with another one, `'static`, is that very call.
//! 3. **Nothing that names `'a` gets out.** Both closures accept every lifetime. So no captured variable, no result, no error and no panic's payload
//!    has `'a` in its type, because its type is chosen before. The machine is not lent in any other way, and `Debug` does not show it.
//! 4. **Nothing shorter gets in, and no other machine.** A closure must fit a machine of every lifetime. So it can store there only what
//!    it got from this machine, or what outlives all that the type [`Machine`] names. It cannot swap two engines' machines, whose lifetimes are two.
//! 5. **Variance does not matter.** A closure gets the machine at `'a`, neither shorter nor longer, and mutably. What one call ties, the next sees at
//!    the same lifetime. So a machine may be invariant, as one with a `Cell` or a `CodeSlot` is.
//! 6. **The machine goes first**, and its `Drop` finds everything alive: arenas, objects, transient code, all that is kept. What is
//!    [kept](crate::CodeArena::keep) has no destructor of the program's. So no destructor sees something that is gone, whatever the order of fields.
//! 7. **A panic loses nothing.** In `make`, the arenas are dropped. In `enter`, the machine is as the closure left it, and is whole, as after any
//!    `&mut`. In the machine's `Drop`, the rest of it is dropped and then the arenas.
//! 8. **No second call while one runs.** `enter` borrows the engine mutably, and so does nothing else at that time.
//! 9. **Another thread gets all or nothing.** The engine is `Send` if its machine is, at every lifetime. Such a machine has no reference to the
//!    heap, which is not `Sync`. Arenas may be dropped on any thread. It is never `Sync`.
//! 10. **A leak is a leak.** An engine that is forgotten keeps its pages, and its machine can be reached no more.
//! 11. **Nothing is promised to the compiler that ends early.** The machine lies in a `MaybeUninit`. So a call that takes an engine by value does not take
//!     the arenas to outlive the call.
//!
//! In a forked child all of it is the child's own: there is no lock and no thread.

use super::machine::Machine;
use crate::dual::DualArena;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::{self, NonNull};

/// An interpreter as one value: two arenas, and a machine that borrows them.
///
/// Store it, move it, put many of them into a vector, drop it. Whatever the machine holds borrows the arenas for one lifetime, which the
/// engine hides. Side tables, closures and transient code lie in the arena: see [`CodeArena::keep`](crate::CodeArena::keep). So the machine
/// needs one constructor from a `&'a DualArena`, and it is the same for the [three lives](crate::guide::lives) of an interpreter.
///
/// | | |
/// | --- | --- |
/// | [`new`](Self::new) | makes the machine on the arenas |
/// | [`enter`](Self::enter) | lends it to a closure |
/// | [`arenas`](Self::arenas) | shows the arenas, for statistics |
/// | [`into_arenas`](Self::into_arenas) | drops the machine, and gives the arenas back |
///
/// For code without a lifetime in your own stores, see [`Owned`](crate::Owned) and the [guide](crate::guide::owners).
///
/// ```
/// use permacode::kit::Machine;
/// use permacode::side::CallCounter;
/// use permacode::{DualArena, Engine, Error, Permanent, SideTable, Sites};
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     ops: &'a [u8],
///     calls: Sites,
/// }
///
/// struct Vm<'a> {
///     main: &'a Code<'a>,
///     calls: &'a SideTable<'a, CallCounter>,
/// }
///
/// impl Machine for Vm<'_> {
///     type At<'a> = Vm<'a>;
/// }
///
/// impl<'a> Vm<'a> {
///     fn new(arenas: &'a DualArena) -> Result<Self, Error> {
///         let module = arenas.code.load("main")?;
///         let main = module.alloc(Code { ops: module.alloc_slice_copy(&[1, 2, 3])?, calls: module.sites(1)? })?;
///         module.seal()?;
///         Ok(Self { main, calls: SideTable::new(&arenas.code)?.keep()? })
///     }
///
///     fn run(&self) -> Result<u32, Error> {
///         self.calls.of(self.main.calls)?[0].hit(u32::MAX);
///         Ok(self.main.ops.iter().map(|op| u32::from(*op)).sum())
///     }
/// }
///
/// let mut engine: Engine<Vm<'static>> = Engine::new(DualArena::new()?, |arenas| Vm::new(arenas))?;
/// assert_eq!(engine.enter(|vm| vm.run())?, 6);
/// let mut moved = Box::new(engine);
/// assert_eq!(moved.enter(|vm| vm.run())?, 6);
/// # Ok::<(), Error>(())
/// ```
///
/// # Threads
///
/// `Send` if the machine is, at every lifetime; never `Sync`. A machine with a heap is not `Send`. The [guide](crate::guide::async_machines)
/// says what to do then.
///
/// # Drop
///
/// The machine is dropped first, then the arenas. The machine's `Drop` may use all that it borrows.
///
/// # Variance
///
/// Invariant in `M`.
pub struct Engine<M: Machine> {
    /// Initialised, until it is dropped. It borrows the arenas at a lifetime that is not true, and that no one sees.
    machine: MaybeUninit<M::At<'static>>,
    /// Dropped after the machine.
    home: Home,
}

// SAFETY: see 9 in the head of this module. The arenas are owned, and both may go to another thread. The machine may too, whatever its lifetime
// is. Nobody outside has a reference to either.
unsafe impl<M: Machine> Send for Engine<M> where for<'a> M::At<'a>: Send {}

/// The arenas, in memory of their own.
struct Home(NonNull<DualArena>);

impl<M: Machine> Engine<M> {
    /// Makes a machine on the arenas.
    ///
    /// `make` is commonly `|arenas| Vm::new(arenas)`. The name of the function alone, `Vm::new`, does not do in an `impl<'a> Vm<'a>`: its
    /// lifetime is then chosen before the call.
    ///
    /// # Errors
    ///
    /// Those of `make`. The arenas are dropped then, also if `make` panics.
    ///
    /// ```
    /// use permacode::kit::Machine;
    /// use permacode::testing::Pages; // feature `testing`
    /// use permacode::{DualArena, Engine, Error};
    ///
    /// struct Vm<'a>(&'a str);
    ///
    /// impl Machine for Vm<'_> {
    ///     type At<'a> = Vm<'a>;
    /// }
    ///
    /// let pages = Pages::ordinary();
    /// let load = |name: &str| {
    ///     Engine::<Vm<'_>>::new(DualArena::with_pages(pages.clone())?, |arenas| {
    ///         Ok(Vm(arenas.code.load(name)?.alloc_str("text")?))
    ///     })
    /// };
    /// assert_eq!(load("m")?.enter(|vm| vm.0.len()), 4);
    /// assert!(matches!(load(&"long".repeat(1 << 22)), Err(Error::Bookkeeping { .. }))); // a name of 16 MiB
    /// assert_eq!(pages.live(), 0);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// One move of the arenas, some 6 KiB, into memory of the heap's own, and what `make` costs. No allocation, no system call.
    pub fn new<E>(
        arenas: DualArena,
        make: impl for<'a> FnOnce(&'a DualArena) -> Result<M::At<'a>, E>,
    ) -> Result<Self, E> {
        let home = Home(arenas.go_home());
        // SAFETY: the arenas lie there until `home` is dropped, which is after the machine: see 1 to 4 in the head of this module.
        let machine = make(unsafe { home.0.as_ref() })?;
        Ok(Self { machine: MaybeUninit::new(machine), home })
    }

    /// Lends the machine to a closure, and returns what the closure returns.
    ///
    /// The closure works for a machine of any lifetime. So it can return numbers, text, and what you copy, but no reference from inside:
    ///
    /// ```compile_fail
    /// # use permacode::kit::Machine;
    /// # use permacode::{DualArena, Engine, Error};
    /// # struct Vm<'a>(&'a str);
    /// # impl Machine for Vm<'_> { type At<'a> = Vm<'a>; }
    /// # let mut engine: Engine<Vm<'static>> =
    /// #     Engine::new(DualArena::new()?, |arenas| Ok::<_, Error>(Vm(arenas.code.load("m")?.alloc_str("text")?)))?;
    /// let text = engine.enter(|vm| vm.0); // lifetime may not live long enough
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// ```
    /// # use permacode::kit::Machine;
    /// # use permacode::{DualArena, Engine, Error};
    /// # struct Vm<'a>(&'a str);
    /// # impl Machine for Vm<'_> { type At<'a> = Vm<'a>; }
    /// # let mut engine: Engine<Vm<'static>> =
    /// #     Engine::new(DualArena::new()?, |arenas| Ok::<_, Error>(Vm(arenas.code.load("m")?.alloc_str("text")?)))?;
    /// let text = engine.enter(|vm| vm.0.to_owned());
    /// assert_eq!(text, "text");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// A closure that needs the engine again, such as a function of the host that the script calls, gets the machine as an argument instead.
    /// If the closure panics, the machine is as it left it, as with any `&mut`.
    ///
    /// Costs nothing.
    #[inline(always)]
    pub fn enter<R>(&mut self, with: impl for<'a> FnOnce(&mut M::At<'a>) -> R) -> R {
        // SAFETY: initialised. `with` is a program for every lifetime, also for that which the arenas have: see 2 to 5 in the head.
        with(unsafe { self.machine.assume_init_mut() })
    }

    /// Returns the arenas, for statistics and for what they can be asked. Costs nothing.
    ///
    /// ```
    /// # use permacode::kit::Machine;
    /// # use permacode::{DualArena, Engine, Error};
    /// # struct Vm<'a>(&'a DualArena);
    /// # impl Machine for Vm<'_> { type At<'a> = Vm<'a>; }
    /// # let mut engine: Engine<Vm<'static>> = Engine::new(DualArena::new()?, |arenas| Ok::<_, Error>(Vm(arenas)))?;
    /// engine.enter(|vm| vm.0.code.load("m").map(drop))?;
    /// println!("{}", engine.arenas().heap.stats());
    /// assert_eq!(engine.arenas().code.stats().modules, 1);
    /// # Ok::<(), Error>(())
    /// ```
    #[inline]
    pub fn arenas(&self) -> &DualArena {
        // SAFETY: the arenas lie there as long as this value lives, and are borrowed mutably by nobody.
        unsafe { self.home.0.as_ref() }
    }

    /// Drops the machine, and returns its arenas with all that was loaded and kept.
    ///
    /// For another machine on the same code, or to [leak](DualArena::leak) them. If the machine's `Drop` panics, the arenas are dropped.
    ///
    /// ```
    /// # use permacode::kit::Machine;
    /// # use permacode::{DualArena, Engine, Error};
    /// # struct Vm<'a>(&'a DualArena);
    /// # impl Machine for Vm<'_> { type At<'a> = Vm<'a>; }
    /// # let mut engine: Engine<Vm<'static>> = Engine::new(DualArena::new()?, |arenas| Ok::<_, Error>(Vm(arenas)))?;
    /// engine.enter(|vm| vm.0.code.load("prelude").map(drop))?;
    /// let arenas = engine.into_arenas();
    /// assert_eq!(arenas.code.stats().modules, 1);
    /// let next: Engine<Vm<'static>> = Engine::new(arenas, |arenas| Ok::<_, Error>(Vm(arenas)))?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The machine's `Drop`, and one move of some 6 KiB.
    pub fn into_arenas(self) -> DualArena {
        let mut engine = ManuallyDrop::new(self);
        // SAFETY: the engine is not dropped, so its fields are this function's: each is taken once. The machine goes first.
        let home = unsafe {
            let home = ptr::read(&engine.home);
            engine.machine.assume_init_drop();
            home
        };
        home.into_arenas()
    }
}

impl<M: Machine> Drop for Engine<M> {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used after. The arenas go after it, since `home` is a field, also if this panics.
        unsafe { self.machine.assume_init_drop() };
    }
}

impl Home {
    fn into_arenas(self) -> DualArena {
        let home = ManuallyDrop::new(self);
        // SAFETY: written by `go_home`, and read out once: `home` is not dropped.
        unsafe { home.0.read() }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // SAFETY: written by `go_home`, and read out once. Nobody borrows the arenas any more.
        drop(unsafe { self.0.read() });
    }
}

impl<M: Machine> fmt::Debug for Engine<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("arenas", self.arenas()).finish_non_exhaustive()
    }
}
