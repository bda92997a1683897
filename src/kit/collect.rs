//! Types that a collector can look into: [`Collect`].
//!
//! This file has the promise, `core_types.rs`, `collections.rs` and `crate_types.rs` the types that keep it, `derive/` the check of users' types.

use super::marker::Marker;

/// A type that a collector can look into, so that it finds the objects that a value leads to.
///
/// Derive it. The derive shows each field to the [`Marker`]. A field that a collector cannot look into does not compile, and the error says
/// what to write in its place.
///
/// ```
/// use permacode::kit::Collect;
/// use permacode::{CodeRef, Gc, Permanent};
/// use std::cell::Cell;
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     ops: &'a [u8],
/// }
///
/// #[derive(Clone, Copy, Collect)]
/// enum Value<'h> {
///     Nil,
///     Int(i64),
///     Pair(Gc<'h, Pair<'h>>),
///     Function(Gc<'h, Function<'h>>),
/// }
///
/// #[derive(Collect)]
/// struct Pair<'h> {
///     head: Cell<Value<'h>>,
///     tail: Cell<Value<'h>>,
/// }
///
/// #[derive(Collect)]
/// struct Function<'h> {
///     code: CodeRef<'h, Code<'h>>,
///     captured: Cell<Option<Gc<'h, Function<'h>>>>,
/// }
/// # let heap = permacode::HeapArena::new()?;
/// # let pair = Gc::new(&heap, Pair { head: Cell::new(Value::Int(7)), tail: Cell::new(Value::Nil) })?;
/// # let code = CodeRef::new(&Code { ops: &[1] });
/// # let function = Gc::new(&heap, Function { code, captured: Cell::new(None) })?;
/// # pair.tail.set(Value::Pair(pair));
/// # pair.head.set(Value::Function(function));
/// # // SAFETY: no other object is used afterwards, and the closure only traces.
/// # assert_eq!(unsafe { heap.collect(|marker| marker.trace(&Value::Pair(pair))) }?.objects, 0);
/// # assert!(matches!(pair.head.get(), Value::Function(f) if f.code.get().ops == [1] && f.captured.get().is_none()));
/// # assert!(matches!(pair.tail.get(), Value::Pair(same) if Gc::ptr_eq(same, pair)) && !matches!(pair.head.get(), Value::Int(_)));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Which types a collector can look into
///
/// | | |
/// | --- | --- |
/// | pointers to objects | [`Gc`](crate::Gc) |
/// | groups of such types | arrays, slices, tuples of up to 12, [`Option`], [`Result`], `Cell`, `RefCell`, `OnceCell`, and your own types, by the derive |
/// | buffers in the heap | `allocator_api2::vec::Vec<T, &HeapArena>`, `allocator_api2::boxed::Box<T, &HeapArena>`, [`HeapString`](crate::HeapString) |
/// | hash tables in the heap, by feature `hashbrown` | `HashMap`, `HashSet` and `HashTable` of hashbrown 0.17 over a [`Tracked`](super::Tracked) |
/// | handles of code | [`CodeRef`](crate::CodeRef), [`CodeSlot`](crate::CodeSlot), [`CodeProxy`](crate::handles::CodeProxy), [`CodeRc`](crate::handles::CodeRc), [`CodeRcSlot`](crate::handles::CodeRcSlot) |
/// | permanent code, which leads to no object | `&T`, `&[T]` and `&str` of [`Permanent`](crate::Permanent) types, [`Name`](crate::Name), [`Sites`](crate::Sites) |
/// | values that lead nowhere | numbers, `bool`, `char`, `()`, [`NonZero`](core::num::NonZero), `PhantomData`, `Duration`, [`Plain`](crate::Plain) |
/// | side tables | [`SideTable`](crate::SideTable) of such entries: all of them are roots |
/// | where all of it lies | `&HeapArena`, `&CodeArena`, `&Transients` |
///
/// `fn` pointers are fine as fields of a derived type, if they are written out. Elsewhere (`Option<fn(&mut Vm)>`) use
/// [`Plain`](crate::Plain).
///
/// # What a collector cannot look into, and what to use in its place
///
/// A sweep runs no destructor. So an object must not own memory outside of the heap.
///
/// | | in an object | as a root |
/// | --- | --- | --- |
/// | `Vec<T>`, `VecDeque<T>` | `allocator_api2::vec::Vec<T, &'h HeapArena>` | show its elements: `marker.trace(&stack[..])` |
/// | `String` | `Gc<'h, str>`; if it grows, a [`HeapString`](crate::HeapString) | leave it out |
/// | `Box<T>`, `Rc<T>`, `&'h T` of an object | `Gc<'h, T>` | `marker.trace(&*value)` |
/// | `HashMap<K, V>` | hashbrown's, over a [`Tracked`](super::Tracked) | `marker.trace_all(map.values())` |
/// | [`HeapRc`](crate::HeapRc) | `Gc<'h, T>` | keep it out of a heap that is swept |
/// | [`LazyConstant`](crate::side::LazyConstant) | | a `Cell<Option<Gc<'h, T>>>` as the entry of the table |
/// | [`Owned`](crate::Owned) | [`CodeRef`](crate::CodeRef), or a number | leave it out |
///
/// # The derive's attributes
///
/// | | |
/// | --- | --- |
/// | `#[collect(plain)]` on a field | its type is `Copy + Send + 'static`, which is checked, and it is not looked into |
/// | `#[collect(unsafe_skip)]` on a field | it is not looked into. **You** promise that it leads to no object, and that nobody minds if it is never dropped |
/// | `#[collect(crate = "path")]` on the type | where this crate is, for those who re-export or rename it |
///
/// Type parameters become `T: Collect`.
///
/// # Safety
///
/// An implementation by hand promises:
///
/// 1. [`trace`](Self::trace) shows the marker each [`Gc`](crate::Gc), each buffer in a heap and each handle of code that the value holds. It
///    calls their `trace`, or [`Marker::mark`] for a buffer whose elements it shows as well.
/// 2. `trace` changes nothing, and neither allocates nor frees in a heap. It calls no other function of a heap or of `Transients`.
/// 3. [`LEADS`](Self::LEADS) is `false` only if `trace` shows the marker nothing, whatever the value.
///
/// `trace` may panic. The collection then frees nothing, and the panic goes on.
///
/// A value of a type that is `Send` counts as one that holds no object, as a `Gc` is not `Send`. A wrapper that is `Send` whatever it holds
/// hides objects from a collector.
#[diagnostic::on_unimplemented(
    message = "a collector cannot look into `{Self}`",
    label = "in an object of the heap: `Gc<'h, T>` for what it points to, `#[derive(Collect)]` for a type of your own",
    note = "`Vec<T>`: `allocator_api2::vec::Vec<T, &'h HeapArena>`; `String`: `Gc<'h, str>` or `HeapString<'h>`; `Box<T>`, `Rc<T>`, `HeapRc<T>`, `&T`: `Gc<'h, T>`",
    note = "`HashMap<K, V>`, `HashSet<T>`: hashbrown's, over a `kit::Tracked<'h>`, with the feature `hashbrown` of permacode",
    note = "a collection of allocator-api2 0.3 or 0.4: use `permacode::allocator_api2`, which is 0.2, or the feature `allocator-api2-03` or `-04` of permacode",
    note = "roots that lie elsewhere: show their elements, `marker.trace(&stack[..])`, `marker.trace_all(map.values())`",
    note = "a foreign type that is `Copy` and `'static`, or an alias of `fn(&mut Vm)`: `#[collect(plain)]` on the field; elsewhere `Plain<T>`",
    note = "a type that leads to no object and need not be dropped: `#[collect(unsafe_skip)]` on the field"
)]
pub unsafe trait Collect {
    /// `false` if no value leads anywhere. An object of the type is then marked and not looked into, which costs less.
    ///
    /// The derive sets it: `false` if it is for each field.
    ///
    /// ```
    /// use permacode::Gc;
    /// use permacode::kit::Collect;
    ///
    /// #[derive(Collect)]
    /// struct Complex {
    ///     real: f64,
    ///     imaginary: f64,
    /// }
    /// # assert_eq!(Complex { real: 1.0, imaginary: 2.0 }.real, 2.0 - 1.0);
    /// # assert_eq!(Complex { real: 1.0, imaginary: 2.0 }.imaginary, 2.0);
    /// assert!(!<Complex as Collect>::LEADS && <Option<Gc<'_, Complex>> as Collect>::LEADS);
    /// ```
    const LEADS: bool = true;

