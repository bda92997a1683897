//! What must change beside sealed code: inline caches, counters, constants made on first use.
//!
//! ```text
//!   inline_cache · call_counter · lazy_constant · quickened     what entries can be
//!   table · builder                                           where entries lie: addressed by the sites that stand in the code
//! ```

mod builder;
mod call_counter;
mod inline_cache;
mod lazy_constant;
mod quickened;
mod table;

pub use builder::SideTableBuilder;
pub use call_counter::CallCounter;
pub use inline_cache::{InlineCache, PolymorphicCache, Version};
pub use lazy_constant::LazyConstant;
pub use quickened::Quickened;
pub use table::SideTable;
