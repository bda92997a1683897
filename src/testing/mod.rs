//! For those who test interpreters, and for this crate's own tests: pages that fail on demand, and operation sequences with a reference
//! model. Feature `testing`.
//!
//! Checks in this module panic when they find something wrong: it is called by tests only.

mod code_model;
mod code_ops;
mod heap_model;
mod heap_ops;
mod pages;
mod ref_model;
mod ref_ops;
mod ref_plan;
mod side_ops;
mod watch;

pub use code_ops::{Block, CodeCase, CodeOp, Reserve};
pub use heap_ops::{HeapCase, HeapOp, Shape};
pub use pages::Pages;
pub use ref_ops::{Fuse, RefCase, RefOp};
pub use side_ops::{At, SideCase, SideOp};
