//! What must hold after each operation on a graph of objects that a collector frees: one model for property tests and for fuzzing.
//!
//! The model of a [`CollectCase`] is the same graph by numbers. After each operation
//!
//! * the heap has as many objects as the model: after a collection exactly those that roots lead to, and entries of code that was there;
//! * each of them holds what was put there, also when others were allocated and written to at the places of those that are gone;
//! * transient code that is left is what objects hold, after a collection without those that were freed (soundness S27);
//! * a collection that panics, is refused memory, meets a mutable borrow or loses its marks frees nothing and leaves no mark (S8, S16);
//! * in the end nothing is left of anything.

mod collecting;
mod objects;

use crate::collect_ops::{CollectCase, CollectOp};
use crate::reserve::check_at_end;
use objects::{Code, Fuse, Known, Leaf, Node, text_of};
use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, Error, Gc, HeapArena, SideTable, Sites, Transients};
use std::cell::Cell;
use std::sync::Arc;

/// Runs something while memory is granted for so many requests only.
pub type Refusing<'r> = &'r dyn Fn(usize, &mut dyn FnMut());

type Table<'h> = SideTable<'h, Cell<Option<Gc<'h, Leaf<'h>>>>>;

struct State<'t, 'h> {
    heap: &'h HeapArena,
    transients: &'t Transients<'t>,
    table: &'t Table<'h>,
    pages: &'t Pages,
    fuse: &'t Cell<u32>,
    refusing: Refusing<'t>,
    /// By number. Those that were freed are not looked at.
    nodes: Vec<Gc<'t, Node<'t>>>,
    /// By number, `None` for those that were freed.
    known: Vec<Option<Known>>,
    /// By number, whether the vector of a node has a buffer.
    buffers: Vec<bool>,
    roots: Vec<usize>,
    codes: Vec<Code>,
    /// Objects of chains that no entry leads to any more, until the next collection.
    loose: usize,
}

impl CollectCase {
    /// Runs the case. `refusing` runs a collection while the global allocator refuses memory, if there is one that can; else it just runs it.
    ///
    /// Costs the operations, and after each a look at everything that lives.
    ///
    /// # Panics
    ///
    /// When anything does not hold.
    ///
    /// ```
    /// use arbitrary::{Arbitrary, Unstructured};
    /// use permacode_model::CollectCase;
    ///
    /// for seed in 0..5 {
    ///     let bytes: Vec<u8> = (0..=255u8).map(|byte| byte.wrapping_mul(37).wrapping_add(seed)).collect(); // a fuzzer's
    ///     let case = CollectCase::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes are a case");
    ///     case.check(&|_, body| body());
    /// }
    /// ```
    pub fn check(&self, refusing: Refusing<'_>) {
        let pages = self.reserve.pages();
        self.check_on(&pages, refusing);
        check_at_end(&pages);
    }

    fn check_on(&self, pages: &Arc<Pages>, refusing: Refusing<'_>) {
        let arena = CodeArena::builder().reservation(8 << 20).pages(pages.clone()).build();
        let arena = arena.expect("a small arena can be made");
        let heap = HeapArena::builder().reservation(32 << 20).pages(pages.clone()).build().expect("and a heap");
        // On pages of its own, which never fail: a table that has no room says nothing of objects.
        let table: Table<'_> =
            SideTable::builder(&arena).capacity(1 << 20).pages(Pages::ordinary()).build().expect("and a table");
        let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(None));
        let transients = Transients::new(&arena, &heap).clearing(&clear);
        let fuse = Cell::new(0);
        let (nodes, known, buffers, roots, codes) = Default::default();
        let mut state = State {
            heap: &heap,
            transients: &transients,
            table: &table,
            pages,
            fuse: &fuse,
            refusing,
            nodes,
            known,
            buffers,
            roots,
            codes,
            loose: 0,
        };
        for &op in &self.ops {
            state.run(op);
            state.check();
        }
        state.finish();
    }
}

