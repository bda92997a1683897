//! For those who test interpreters: pages that fail on demand, and say whether they were used as they should be. Feature `testing`.
//!
//! [`Pages`] makes an interpreter's own tests see what it does when memory runs out.
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
//! The chapter [testing with refusals](crate::guide::refusals) has a whole language under such a test.
//!
//! A harness that makes arenas by the million takes them from [`PooledPages`](crate::pages::PooledPages).

mod pages;
mod reservations;
mod watch;

pub use pages::Pages;
