//! What must change beside sealed code: inline caches, counters, constants made on first use.
//!
//! ```text
//!   cache · counter · lazy · quick     what entries can be
//!   table · builder                    where entries lie: addressed by the sites that stand in the code
//! ```

mod builder;
mod cache;
mod counter;
mod lazy;
mod quick;
mod table;

pub use builder::SideTableBuilder;
pub use cache::{InlineCache, PolymorphicCache, Version};
pub use counter::CallCounter;
pub use lazy::LazyConstant;
pub use quick::Quickened;
pub use table::SideTable;
