//! The type of a machine, whatever the lifetime of its arenas.

/// A machine that borrows its arenas, as a type that an [`Engine`](crate::Engine) can name at any lifetime.
///
/// A machine is a struct with a lifetime. The implementation says which, in one line:
///
/// ```
/// use permacode::kit::Machine;
/// use permacode::{CodeRef, DualArena};
///
/// struct Vm<'a> {
///     arenas: &'a DualArena,
///     main: Option<CodeRef<'a, u32>>,
/// }
///
/// impl Machine for Vm<'_> {
///     type At<'a> = Vm<'a>;
/// }
/// # fn both(vm: Vm<'_>) -> (&DualArena, Option<u32>) { (vm.arenas, vm.main.map(|main| *main.get())) }
/// # let arenas = DualArena::new()?;
/// # assert!(matches!(both(Vm { arenas: &arenas, main: None }), (_, None)));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// The engine is then an `Engine<Vm<'static>>`, as an owner of code is an [`Owned<Code<'static>>`](crate::Owned). A machine may borrow from
/// its host too. That lifetime stays as it is:
///
/// ```
/// use permacode::kit::Machine;
/// use permacode::{DualArena, Engine, Error};
/// use std::cell::Cell;
///
/// struct Vm<'a, 'host> {
///     arenas: &'a DualArena,
///     printed: &'host Cell<u32>,
/// }
///
/// impl<'host> Machine for Vm<'_, 'host> {
///     type At<'a> = Vm<'a, 'host>;
/// }
///
/// let printed = Cell::new(0);
/// let mut engine: Engine<Vm<'_, '_>> =
///     Engine::new(DualArena::new()?, |arenas| Ok::<_, Error>(Vm { arenas, printed: &printed }))?;
/// engine.enter(|vm| vm.printed.set(vm.arenas.code.stats().modules as u32 + 1));
/// assert_eq!(printed.get(), 1);
/// # Ok::<(), Error>(())
/// ```
pub trait Machine {
    /// The machine with arenas that live for `'a`.
    type At<'a>;
}