impl<'t, 'h: 't> State<'t, 'h> {
    fn run(&mut self, op: CollectOp) {
        match op {
            CollectOp::Make(root) => self.make(root),
            CollectOp::Root(at) => self.roots.extend(self.live(at)),
            CollectOp::Unroot(at) => {
                if let Some(at) = usize::from(at).checked_rem(self.roots.len()) {
                    self.roots.swap_remove(at);
                }
            }
            CollectOp::Link(from, slot, to) => self.set_edge(from, slot, self.live(to)),
            CollectOp::Unlink(from, slot) => self.set_edge(from, slot, None),
            CollectOp::Push(from, to) => {
                let (Some(from), Some(to)) = (self.live(from), self.live(to)) else { return };
                let mut list = self.nodes[from].list.borrow_mut();
                // A push that has no room would end the program.
                if list.try_reserve(1).is_ok() {
                    self.buffers[from] = true;
                    list.push(self.nodes[to]);
                    self.known[from].as_mut().expect("it lives").list.push(to);
                }
            }
            CollectOp::Clear(from) => {
                let Some(from) = self.live(from) else { return };
                self.nodes[from].list.borrow_mut().clear();
                self.known[from].as_mut().expect("it lives").list.clear();
            }
            CollectOp::Text(at, len) => self.set_text(at, usize::from(len)),
            CollectOp::Code(at, sites) => self.set_new_code(at, 1 + usize::from(sites % 40)),
            CollectOp::Share(from, to) => {
                let (Some(from), Some(to)) = (self.live(from), self.live(to)) else { return };
                let code = self.nodes[from].code.borrow().clone();
                self.set_code(to, code, self.known(from).code);
            }
            CollectOp::Uncode(at) => {
                let Some(at) = self.live(at) else { return };
                self.set_code(at, None, None);
            }
            CollectOp::Constant(at, len) => self.set_constant(at, usize::from(len % 8)),
            CollectOp::Collect(how, when) => self.collect(how, when),
            CollectOp::Fail(after) => self.pages.fail_nth(usize::from(after % 8)),
        }
    }

    /// An object that was not freed.
    fn live(&self, at: u8) -> Option<usize> {
        let live = || (0..self.known.len()).filter(|&number| self.known[number].is_some());
        live().nth(usize::from(at).checked_rem(live().count())?)
    }

    fn known(&self, at: usize) -> &Known {
        self.known[at].as_ref().expect("it lives")
    }

    fn excuse(&self, error: Error) {
        match error {
            Error::Pages(_) => assert!(self.pages.failures() > 0, "an error and nothing was made to fail"),
            Error::Exhausted { .. } | Error::Bookkeeping { .. } => {}
            error => panic!("{error}"),
        }
    }

    // ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn make(&mut self, root: bool) {
        let number = self.nodes.len();
        match Gc::new(self.heap, Node::new(number, Fuse(self.fuse), self.heap)) {
            Ok(node) => {
                self.nodes.push(node);
                self.known.push(Some(Known::default()));
                self.buffers.push(false);
                self.roots.extend(root.then_some(number));
            }
            Err(error) => self.excuse(error),
        }
    }

    fn set_edge(&mut self, from: u8, slot: u8, to: Option<usize>) {
        let Some(from) = self.live(from) else { return };
        let slot = usize::from(slot) % 3;
        self.nodes[from].edges[slot].set(to.map(|to| self.nodes[to]));
        self.known[from].as_mut().expect("it lives").edges[slot] = to;
    }

    fn set_text(&mut self, at: u8, len: usize) {
        let Some(at) = self.live(at) else { return };
        let text = match Gc::copy_str(self.heap, &text_of(at, len)) {
            Ok(text) => text,
            Err(error) => return self.excuse(error),
        };
        let known = self.known[at].as_mut().expect("it lives");
        // Text without bytes is no object.
        self.loose += usize::from(known.text.is_some_and(|len| len != 0));
        known.text = Some(len);
        self.nodes[at].text.set(Some(text));
    }

    fn set_new_code(&mut self, at: u8, sites: usize) {
        let Some(at) = self.live(at) else { return };
        let before = self.heap.stats().objects;
        let code: Result<CodeRef<'t, Sites>, Error> =
            CodeRef::transient(self.transients, |loader| loader.alloc(loader.sites(sites)?));
        let code = match code {
            Ok(code) => code,
            Err(error) => return self.excuse(error),
        };
        for entry in self.table.of(*code.get()).expect("the table has room") {
            assert!(entry.get().is_none(), "what old code left is there");
        }
        self.codes.push(Code::new(self.heap.stats().objects - before));
        self.set_code(at, Some(code), Some(self.codes.len() - 1));
    }

    /// Puts a handle into an object; `number` is that of its code, which counts the handle from now on.
    fn set_code(&mut self, at: usize, code: Option<CodeRef<'t, Sites>>, number: Option<usize>) {
        number.iter().for_each(|&number| self.codes[number].count += 1);
        // Dropped when the model knows, and after the cell was left.
        let old = self.nodes[at].code.replace(code);
        let known = self.known[at].as_mut().expect("it lives");
        if let Some(old) = std::mem::replace(&mut known.code, number) {
            self.codes[old].count -= 1;
            if self.codes[old].count == 0 {
                self.end(old);
            }
        }
        drop(old);
    }

    /// The region of code is gone. The entry that led to a chain is cleared before it is used or is a root again.
    fn end(&mut self, code: usize) {
        let code = &mut self.codes[code];
        code.ended = true;
        self.loose += std::mem::take(&mut code.chain);
    }

    fn set_constant(&mut self, at: u8, len: usize) {
        let Some(at) = self.live(at) else { return };
        let Some(code) = self.known(at).code else { return };
        let mut chain: Option<Gc<'h, Leaf<'h>>> = None;
        for number in 0..len {
            match Gc::new(self.heap, Leaf { number, below: chain }) {
                Ok(leaf) => chain = Some(leaf),
                Err(error) => {
                    self.loose += number;
                    return self.excuse(error);
                }
            }
        }
        let sites = *self.nodes[at].code.borrow().as_ref().expect("it has code").get();
        self.table.of(sites).expect("the table has room")[0].set(chain);
        self.loose += std::mem::replace(&mut self.codes[code].chain, len);
    }
}
