//! Plain values: types of which nothing is known but that they are `Copy`, and why that is enough.
//!
//! ```text
//!   #[derive(Permanent)]
//!   struct Timer<'a> { name: &'a str,                              checked: `Permanent`
//!                      #[permanent(plain)] after: Duration }       checked: `Copy + Send + Sync + 'static`, here and nowhere else
//!
//!   Plain<Duration>                                                the same, where there is no field to put an attribute on
//! ```
//!
//! # Why `Copy + Send + Sync + 'static` is enough
//!
//! This is the proof of the promises of [`Permanent`] for such a type, by their numbers. The derive asks for the four bounds where it
//! meets the attribute.
//!
//! 1. *No cell.* The compiler accepts `impl Copy` only if each field is `Copy` (E0204), for unions too, and `UnsafeCell` is not. So no byte of the
//!    value lies in a cell. `PhantomData<Cell<_>>` is `Copy`, and has no bytes.
//! 2. *No drop glue.* `Copy` excludes `Drop` (E0184).
//! 3. *Walking and copying.* A walk does not look into the value, and a copy takes its bytes untyped. So a union, `MaybeUninit` or a raw
//!    pointer does no harm here: nothing reads through it. A `&mut` is not `Copy`.
//! 4. *Referents.* The value may lead to memory elsewhere, by `&'static T`. That memory is no arena's and no region's, because `'static` is
//!    longer than either. No promise of this crate covers it: a `&'static AtomicU32` changes there, and pages of code stay clean.
//! 5. *Uniqueness* cannot be an invariant of a type that is `Copy`.
//! 6. *`At`* is the type itself. `T: 'static` is asked of the very type of the field, behind `&mut`. The function that asks is generic over
//!    the lifetimes of the type around it. So the field mentions none of those, and there is nothing to replace.
//! 7. *Reading a `Self` as an `At`* is no change of the type, so none of the questions of ARCHITECTURE.md, "One lifetime a block", arises. A
//!    `Link` is not `Copy`.
//! 8. *Tracing.* No reference to a block of a region can be inside, because it is not `'static`. A leaked arena's can, and stays where it
//!    is. Only [`Sites`](super::Sites) need to be shown: see [`Tracer::plain`].
//!
//! `Send` and `Sync` are asked for. So a raw pointer is here only in a type whose author said so.
//!
//! Should the language ever make `UnsafeCell` `Copy`, the first step falls, and `Sync` is what remains. A test looks after that.

use super::permanent::Permanent;
use super::tracer::Tracer;

/// A value of a foreign type that is `Copy`, such as `Duration`, as part of permanent code.
///
/// Any `T: Copy + Send + Sync + 'static` will do. Packed types and unions are among them, and so are arrays of arrays, and `fn` pointers of
/// every kind. In a field of a derived type, `#[permanent(plain)]` says the same without a wrapper. Use `Plain` where there is no field: in
/// slices, as a block of its own, behind a [`Link`](crate::Link).
///
/// ```
/// use permacode::{CodeArena, Permanent, Plain};
/// use std::time::Duration;
///
/// #[derive(Permanent)]
/// struct Timer<'a> {
///     name: &'a str,
///     #[permanent(plain)]
///     after: Duration,
///     then: &'a [Plain<Duration>],
/// }
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = CodeArena::new()?;
/// let loader = arena.load("timers")?;
/// let then = loader.alloc_slice_copy(&[Plain(Duration::from_secs(2)), Plain(Duration::MAX)])?;
/// let timer = loader.alloc(Timer { name: "t", after: Duration::ZERO, then })?;
/// loader.seal()?;
/// assert_eq!((timer.name, timer.after, timer.then[0].0.as_secs()), ("t", Duration::ZERO, 2));
/// # Ok(())
/// # }
/// ```
///
/// A type with a cell is not `Copy`:
///
/// ```compile_fail,E0277
/// fn block<T: permacode::Permanent>() {}
/// block::<permacode::Plain<std::cell::Cell<u8>>>();
/// ```
///
/// # What a plain value must not be
///
/// Memory behind a `&'static T` in it is its author's: it may change, and pages of it may be copied.
///
/// Keep [`Sites`](crate::Sites) out of the inside of plain types. A promoted copy gets numbers of its own in place of transient ones. They
/// are found in a `Plain<Sites>`, and in a plain field that is `Sites` or another permanent type. They are not found in the private field of a
/// foreign type, nor in `Plain<[Sites; 2]>`. Such a copy would keep numbers that other code gets later, and its caches would be wrong.
///
/// # Variance
///
/// Covariant in `T`.
///
/// # Cost
///
/// The size and the alignment of `T`, and nothing at run time.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plain<T>(pub T);

// SAFETY: the proof in the head of this file.
unsafe impl<T: Copy + Send + Sync + 'static> Permanent for Plain<T> {
    type At<'x> = Self;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.plain(&self.0);
    }
}

impl<T> From<T> for Plain<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}
