//! Types that may lie in a code arena: [`Permanent`].
//!
//! This file has the promise, `impls.rs` the types of `core` that keep it, `derive/` the check of users' types.

use super::tracer::Tracer;

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
/// # Which types are permanent
///
/// | | |
/// | --- | --- |
/// | values | integers, floats, `bool`, `char`, `()`, [`NonZero`](core::num::NonZero) |
/// | groups of permanent types | arrays, tuples of up to 12, [`Option`], [`PhantomData`](core::marker::PhantomData), and your own types, by the derive |
/// | references to permanent types | `&'a T`, `&'a [T]`, `&'a str` |
/// | this crate's | [`Link`](crate::Link), [`Sites`](crate::Sites), [`Name`](crate::Name) |
/// | `fn` pointers | of up to 12 arguments (`fn`, `unsafe fn`, and both as `extern "C"`), arguments and result `'static` |
///
/// `fn` pointers that take a lifetime with each call (`fn(&mut Vm)`) have no common implementation, but are fine as *fields*
/// of a derived type. To have one elsewhere (`Option<fn(&mut Vm)>`, `&'a [fn(&mut Vm)]`) derive on a struct that holds just
/// the pointer; it keeps the niche.
///
/// # Plain types
///
/// A type that is `Copy + Send + Sync + 'static` needs no check of its fields: [`Plain`](crate::Plain) says why. Many types of other crates
/// are such types, packed ones and unions among them. Say so in one of three places:
///
/// | where | for |
/// | --- | --- |
/// | `#[permanent(plain)]` on a field | a `Duration`, a set of flags, an alias of `fn(&mut Vm)` |
/// | `#[permanent(plain)]` on the type | your own type that is packed, a union, or has such fields only |
/// | [`Plain<T>`](crate::Plain) as a type | elements of a slice, the target of a link, a block |
///
/// ```
/// use permacode::Permanent;
///
/// #[derive(Clone, Copy, Permanent)]
/// #[permanent(plain)]
/// #[repr(C, packed)]
/// struct Op {
///     code: u8,
///     argument: u32,
/// }
///
/// type Handler = fn(&mut Vec<Op>);
///
/// #[derive(Permanent)]
/// struct Builtin<'a> {
///     ops: &'a [Op],
///     #[permanent(plain)]
///     handler: Handler,
///     #[permanent(plain)]
///     timeout: std::time::Duration,
/// }
/// # let builtin = Builtin { ops: &[Op { code: 1, argument: 2 }], handler: Vec::clear, timeout: std::time::Duration::MAX };
/// # let mut stack = builtin.ops.to_vec();
/// # (builtin.handler)(&mut stack);
/// # assert!(stack.is_empty() && !builtin.timeout.is_zero());
/// ```
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
/// | `MaybeUninit`, unions | an enum, or an `Option`; if they are plain, as above |
/// | foreign types that are `Copy` | [`Plain<T>`](crate::Plain), or the attribute |
/// | `Range<T>` | two fields, `start` and `end` |
/// | `Result<T, E>` | two fields, or an enum of your own |
/// | `&CStr` | `&'a [u8]`, the nul with it where C will read it |
///
/// # The derive's attributes
///
/// | | |
/// | --- | --- |
/// | `#[permanent(plain)]` on a field | its type is `Copy + Send + Sync + 'static`, which is checked, and nothing else is |
/// | `#[permanent(plain)]` on the type | the same of the type itself; it has no lifetime parameter, and type parameters get no bound |
/// | `#[permanent(crate = "path")]` on the type | where this crate's `Permanent`, `Sites` and `code::Tracer` are, for those who re-export or rename it |
///
/// Everything else is an error. A type without type parameters gets `Send` and `Sync` from the derive, unless it is plain itself.
///
/// Type parameters become `T: Permanent`. One that has a bound of its own (`T: Clone`) must be free of lifetimes too,
/// `T: 'static + for<'x> Permanent<At<'x> = T>`: nobody could promise `T::At<'x>: Clone` for every `'x`. A bound that names
/// a lifetime must hold for all, `T: for<'x> Lookup<'x>`.
///
/// # Copies
///
/// A permanent value can be copied bit by bit, by [`promote`](crate::CodeRef::promote), without its type being `Clone`. Do not derive the
/// trait on a type whose *uniqueness* is an invariant, such as a token that `unsafe` code relies on to exist once.
///
/// # Safety
///
/// An implementation by hand promises of every value of type `Self`:
///
/// 1. It contains no [`UnsafeCell`](core::cell::UnsafeCell), except inside a [`Link`](crate::Link). Its bytes do not change while it is
///    shared, and a write to them may be answered by `SIGSEGV`.
/// 2. It has no drop glue. No destructor runs.
/// 3. It contains no union, no `MaybeUninit`, no raw pointer and no `&mut`, so that walking and copying it is possible. They may be in
///    plain parts: see [`Plain`](crate::Plain).
/// 4. It refers only to values that keep these promises. A plain part may refer to other memory that is `'static`.
/// 5. Its uniqueness is not an invariant of its type: bitwise copies of it may be made, and used as values of the type.
///
/// And of the type:
///
/// 6. [`At<'x>`](Permanent::At) is the same type constructor with each lifetime replaced by `'x`. Only a lifetime that is `'static` for
///    every `Self` may stay. So both have the same layout.
/// 7. It is sound to read a `Self` as an `At<'x>` wherever `Self: 'x`. That rules out lifetimes in contravariant or invariant places outside
///    of [`Link`](crate::Link), such as the arguments of `fn` pointers. It rules out brands: lifetimes that tell two values apart.
/// 8. [`trace`](Permanent::trace) calls `trace` on each field that holds a reference, a [`Link`](crate::Link) or
///    [`Sites`](crate::Sites), where it lies in `self`, not on a copy. A plain part's references need not be shown.
///
/// Code that *uses* the trait may rely on no more than that. In particular a permanent type need not have a lifetime, and its values need
/// not lie in an arena.
///
/// # One lifetime a block
///
/// A [`Link`](crate::Link) is set through a reference to its block. If a block were seen at two lifetimes, a target that lives short could be
/// set through the shorter and read through the longer. ARCHITECTURE.md proves that this does not happen. The proof rests on the bound of
/// [`CodeRef::new`](crate::CodeRef::new) and of [`shorten`](crate::code::shorten), on the law of [`At`](Permanent::At), and on three rules that no type enforces. Those who change
/// this crate must keep them:
///
/// 1. `At<'x>` never gets the bound `where Self: 'x`.
/// 2. No function that the API asks for, such as `for<'s> FnOnce(&'s T::At<'s>) -> ..`, names both `'s` and a lifetime
///    from outside in one reference. That goes for its arguments and its result. With this or the bound of rule 1, the
///    compiler would assume that the outer lifetime outlives `'s`. The function could then return another reference
///    that it captured.
/// 3. [`Loader::link`](crate::Loader::link) writes only where its own loader has filled memory. That check ties the view to the exact
///    lifetime of the loader. It is part of the proof, and not only of the discipline of pages.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `Permanent`: it cannot lie in a code arena",
    label = "use a side table for data that changes, a reference for data that owns memory, `#[derive(Permanent)]` for a type of your own",
    note = "cells, counters, caches, atomics, locks: a `SideTable`, indexed by a `Sites` field; a reference that closes a cycle: `Link<'a, T>`",
    note = "text: `&'a str`, from `loader.alloc_str` or `loader.intern`, or a `Name<'a>`, from `loader.intern_name`",
    note = "`Vec<T>`, `Box<T>`, `Rc<T>`, pointers: `&'a [T]` or `&'a T`, from the loader; an `Owned<T>` or a handle: `&'a T`, from `loader.at`",
    note = "a foreign type that is `Copy` and `'static`, such as `Duration`, or an alias of `fn(&mut Vm)`: `#[permanent(plain)]` on the field; elsewhere `Plain<T>`"
)]
pub unsafe trait Permanent: Send + Sync + Sized {
    /// This type, with every lifetime replaced by `'x`.
    ///
    /// The bound is a law: the type at `'x` is, at `'y`, the type at `'y`. With it, generic code can make a
    /// [`CodeRef`](crate::CodeRef::new) of a `&'a T::At<'a>`.
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
    /// use permacode::Permanent;
    /// use permacode::code::Tracer;
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
/// use permacode::Permanent;
/// use permacode::code::Tracer;
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
/// use permacode::Permanent;
/// use permacode::code::Tracer;
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
