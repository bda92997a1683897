//! The same code at a shorter lifetime, where the compiler does not see by itself that it is the same.
//!
//! ```text
//!   &'a Code<'a> ── shorten ──▶ &'s Code<'s>       the same address, the same bytes; 'a: 's
//! ```
//!
//! Covariant types need no call: the compiler shortens them. Code with a [`Link`](super::Link) is invariant, so a function that takes a
//! `&'s Code<'s>` for a short `'s` refuses a `&'a Code<'a>`.

use super::permanent::Permanent;
use core::mem::{ManuallyDrop, transmute_copy};

/// A type in which each lifetime is `'a`, or `'static`: [`Permanent`] with `At<'a> = Self`. It is the bound of [`shorten`].
///
/// All such types have it. It has a name because a function with the bound `T: Permanent<At<'a> = T>` cannot name `T::At<'s>`: the compiler takes
/// both for one type.
///
/// ```
/// use permacode::Link;
/// use permacode::code::{OneLifetime, shorten};
///
/// /// Lends code for as long as the closure runs.
/// fn lend<'a, T: OneLifetime<'a>, R>(code: T, run: impl for<'s> FnOnce(T::At<'s>) -> R) -> R {
///     run(shorten(code))
/// }
/// static LINK: Link<'static, u64> = Link::unset();
/// assert!(lend(&LINK, |link| link.get().is_none()));
/// ```
///
/// # Safety
///
/// The bound holds. No implementation is needed but the one for all types of which it does.
pub unsafe trait OneLifetime<'a>: Permanent {}

// SAFETY: the bound is asked for.
unsafe impl<'a, T: Permanent<At<'a> = T>> OneLifetime<'a> for T {}

/// Returns the same code at a shorter lifetime: of a `&'a Code<'a>` a `&'s Code<'s>`.
///
/// Call it for code with a [`Link`](crate::Link), which is invariant in its lifetime. For other code the compiler does this unasked. It takes
/// all that refers to code: `&'a Code<'a>`, `&'a [Code<'a>]`, an `Option` or a tuple of these. [`CodeRef::get`](crate::CodeRef::get)
/// is the same for a handle.
///
/// ```
/// use permacode::code::shorten;
/// use permacode::{CodeArena, Error, Link, Permanent};
///
/// #[derive(Permanent)]
/// struct Function<'a> {
///     name: &'a str,
///     parent: Link<'a, Function<'a>>,
/// }
///
/// /// Two functions of different arenas, so at a lifetime that is good for both.
/// fn longer<'s>(one: &'s Function<'s>, other: &'s Function<'s>) -> &'s str {
///     if one.name.len() < other.name.len() { other.name } else { one.name }
/// }
///
/// fn load<'a>(arena: &'a CodeArena, name: &str) -> Result<&'a Function<'a>, Error> {
///     let loader = arena.load(name)?;
///     let function = loader.alloc(Function { name: loader.intern(name)?, parent: Link::unset() })?;
///     loader.seal()?;
///     Ok(function)
/// }
///
/// fn both<'a, 'b>(one: &'a Function<'a>, other: &'b Function<'b>) -> usize {
///     longer(shorten(one), shorten(other)).len()
/// }
///
/// let (std, main) = (CodeArena::new()?, CodeArena::new()?);
/// assert_eq!(both(load(&std, "sum")?, load(&main, "average")?), 7);
/// # Ok::<(), Error>(())
/// ```
///
/// Each lifetime in `T` must be `'a`, as for [`CodeRef::new`](crate::CodeRef::new). So the code is seen at one lifetime, and a link in it takes
/// no target that lives shorter:
///
/// ```compile_fail
/// use permacode::Link;
/// use permacode::code::shorten;
///
/// fn view<'a>(link: &'a Link<'static, u64>) -> &'a Link<'a, u64> {
///     shorten(link)
/// }
/// ```
///
/// # Cost
///
/// Nothing.
#[inline]
pub fn shorten<'a: 's, 's, T: OneLifetime<'a>>(code: T) -> T::At<'s> {
    let code = ManuallyDrop::new(code);
    // SAFETY: T is at 'a what it is, by the promise of `OneLifetime`, so this is a view at a shorter lifetime as a handle's is, which the promise of `Permanent`
    // allows: the layout is the same, and a write through it is one at the birth type or none (ARCHITECTURE.md, "One lifetime a block",
    // where a handle is made of a `&'n T` in step 3; here of each reference in the value). The value is moved, not copied.
    unsafe { transmute_copy::<T, T::At<'s>>(&*code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::value::Link;

    #[test]
    fn a_shorter_view_is_the_same_value_at_the_same_address() {
        fn view<'s>(code: &'static Link<'static, u64>, list: &'static [u8]) -> (&'s Link<'s, u64>, &'s [u8]) {
            shorten((code, list))
        }
        let (link, list) = (&*Box::leak(Box::new(Link::unset())), &[1, 2][..]);
        let (shorter, same) = view(link, list);
        assert!(core::ptr::from_ref(shorter).cast::<u8>() == core::ptr::from_ref(link).cast() && same == list);
        assert_eq!(shorten::<Option<&'static str>>(Some("text")), Some("text"));
    }
}
