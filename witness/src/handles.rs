//! Small arenas, and code that refers to code.

use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, HeapArena, Link, Permanent};
use std::sync::Arc;

/// Makes an arena of 64 MiB.
///
/// # Panics
///
/// The system refuses.
pub fn arena() -> CodeArena {
    CodeArena::builder().reservation(64 << 20).build().unwrap()
}

/// Makes an arena of 1 MiB that owners share, on watched pages.
///
/// # Panics
///
/// The pages refuse.
pub fn arena_of(pages: &Arc<Pages>) -> Arc<CodeArena> {
    Arc::new(CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap())
}

/// Makes a heap of 64 MiB.
///
/// # Panics
///
/// The system refuses.
pub fn heap() -> HeapArena {
    HeapArena::builder().reservation(64 << 20).build().unwrap()
}

/// Code that refers to code.
#[derive(Debug, Permanent)]
pub struct Node<'a> {
    /// A text.
    pub name: &'a str,
    /// Bytes.
    pub bytes: &'a [u8],
    /// Code.
    pub left: Option<&'a Node<'a>>,
    /// More code.
    pub right: Option<&'a Node<'a>>,
    /// Code that is set later.
    pub link: Link<'a, Node<'a>>,
}

impl<'a> Node<'a> {
    /// Makes code that refers to none.
    pub fn leaf(name: &'a str) -> Self {
        Self { name, bytes: &[], left: None, right: None, link: Link::unset() }
    }
}

/// A handle of such code.
pub type NodeRef<'t> = CodeRef<'t, Node<'t>>;
