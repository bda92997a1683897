//! The Python library's real code in a code arena, and as an image: from two compilers, with nothing lost.
//!
//! ```text
//!   CPython 3.11 ── dump.py ── .pyc ── pyc, marshal ──┐
//!                                                     ├─▶ tree ── freeze ──▶ frozen ── ImageWriter ──▶ a root for each module
//!   RustPython's compiler over .py ── rustpython ─────┘
//! ```
//!
//! | | |
//! | --- | --- |
//! | [`frozen`] | code objects in the arena: what the image holds |
//! | [`tree`], [`freeze`] | code objects of either source, and the way from there to the arena |
//! | [`python`], [`pyc`], [`marshal`] | the CPython that is installed, and what it wrote |
//! | [`rustpython`] | what RustPython's compiler makes |
//! | [`listing`], [`differs`] | the comparisons with CPython's own objects, and with the compiler's |

pub mod differs;
pub mod freeze;
pub mod frozen;
pub mod listing;
pub mod marshal;
mod marshal_error;
mod ordinary;
pub mod pyc;
pub mod python;
pub mod rustpython;
mod rustpython_error;
pub mod tree;

pub use marshal_error::MarshalError;
pub use ordinary::ORDINARY;
pub use pyc::PycError;
pub use rustpython_error::{Field, RustPythonError};
