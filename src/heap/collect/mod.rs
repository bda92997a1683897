//! Work on all objects or all slabs at once.
//!
//! ```text
//!   walk      each live object; marks, and a sweep of what has none
//!   trim      memory given back when asked
//!   fence     new objects where no page is shared with a child
//! ```

mod fence;
mod trim;
mod walk;

pub use walk::SweepReport;