    /// Shows a marker everything that the value leads to. The derive writes it.
    ///
    /// Do not call it: [`Marker::trace`] does, for your roots and for each object.
    ///
    /// ```
    /// use permacode::kit::{Collect, Marker};
    /// use permacode::{Gc, HeapArena};
    ///
    /// /// A number with a tag in its lowest bit, or the address of an object.
    /// #[derive(Clone, Copy)]
    /// struct Word<'h>(*const u64, std::marker::PhantomData<Gc<'h, u64>>);
    ///
    /// impl<'h> Word<'h> {
    ///     fn object(self) -> Option<Gc<'h, u64>> {
    ///         // SAFETY: without the bit, it came from `Gc::as_ptr`, of such an object.
    ///         (self.0.addr() & 1 == 0).then(|| unsafe { Gc::from_ptr(self.0) })
    ///     }
    /// }
    ///
    /// // SAFETY: the one object that it may lead to is shown.
    /// unsafe impl Collect for Word<'_> {
    ///     fn trace(&self, marker: &mut Marker<'_>) {
    ///         marker.trace(&self.object());
    ///     }
    /// }
    ///
    /// let heap = HeapArena::new()?;
    /// let words = [Word(Gc::as_ptr(Gc::new(&heap, 1 << 60)?), Default::default()), Word(7 as *const u64, Default::default())];
    /// // SAFETY: no other object is used afterwards, and the closure only traces.
    /// assert_eq!(unsafe { heap.collect(|marker| marker.trace(&words)) }?.objects, 0);
    /// assert_eq!((words[0].object().as_deref(), words[1].object()), (Some(&(1 << 60)), None));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    fn trace(&self, marker: &mut Marker<'_>);
}
