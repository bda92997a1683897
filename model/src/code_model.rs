//! What should be in a code arena after each operation of a [`CodeCase`], and the checks that it is.

use crate::bytes::all;
use crate::code_ops::{Block, CodeCase, CodeOp};
use crate::reserve::check_at_end;
use permacode::code::{Protection, Tracer};
use permacode::error::LinkError;
use permacode::error::PageCall;
use permacode::pages::PageSource;
use permacode::testing::Pages;
use permacode::{CodeArena, Error, Link, Loader, Module, OpenModule, Permanent};
use std::slice;

/// A block that is there: where, how long, what it is filled with.
struct Live {
    start: usize,
    len: usize,
    content: Content,
    /// The module, by its place in `State::modules`.
    module: usize,
}

enum Content {
    /// A byte, and then zeros.
    Filled(u8, usize),
    /// A node checks itself.
    Node,
}

struct Node<'a> {
    number: usize,
    next: Link<'a, Node<'a>>,
}

// SAFETY: a number and a link, the same at any lifetime. By hand, so that the model needs no derive.
unsafe impl Permanent for Node<'_> {
    type At<'x> = Node<'x>;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        self.next.trace(tracer);
    }
}

struct Nodes<'a> {
    all: Vec<&'a Node<'a>>,
    modules: Vec<usize>,
    targets: Vec<Option<usize>>,
}

/// A module of the case: open, or closed.
enum Phase<'a> {
    Open(OpenModule<'a>),
    Closed(Option<Module<'a>>),
}
impl CodeCase {
    /// Runs the case.
    ///
    /// Costs the operations, a look at everything for each `Check`, each `SealArena` and one in the end, and a list of what is there: some
    /// 48 bytes for each block.
    ///
    /// # Panics
    ///
    /// When anything does not hold.
    ///
    /// ```
    /// use arbitrary::{Arbitrary, Unstructured};
    /// use permacode_model::CodeCase;
    ///
    /// for seed in 0..5 {
    ///     let bytes: Vec<u8> = (0..=255u8).map(|byte| byte.wrapping_mul(37).wrapping_add(seed)).collect(); // a fuzzer's
    ///     let case = CodeCase::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes are a case");
    ///     case.check();
    /// }
    /// ```
    pub fn check(&self) {
        let pages = self.reserve.pages();
        let mut builder =
            CodeArena::builder().reservation((usize::from(self.megabytes % 8) + 1) << 20).pages(pages.clone());
        if let Some(limit) = self.limit {
            builder = builder.limit(usize::from(limit) << 10);
        }
        let arena = builder.build().expect("a small arena can be made");
        let mut state = State::new(&arena, &pages);
        for op in &self.ops {
            state.run(op);
        }
        state.close_all();
        drop(arena);
        check_at_end(&pages);
    }
}

/// The arena, and what should be there.
struct State<'a> {
    arena: &'a CodeArena,
    pages: &'a Pages,
    modules: Vec<Phase<'a>>,
    live: Vec<Live>,
    nodes: Nodes<'a>,
    names: Vec<Option<&'a str>>,
    /// Bytes asked for, with their alignments.
    demand: usize,
    /// The most loaders that were open at once.
    open: usize,
    next_byte: u8,
}

impl<'a> State<'a> {
    pub(crate) fn new(arena: &'a CodeArena, pages: &'a Pages) -> Self {
        Self {
            arena,
            pages,
            modules: Vec::new(),
            live: Vec::new(),
            nodes: Nodes { all: Vec::new(), modules: Vec::new(), targets: Vec::new() },
            names: vec![None; 256],
            demand: 0,
            open: 0,
            next_byte: 0,
        }
    }

    pub(crate) fn run(&mut self, op: &CodeOp) {
        match *op {
            CodeOp::Load => match self.arena.load("module") {
                Ok(loader) => {
                    self.modules.push(Phase::Open(loader));
                    self.count_open(0);
                }
                Err(error) => self.excuse(error),
            },
            CodeOp::Native { len, sealed } => self.native(len.into(), sealed),
            CodeOp::SealModule(at) => self.seal_module(at),
            CodeOp::Alloc(at, block) => self.alloc(at, block),
            CodeOp::Node(at) => self.node(at),
            CodeOp::Intern(at, name) => self.intern(at, name),
            CodeOp::FailingFill { loader, len, at, nested } => self.failing_fill(loader, len, at, nested),
            CodeOp::Link { loader, from, to } => self.link(loader, from, to),
            CodeOp::Finish(at) => self.close(at, |loader| {
                let bytes = loader.bytes();
                let module = loader.finish();
                assert_eq!(module.bytes(), bytes, "an open loader said otherwise");
                Some(module)
            }),
            CodeOp::Drop(at) => self.close(at, |loader| {
                drop(loader);
                None
            }),
            CodeOp::Seal(at) => self.seal(at),
            CodeOp::SealArena => match self.arena.seal() {
                Ok(_) => self.check(),
                Err(error) => self.excuse(error),
            },
            CodeOp::Fail { after, halfway: false } => self.pages.fail_nth(usize::from(after % 4)),
            CodeOp::Fail { after, halfway: true } => {
                self.pages.fail_call_halfway(PageCall::Seal, usize::from(after % 4))
            }
            CodeOp::Check => self.check(),
        }
    }

    // ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The place of an open module in `modules`.
    fn open(&self, at: u8) -> Option<usize> {
        let open: Vec<usize> =
            (0..self.modules.len()).filter(|&at| matches!(self.modules[at], Phase::Open(_))).collect();
        (!open.is_empty()).then(|| open[usize::from(at) % open.len()])
    }

    fn loader(&self, module: usize) -> &Loader<'a> {
        match &self.modules[module] {
            Phase::Open(loader) => loader,
            Phase::Closed(_) => unreachable!("`open` chose it"),
        }
    }

    fn alloc(&mut self, at: u8, block: Block) {
        let Some(module) = self.open(at) else { return };
        let byte = self.byte();
        let loader = self.loader(module);
        let (filled, align, result) = match block {
            Block::Bytes(len) => (len.into(), 1, loader.alloc_slice_copy(&vec![byte; len.into()])),
            Block::Large(len) => (len.into(), 1, loader.alloc_slice_copy(&vec![byte; len.into()])),
            Block::Huge(len) => {
                (usize::from(len) << 15, 1, loader.alloc_slice_copy(&vec![byte; usize::from(len) << 15]))
            }
            Block::Words(len) => {
                let word = u64::from_ne_bytes([byte; 8]);
                let words = loader.alloc_slice_fill_iter((0..len).map(|_| word));
                (8 * usize::from(len), align_of::<u64>(), words.map(as_bytes))
            }
            Block::Padded { len, align, zeros } => {
                let align = 1 << (align % 22);
                (len.into(), align, loader.alloc_padded(&vec![byte; len.into()], align, zeros.into()))
            }
            Block::Empty => {
                let [] = loader.alloc([0u64; 0]).expect("nothing needs nothing");
                (0, 1, loader.alloc_slice_copy(&[]))
            }
            Block::Absurd => {
                let absurd = loader.alloc_padded(&[byte], 1 << (usize::BITS - 2), usize::MAX - 10);
                assert!(matches!(absurd, Err(Error::TooLarge { .. })), "{absurd:?}");
                let absurd = loader.alloc_padded(&[byte], 3, 0);
                assert_eq!(absurd, Err(Error::Alignment { align: 3 }));
                return;
            }
        };
        match result {
            Ok(bytes) => {
                assert_eq!(bytes.as_ptr().addr() % align, 0, "not aligned to {align}");
                self.demand += bytes.len() + align;
                self.add(bytes, Content::Filled(byte, filled), module);
            }
            Err(error) => self.excuse(error),
        }
    }

    fn node(&mut self, at: u8) {
        let Some(module) = self.open(at) else { return };
        let number = self.nodes.all.len();
        match self.loader(module).alloc(Node { number, next: Link::unset() }) {
            Ok(node) => {
                self.nodes.all.push(node);
                self.nodes.modules.push(module);
                self.nodes.targets.push(None);
                self.demand += size_of::<Node<'_>>() + align_of::<Node<'_>>();
                self.add(slice::from_ref(node), Content::Node, module);
            }
            Err(error) => self.excuse(error),
        }
    }

    fn intern(&mut self, at: u8, name: u8) {
        let Some(module) = self.open(at) else { return };
        let text = name_text(name);
        match (self.loader(module).intern(&text), self.names[usize::from(name)]) {
            (Ok(now), Some(before)) => assert!(std::ptr::eq(now, before), "two copies of {text}"),
            (Ok(now), None) => {
                assert_eq!(now, text);
                self.names[usize::from(name)] = Some(now);
                self.demand += now.len();
                let before = self.next_byte;
                // Names are checked as text, their bytes only for where they lie.
                self.add(now.as_bytes(), Content::Node, module);
                self.next_byte = before;
            }
            (Err(error), None) => self.excuse(error),
            (Err(error), Some(_)) => panic!("{text} is there, and finding it failed: {error}"),
        }
    }

    fn failing_fill(&mut self, at: u8, len: u8, fail_at: u8, nested: bool) {
        #[derive(Debug)]
        enum Failure {
            Own,
            Arena(Error),
        }
        impl From<Error> for Failure {
            fn from(error: Error) -> Self {
                Self::Arena(error)
            }
        }
        let Some(module) = self.open(at) else { return };
        let len = usize::from(len % 64) + 1;
        let fail_at = usize::from(fail_at) % len;
        let byte = self.byte();
        let mut inside = Vec::new();
        let loader = self.loader(module);
        let result = loader.alloc_slice_try_fill_with(len, |index| {
            if nested {
                inside.push(loader.alloc_slice_copy(&[byte; 3])?);
            }
            if index == fail_at { Err(Failure::Own) } else { Ok(u64::MAX) }
        });
        self.demand += len * 8 + 8 + inside.len() * 4;
        inside.into_iter().for_each(|bytes| self.add(bytes, Content::Filled(byte, 3), module));
        match result {
            Ok(_) => panic!("the closure's error was lost"),
            Err(Failure::Own) => {}
            Err(Failure::Arena(error)) => self.excuse(error),
        }
    }

    fn link(&mut self, at: u8, from: u8, to: u8) {
        let Some(module) = self.open(at) else { return };
        if self.nodes.all.is_empty() {
            return;
        }
        let (from, to) = (usize::from(from) % self.nodes.all.len(), usize::from(to) % self.nodes.all.len());
        let home = self.nodes.modules[from];
        let expected = match (&self.modules[home], self.nodes.targets[from]) {
            (Phase::Open(_), None) if home == module => Ok(()),
            (Phase::Open(_), Some(_)) if home == module => Err(Error::Link(LinkError::AlreadySet)),
            (Phase::Open(_), _) => Err(Error::Link(LinkError::Foreign)),
            (Phase::Closed(_), _) => Err(Error::Link(LinkError::Finished)),
        };
        let result = self.loader(module).link(&self.nodes.all[from].next, self.nodes.all[to]);
        assert_eq!(result, expected);
        if result.is_ok() {
            self.nodes.targets[from] = Some(to);
        }
    }

    fn close(&mut self, at: u8, close: impl FnOnce(OpenModule<'a>) -> Option<Module<'a>>) {
        let Some(at) = self.open(at) else { return };
        if let Phase::Open(loader) = std::mem::replace(&mut self.modules[at], Phase::Closed(None)) {
            self.modules[at] = Phase::Closed(close(loader));
        }
    }

    fn seal(&mut self, at: u8) {
        let mut refused = None;
        self.close(at, |loader| match loader.seal() {
            Ok(module) => {
                assert_eq!(module.protection() == Protection::ReadOnly, self.pages.protects());
                Some(module)
            }
            Err(error) => {
                refused = Some(error);
                None
            }
        });
        refused.into_iter().for_each(|error| self.excuse(error));
    }

    fn native(&mut self, len: usize, sealed: bool) {
        let loader = match self.arena.load_native("native") {
            Ok(loader) => loader,
            Err(error) => return self.excuse(error),
        };
        self.count_open(1);
        let (byte, module) = (self.byte(), self.modules.len());
        let code = loader.alloc(&vec![byte; len], 16);
        let closed = if sealed {
            loader.seal().map(Some)
        } else {
            drop(loader);
            Ok(None)
        };
        self.modules.push(Phase::Closed(closed.unwrap_or_else(|error| {
            self.excuse(error);
            None
        })));
        match code {
            Ok(code) => {
                // Its pages are its own.
                self.demand += len + 16;
                self.add(code, Content::Filled(byte, len), module);
            }
            Err(error) => self.excuse(error),
        }
    }

    fn seal_module(&mut self, at: u8) {
        let closed: Vec<Module<'a>> = self
            .modules
            .iter()
            .filter_map(|phase| if let Phase::Closed(module) = phase { *module } else { None })
            .collect();
        if closed.is_empty() {
            return;
        }
        let module = closed[usize::from(at) % closed.len()];
        match module.seal() {
            Ok(sealed) => {
                let protected = module.protection() == Protection::ReadOnly;
                assert!(sealed.held != 0 || protected == self.pages.protects(), "{sealed:?}");
            }
            Err(error) => self.excuse(error),
        }
    }

    /// Counts open loaders, and `others` that are none of the case's.
    fn count_open(&mut self, others: usize) {
        let open = self.modules.iter().filter(|phase| matches!(phase, Phase::Open(_))).count();
        self.open = self.open.max(open + others);
    }

    // ── what must hold ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn byte(&mut self) -> u8 {
        self.next_byte = self.next_byte % 255 + 1;
        self.next_byte
    }

    fn add<T>(&mut self, block: &[T], content: Content, module: usize) {
        let len = size_of_val(block);
        assert_eq!(self.arena.contains(block.as_ptr()), len != 0, "only what has a size lies somewhere");
        if len != 0 {
            self.live.push(Live { start: block.as_ptr().addr(), len, content, module });
        }
    }

    /// An error is excused when the system was made to fail, or when the arena is nearly full.
    fn excuse(&self, error: Error) {
        match error {
            // Ordinary memory cannot be executed.
            Error::Pages(error) if error.call == PageCall::SealExecutable && !self.pages.protects() => {}
            Error::Pages(_) => assert!(self.pages.failures() > 0, "{error} and nothing was made to fail"),
            Error::Exhausted { needed, left } | Error::Limit { needed, left, .. } => {
                assert!(needed > left, "{error}");
            }
            Error::Bookkeeping { .. } => assert!(self.modules.len() > 100, "{error}"),
            error => panic!("{error}"),
        }
    }

    fn check(&self) {
        let mut live: Vec<&Live> = self.live.iter().collect();
        live.sort_by_key(|block| block.start);
        let range = self.arena.loaded_range();
        let stats = self.arena.stats();
        // Data from the front, machine code from the back.
        let data = range.start..range.start + stats.claimed - stats.native;
        let mut claimed = [data, range.end - stats.native..range.end];
        for block in live {
            let claimed = &mut claimed[usize::from(block.start >= range.end - stats.native)];
            assert!(block.start >= claimed.start, "two blocks share a byte, or one lies outside of the claimed pages");
            assert!(block.start + block.len <= claimed.end, "a block lies outside of the claimed pages");
            assert!(all(self.bytes(claimed.start..block.start), 0), "a gap is not zero");
            if let Content::Filled(byte, filled) = block.content {
                let bytes = self.bytes(block.start..block.start + block.len);
                assert!(all(&bytes[..filled], byte), "a block was overwritten");
                assert!(all(&bytes[filled..], 0), "padding is not zero");
            }
            self.check_location(block);
            claimed.start = block.start + block.len;
        }
        assert!(claimed.iter().all(|rest| all(self.bytes(rest.clone()), 0)), "a tail is not zero");
        for (name, text) in self.names.iter().enumerate() {
            assert!(text.is_none_or(|text| text == name_text(name as u8)), "an interned name was overwritten");
        }
        for (number, node) in self.nodes.all.iter().enumerate() {
            assert_eq!(node.number, number);
            assert_eq!(node.next.get().map(|target| target.number), self.nodes.targets[number]);
        }
        // One and a half times what is filled, a first run for each loader that is open, at each end, and what seals pad: a page for each place
        // that a module lies in. What is skipped for an alignment counts as asked for.
        let page = self.pages.page_size();
        let padded = (2 * self.modules.len() + self.demand / (16 << 10)) * page;
        assert!(
            stats.claimed <= self.demand + self.demand / 2 + (self.open + 2) * (16 << 10).max(page) + padded,
            "{stats:?}, {} asked for, {} open at once",
            self.demand,
            self.open
        );
    }

    fn check_location(&self, block: &Live) {
        let location = self.arena.locate(std::ptr::without_provenance::<u8>(block.start));
        match &self.modules[block.module] {
            Phase::Open(_) => assert!(location.is_none(), "an open module was found"),
            Phase::Closed(module) => {
                let location = location.expect("a finished module's block is found");
                assert!(module.is_none_or(|module| module == location.module));
                assert!(location.offset + block.len <= location.module.bytes());
            }
        }
    }

    fn bytes(&self, range: std::ops::Range<usize>) -> &'a [u8] {
        let base = self.arena.base();
        // SAFETY: claimed pages are committed and initialised. Nobody writes to them during the borrow, which ends with the check. Typed
        // blocks are read only where they were written as bytes or words; the others are skipped by `check`.
        unsafe { slice::from_raw_parts(base.as_ptr().add(range.start - base.addr().get()), range.len()) }
    }

    /// Closes and seals everything, and looks once more.
    pub(crate) fn close_all(mut self) {
        self.pages.relent();
        while self.open(0).is_some() {
            self.close(0, |loader| Some(loader.finish()));
        }
        let sealed = self.arena.seal().expect("nothing is made to fail any more");
        assert_eq!(sealed.held, 0);
        self.check();
        let stats = self.arena.stats();
        assert_eq!(stats.used, self.live.iter().map(|block| block.len).sum::<usize>(), "{stats:?}");
        assert_eq!(stats.claimed, stats.used + stats.gaps + stats.lost + stats.tails, "{stats:?}");
        assert_eq!((stats.unsealed, stats.modules), (0, self.modules.len()), "{stats:?}");
        assert_eq!(self.arena.modules().count(), self.modules.len());
        assert!(
            self.arena.modules().all(|module| (module.protection() == Protection::ReadOnly) == self.pages.protects())
        );
    }
}

/// The text of a name, some of them long.
fn name_text(name: u8) -> String {
    format!("{}{name}", if name % 16 == 0 { "a rather long name, that fills a page after a while " } else { "n" })
}

fn as_bytes(words: &[u64]) -> &[u8] {
    // SAFETY: words have no padding.
    unsafe { slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}
