//! What may lie in a code arena: [`Permanent`].
//!
//! This file has the promise, `permanent/impls.rs` the types of `core` that keep it, `derive/` the check of users' types.

mod impls;

use super::trace::Tracer;

/// A type whose values never change and are never dropped, so that they may lie in a code arena.
///
/// Derive it. The derive checks every field; a type that cannot be permanent does not compile, and the error says what to
/// use in its place. It costs nothing at run time; [`trace`](Permanent::trace) runs only while code is promoted or measured.
///
/// ```
/// use permacode::Permanent;
///
/// #[derive(Permanent)]
/// enum Const<'a> {
///     Nil,
///     Int(i64),
///     Str(&'a str),
///     Code(&'a Code<'a>),
/// }
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
///     consts: &'a [Const<'a>],
/// }
///
/// // The same type at another lifetime.
/// fn name<'x>(code: &<Code<'static> as Permanent>::At<'x>) -> &'x str {
///     code.name
/// }
///
/// let consts = [Const::Nil, Const::Int(1), Const::Str("one")];
/// assert_eq!(name(&Code { name: "main", ops: &[0, 1], consts: &consts }), "main");
/// ```
///
/// # What is permanent
///
/// Numbers, `bool`, `char`, [`NonZero`](core::num::NonZero), `()`, arrays, tuples of up to 12, [`Option`] and
/// [`PhantomData`](core::marker::PhantomData) of permanent types; `&'a T`, `&'a [T]` and `&'a str`; `fn` pointers of up to
/// 12 arguments (`fn`, `unsafe fn`, and both as `extern "C"`) whose arguments and result are `'static`;
/// [`Link`](crate::Link), [`Sites`](crate::Sites) and [`Name`](crate::Name).
///
/// `fn` pointers that take a lifetime with each call (`fn(&mut Vm)`) have no common implementation, but are fine as *fields*
/// of a derived type. To have one elsewhere (`Option<fn(&mut Vm)>`, `&'a [fn(&mut Vm)]`) derive on a struct that holds just
/// the pointer; it keeps the niche.
///
/// # What is not, and what to use in its place
///
/// | not permanent | in its place |
/// | --- | --- |
/// | `String` | `&'a str`, from `loader.alloc_str` or `loader.intern`; a [`Name`](crate::Name), from `loader.intern_name` |
/// | `Vec<T>`, `Box<[T]>` | `&'a [T]`, from `loader.alloc_slice_copy` and its kin |
/// | `Box<T>`, `Rc<T>`, `Arc<T>` | `&'a T`, from `loader.alloc` |
/// | `Cell`, `RefCell`, atomics, locks: caches, counters | a table outside of the code, indexed by a [`Sites`](crate::Sites) field |
/// | a reference that closes a cycle | [`Link`](crate::Link) |
/// | `*const T`, `*mut T`, `&mut T` | `&'a T` |
/// | `MaybeUninit`, unions | an enum, or an `Option` |
/// | `Range<T>` | two fields, `start` and `end` |
/// | `Result<T, E>` | two fields, or an enum of your own |
/// | `&CStr` | `&'a [u8]`, the nul with it where C will read it |
///
/// # The derive's attributes
///
/// On the type, `#[permanent(crate = "path")]` says where this crate's `Permanent` and `Tracer` are, for those who re-export them. On a
/// field, `#[permanent(fn_pointer = "for<'x> fn(&'x mut Vm) -> u8")]` says what a type alias stands for when that is such a `fn` pointer;
/// it is checked. Everything else is an error. A type without type parameters gets `Send` and `Sync` from the derive.
///
/// Type parameters become `T: Permanent`. One that has a bound of its own (`T: Clone`) must be free of lifetimes too,
/// `T: 'static + for<'x> Permanent<At<'x> = T>`: nobody could promise `T::At<'x>: Clone` for every `'x`. A bound that names
/// a lifetime must hold for all, `T: for<'x> Lookup<'x>`.
///
/// # Safety
///
/// Whoever implements this trait by hand promises that a value of type `Self`:
///
/// * contains no [`UnsafeCell`](core::cell::UnsafeCell), save inside a [`Link`](crate::Link): its bytes never change while
///   it is shared, and a write to them may be answered by `SIGSEGV`;
/// * has no drop glue: nobody will run it;
/// * contains no union, no `MaybeUninit`, no raw pointer and no `&mut`: whoever walks or copies it can tell what it holds;
/// * refers only to values that keep these promises as well;
///
/// and that [`At<'x>`](Permanent::At) is this same type with each of its lifetimes replaced by `'x` (one that is `'static`
/// for every `Self` may stay), so that both have the same layout, and that it is sound to read a `Self` as an `At<'x>`
/// wherever `Self: 'x`. That rules out lifetimes in contravariant or invariant places, such as `fn` pointers' arguments,
/// outside [`Link`](crate::Link): code that asks for longer borrows than it was given would be called with shorter ones.
/// A lifetime must not stand for anything but how long: a brand (a lifetime that tells two values apart) would be lost.
///
/// And [`trace`](Permanent::trace) calls `trace` on each field that holds a reference, a [`Link`](crate::Link) or
/// [`Sites`](crate::Sites), where it lies in `self`, not on a copy.
///
/// Whoever *uses* the trait may rely on no more than that. In particular a permanent type need not have a lifetime, and its
/// values need not lie in an arena.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `Permanent`: it cannot lie in a code arena",
    label = "use a side table for data that changes, a reference for data that owns memory, `#[derive(Permanent)]` for a type of your own",
    note = "cells, counters, caches, atomics, locks: a `SideTable`, indexed by a `Sites` field; a reference that closes a cycle: `Link<'a, T>`",
    note = "text: `&'a str`, from `loader.alloc_str` or `loader.intern`, or a `Name<'a>`, from `loader.intern_name`",
    note = "`Vec<T>`, `Box<T>`, `Rc<T>`, pointers: `&'a [T]` or `&'a T`, from the loader",
    note = "a `fn` pointer with a lifetime per call: a field of a derived struct; if the field's type is an alias of the pointer, add `#[permanent(fn_pointer = \"..\")]`, with the pointer written out"
)]
pub unsafe trait Permanent: Send + Sync + Sized {
    /// The same type, with every lifetime replaced by `'x`.
    ///
    /// ```
    /// use permacode::Permanent;
    ///
    /// fn shorten<'x>(words: <&'static [&'static str] as Permanent>::At<'x>) -> &'x [&'x str] {
    ///     words
    /// }
    /// assert_eq!(shorten(&["a", "b"]).len(), 2);
    /// ```
    type At<'x>: for<'y> Permanent<At<'y> = Self::At<'y>> + 'x;

