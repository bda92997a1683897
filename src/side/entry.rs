//! The bound of a side table's entries, with a message for a type that will not do.

use bytemuck::Zeroable;

/// Accepts a type as the entry of a [`SideTable`](crate::SideTable): each type that is [`Zeroable`].
///
/// There is nothing to implement. For a struct of your own promise [`Zeroable`]. [`SideTable`](crate::SideTable#entries) has a list of what to
/// write for numbers, enums, references and objects. This trait exists so that the compiler shows that list when a type will not do.
///
/// ```
/// use permacode::side::Entry;
/// use permacode::{CodeArena, Error, SideTable};
///
/// /// Makes two tables of the same entries.
/// fn two<T: Entry>(arena: &CodeArena) -> Result<[SideTable<'_, T>; 2], Error> {
///     Ok([SideTable::new(arena)?, SideTable::new(arena)?])
/// }
/// # let arena = CodeArena::new()?;
/// # let tables = two::<std::cell::Cell<u32>>(&arena)?;
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an entry of a side table: zeros are not known to be a value of it",
    label = "an entry starts as zeros, so its type must be `Zeroable`",
    note = "`Option<usize>`: `Option<NonZeroUsize>`, or a number plus 1; an enum: its number; what a lookup found: an `InlineCache`",
    note = "`&T`: `Option<&T>`; `Vec<T>`, `Box<T>`, `String`: a `LazyConstant`, or an index into a vector of your own",
    note = "a struct of such fields: `unsafe impl permacode::side::Zeroable`; all of these in a `Cell`, because entries are shared"
)]
pub trait Entry: Zeroable {}

#[diagnostic::do_not_recommend]
impl<T: Zeroable> Entry for T {}
