//! Which memory of an arena is shared with other processes, which is not, and why: what the kernel tells, put together. Linux.
//!
//! ```text
//!   arenas        CodeArena · HeapArena · SideTable: `residency()`, and checks for users' own tests
//!   residency     of a range of addresses, in this process or another one      clean: what may be asserted of sealed code
//!   ────────────────────────────
//!   kernel        /proc/<pid>/smaps, a mapping at a time · /proc/<pid>/pagemap, a page at a time
//!   mapping · stretch · error      what they say
//! ```
//!
//! Two files, because each lacks something. `smaps` knows permissions, dirty bits and huge pages, but only for whole mappings, and a
//! mapping may reach beyond an arena. `pagemap` knows of each page whether another process maps it too, but not whether it was written.
//! How many processes map a page (`/proc/kpagecount`) is for the privileged, so it is not asked.

mod arenas;
mod clean;
mod error;
mod kernel;
mod mapping;
mod report;
mod stretch;

pub use clean::Unclean;
pub use error::ResidencyError;
pub use mapping::{Backing, Mapping, Permissions};
pub use report::Residency;
pub use stretch::{PageState, Stretch};
