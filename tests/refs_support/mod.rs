//! What several test files of handles need: arenas, and code that refers to code.
#![allow(dead_code)] // each test file uses a part

use permacode::{CodeArena, CodeRef, HeapArena, Link, Permanent};

pub(crate) fn arena() -> CodeArena {
    CodeArena::builder().reservation(64 << 20).build().unwrap()
}

pub(crate) fn heap() -> HeapArena {
    HeapArena::builder().reservation(64 << 20).build().unwrap()
}

#[derive(Permanent)]
pub(crate) struct Node<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) left: Option<&'a Node<'a>>,
    pub(crate) right: Option<&'a Node<'a>>,
    pub(crate) link: Link<'a, Node<'a>>,
}

impl<'a> Node<'a> {
    pub(crate) fn leaf(name: &'a str) -> Self {
        Self { name, bytes: &[], left: None, right: None, link: Link::unset() }
    }
}

pub(crate) type NodeRef<'t> = CodeRef<'t, Node<'t>>;
