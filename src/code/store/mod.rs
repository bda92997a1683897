//! The place of blocks: pages, records, tables. It knows neither an arena nor a loader.
//!
//! ```text
//!   code_store                               all of it
//!   code_pages, its methods in claims · tails · sealing   claimed → closed → sealed → replaced → fixed; who may write where (refusal: why not)
//!   looks                                    what of that can be asked
//!   module_list · name_trie                  tables over the modules and the names
//!   page_table over page_groups              a table over the pages
//!   extent                                   what a module fills (protection: how hard that is to change; counters: sums)
//!   ledger · record                          where records lie, and how they are found
//!   shelf · tail · watermark                 room that waits for a loader, or is held by one; what is claimed
//!   aligned                                  blocks whose alignment no type says
//!   spare_sites · berth                      pools of site numbers, left by one owner for the next
//!   plan · ground                            where the parts of the reservation lie; the reservation itself
//!   memory                                   what is given back at the end: pages and prefix
//!   lookout over post                        what a signal handler may know of an arena's code
//!   unwind_tables                            what the unwinder of the C runtime was told of machine code
//!   prefix                                   sealed code in front of the arena's own: an image's
//! ```

mod aligned;
mod berth;
mod claims;
mod code_pages;
mod code_store;
mod counters;
mod extent;
mod ground;
mod ledger;
#[cfg(all(feature = "fault-report", target_os = "linux"))]
mod lookout;
mod looks;
mod memory;
mod module_list;
mod name_trie;
mod page_groups;
mod page_table;
mod plan;
#[cfg(all(feature = "fault-report", target_os = "linux"))]
mod post;
mod prefix;
mod protection;
mod record;
mod refusal;
mod sealing;
mod shelf;
mod spare_sites;
mod tail;
mod tails;
#[cfg(permacode_unwind_tables)]
mod unwind_tables;
mod watermark;

pub use protection::Protection;

pub(in crate::code) use aligned::AlignedBlock;
pub(in crate::code) use code_pages::{CodePages, SealBy, StoreOptions};
pub(in crate::code) use code_store::CodeStore;
pub(in crate::code) use extent::Extent;
pub(in crate::code) use ground::Ground;
#[cfg(all(feature = "fault-report", target_os = "linux"))]
pub(crate) use lookout::{Place, look};
pub(in crate::code) use module_list::ModuleRecord;
pub(in crate::code) use name_trie::NameEntry;
pub(in crate::code) use plan::StorePlan;
pub(crate) use prefix::{Preface, Prefix};
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub(crate) use prefix::{PrefixPart, PrefixPlace, PrefixPlaced};
pub(in crate::code) use record::Record;
pub(in crate::code) use shelf::Spot;
pub(crate) use spare_sites::Returns;
pub(in crate::code) use tail::Tail;
pub(in crate::code) use tails::Search;
#[cfg(permacode_unwind_tables)]
pub(in crate::code) use unwind_tables::UnwindTable;
pub(in crate::code) use watermark::End;
