//! The objects of a case, and what the model knows of them.

use allocator_api2::vec::Vec as HeapVec;
use permacode::kit::{Collect, Marker};
use permacode::{CodeRef, Gc, HeapArena, Sites};
use std::cell::{Cell, RefCell};

/// An object that may lead anywhere.
#[derive(Collect)]
pub(super) struct Node<'t> {
    pub(super) number: usize,
    /// All bits of the number turned round.
    pub(super) twin: usize,
    pub(super) edges: [Cell<Option<Gc<'t, Node<'t>>>>; 3],
    fuse: Fuse<'t>,
    pub(super) list: RefCell<HeapVec<Gc<'t, Node<'t>>, &'t HeapArena>>,
    pub(super) text: Cell<Option<Gc<'t, str>>>,
    pub(super) code: RefCell<Option<CodeRef<'t, Sites>>>,
}

impl<'t> Node<'t> {
    pub(super) fn new(number: usize, fuse: Fuse<'t>, heap: &'t HeapArena) -> Self {
        let (list, code) = (RefCell::new(HeapVec::new_in(heap)), RefCell::new(None));
        Self { number, twin: !number, edges: Default::default(), fuse, list, text: Cell::new(None), code }
    }
}

/// An object that the entry of a side table leads to.
#[derive(Collect)]
pub(super) struct Leaf<'h> {
    pub(super) number: usize,
    pub(super) below: Option<Gc<'h, Leaf<'h>>>,
}

/// Panics when it is looked into, at the time that a counter says. 0 is never.
pub(super) struct Fuse<'t>(pub(super) &'t Cell<u32>);

// SAFETY: it leads to no object. The counter that it changes is none that a marker looks at.
unsafe impl Collect for Fuse<'_> {
    fn trace(&self, _: &mut Marker<'_>) {
        match self.0.get() {
            0 => {}
            // Not a `panic!`: a fuzzer ends the program at one, whoever catches it.
            1 => {
                self.0.set(0);
                std::panic::resume_unwind(Box::new("a fuse"));
            }
            left => self.0.set(left - 1),
        }
    }
}

/// The model of a node.
#[derive(Default)]
pub(super) struct Known {
    pub(super) edges: [Option<usize>; 3],
    pub(super) list: Vec<usize>,
    /// The length of its text.
    pub(super) text: Option<usize>,
    pub(super) code: Option<usize>,
}

/// The model of transient code.
pub(super) struct Code {
    /// Its handles, those in freed objects included.
    pub(super) count: usize,
    /// Objects of its region.
    pub(super) objects: usize,
    /// Objects of the chain that its entry leads to.
    pub(super) chain: usize,
    pub(super) ended: bool,
}

impl Code {
    pub(super) fn new(objects: usize) -> Self {
        Self { count: 0, objects, chain: 0, ended: false }
    }
}

/// The text of a node.
pub(super) fn text_of(number: usize, len: usize) -> String {
    let letter = char::from(b'a' + (number % 26) as u8);
    std::iter::repeat_n(letter, len).collect()
}