    /// Shows a tracer everything that the value refers to: what a deep copy needs to know. The derive writes it.
    ///
    /// Costs a call for each reference, link and range of sites in the value itself; it follows none of them.
    ///
    /// ```
    /// use permacode::{Permanent, Tracer};
    ///
    /// struct Name<'a>(&'a str, u32);
    ///
    /// // SAFETY: a reference to text and a number; no cell, no drop glue, covariant, and the one reference is traced.
    /// unsafe impl Permanent for Name<'_> {
    ///     type At<'x> = Name<'x>;
    ///
    ///     fn trace(&self, tracer: &mut Tracer<'_>) {
    ///         self.0.trace(tracer);
    ///     }
    /// }
    /// # let arena = permacode::CodeArena::new()?;
    /// # assert_eq!(arena.load("m")?.alloc(Name("n", 1))?.1, 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    fn trace(&self, tracer: &mut Tracer<'_>);
}

/// soundness S10, S19: drop glue that an implementation by hand hides is found by the code that the derive writes.
///
/// ```compile_fail,E0080
/// use permacode::{Permanent, Tracer};
///
/// struct Liar(String);
/// // SAFETY: none: it has drop glue.
/// unsafe impl Permanent for Liar {
///     type At<'x> = Self;
///
///     fn trace(&self, _: &mut Tracer<'_>) {}
/// }
///
/// #[derive(Permanent)]
/// struct Code(Liar);
///
/// fn trace<T: Permanent>(value: &T, tracer: &mut Tracer<'_>) {
///     value.trace(tracer);
/// }
/// std::hint::black_box::<fn(&Code, &mut Tracer<'_>)>(trace::<Code>);
/// ```
///
/// The same compiles for a field that needs no dropping:
///
/// ```
/// use permacode::{Permanent, Tracer};
///
/// #[derive(Permanent)]
/// struct Code(u8);
///
/// fn trace<T: Permanent>(value: &T, tracer: &mut Tracer<'_>) {
///     value.trace(tracer);
/// }
/// std::hint::black_box::<fn(&Code, &mut Tracer<'_>)>(trace::<Code>);
/// ```
#[cfg(doctest)]
struct FieldsThatLie;
