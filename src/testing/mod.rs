//! For those who test interpreters, and for this crate's own tests: pages that fail on demand, and operation sequences with a reference
//! model. Feature `testing`.
//!
//! [`Pages`] makes an interpreter's own tests see what it does when memory runs out; the cases ([`CodeCase`], [`HeapCase`], [`RefCase`],
//! [`SideCase`], [`SweepCase`]) are this crate's. Checks panic when they find something wrong: they are called by tests only.
//!
//! ```
//! use permacode::testing::Pages;
//! use permacode::{CodeArena, Error};
//!
//! /// What is to be tested: a load that may be refused at any step.
//! fn load(pages: &std::sync::Arc<Pages>) -> Result<usize, Error> {
//!     let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build()?;
//!     arena.load("m")?.alloc_slice_copy(&[1u8; 20_000])?;
//!     Ok(arena.seal()?.pages)
//! }
//!
//! let pages = Pages::ordinary();
//! assert_eq!(load(&pages), Ok(5));
//! for call in 0..pages.calls() {
//!     pages.fail_nth(call); // each call in turn
//!     assert!(matches!(load(&pages), Err(Error::Pages(_))));
//! }
//! assert_eq!((pages.live(), pages.violations()), (0, 0)); // nothing is left behind, ever
//! ```
//!
//! A harness that makes arenas by the million takes them from [`PooledPages`](crate::pages::PooledPages).

mod code_model;
mod code_ops;
mod heap_model;
mod heap_ops;
mod pages;
mod ref_model;
mod ref_ops;
mod ref_plan;
mod reservations;
mod side_model;
mod side_ops;
mod sweep_model;
mod sweep_ops;
mod watch;

pub use code_ops::{Block, CodeCase, CodeOp, Reserve};
pub use heap_ops::{HeapCase, HeapOp, Shape};
pub use pages::Pages;
pub use ref_ops::{Fuse, RefCase, RefOp};
pub use side_ops::{At, SideCase, SideOp};
pub use sweep_ops::{SweepCase, SweepOp};
