//! The kernel's word on an arena's memory: which of it is shared with other processes, which is not, and why. Linux.
//!
//! ```text
//!   arenas        CodeArena · HeapArena · SideTable: `residency()`, and checks for users' own tests
//!   residency     of a range of addresses, in this process or another one      clean: what may be asserted of sealed code
//!   ────────────────────────────
//!   kernel        reads /proc/<pid>/smaps, a mapping at a time, and /proc/<pid>/pagemap, a page at a time
//!   unfinished · memory_device · smaps · pagemap · lines      what their bytes mean
//!   mapping · stretch · error      what is said of it
//! ```
//!
//! Two files, because each lacks something. `smaps` knows permissions, dirty bits and huge pages, but only for whole mappings, and a
//! mapping may reach beyond an arena. `pagemap` knows of each page whether another process maps it too, but not whether it was written.
//! How many processes map a page (`/proc/kpagecount`) is for the privileged, so it is not asked.
//!
//! Both files are read here and not by a library. Names of mappings are anybody's to choose. A library that reads the
//! whole file as text also reads those of mappings that nobody asked about. (`procfs` 0.18 panics at `/SYSV1` and
//! refuses the file for a name that is not UTF-8.)

mod arenas;
mod clean;
mod error;
mod kernel;
mod lines;
mod mapping;
mod memory_device;
mod pagemap;
mod report;
mod smaps;
mod stretch;
mod unfinished;

pub use clean::Unclean;
pub use error::ResidencyError;
pub use mapping::{Backing, Mapping, Permissions};
pub use report::Residency;
pub use stretch::{PageState, Stretch};
