//! Operation sequences on arenas, handles and side tables, as data, each with a reference model: for property tests and for fuzzing.
//!
//! A case ([`CodeCase`], [`CollectCase`], [`HeapCase`], `ImageCase`, [`RefCase`], [`SideCase`], [`SweepCase`]) is plain data. Its `check` runs it on the library and on the
//! model beside it, and panics where they disagree. libFuzzer makes cases from bytes (`fuzz/`), proptest by `strategies` (`tests/`).

mod bytes;
mod code_model;
mod code_ops;
mod collect_model;
mod collect_ops;
mod heap_model;
mod heap_ops;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod image_file;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod image_graph;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod image_ops;
mod ref_model;
mod ref_ops;
mod ref_plan;
mod reserve;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod seen;
mod side_model;
mod side_ops;
#[cfg(feature = "proptest")]
pub mod strategies;
mod sweep_model;
mod sweep_ops;

pub use code_ops::{Block, CodeCase, CodeOp};
pub use collect_model::Refusing;
pub use collect_ops::{CollectCase, CollectOp};
pub use heap_ops::{HeapCase, HeapOp, Shape};
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub use image_file::{ImageFile, RootRow, RunRow, TypeRow};
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub use image_ops::{ImageCase, ImageChange, Knows, PartChange};
pub use ref_ops::{Fuse, RefCase, RefOp};
pub use reserve::Reserve;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub use seen::Seen;
pub use side_ops::{At, SideCase, SideOp};
pub use sweep_ops::{SweepCase, SweepOp};
