//! Entries of a [`SideTable`](crate::SideTable): inline caches, counters, constants made on first use.
//!
//! | | |
//! | --- | --- |
//! | [`InlineCache`], [`PolymorphicCache`], [`Version`] | what a lookup found last, for one key or for a few; what makes all of them stale |
//! | [`CallCounter`] | counts until code is hot |
//! | [`LazyConstant`] | a heap object that is made when it is first asked for |
//! | [`Quickened`] | an operation that was specialised |
//! | [`Entry`], [`Zeroable`] | the bound of an entry: zeros are a value of it. `Zeroable` is the trait of `bytemuck` |
//! | [`SideTableBuilder`] | chooses the capacity and the pages |
//   entry                                                     what an entry must be
//   inline_cache · call_counter · lazy_constant · quickened     what entries can be
//   owned_table                                               a table that keeps its arena
//   keep                                                      a table that its arena keeps
//   table · builder                                           where entries lie: addressed by the sites that stand in the code

mod builder;
mod call_counter;
mod entry;
mod extent;
mod inline_cache;
mod keep;
mod lazy_constant;
pub(crate) mod owned_table;
mod quickened;
pub(crate) mod table;

pub use builder::SideTableBuilder;
pub use bytemuck::Zeroable;
pub use call_counter::CallCounter;
pub use entry::Entry;
pub use inline_cache::{InlineCache, PolymorphicCache, Version};
pub use lazy_constant::LazyConstant;
pub use quickened::Quickened;
