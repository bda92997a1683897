//! The code of a [`RefCase`](super::RefCase): a plan, how it is lowered, and whether what is there is what was planned.
//!
//! A plan says of each place which block it leads to, so that not only contents can be compared, but also what is shared: two places
//! lead to the same address if and only if the plan says so.

use crate::Fuse;
use crate::bytes::all;
use permacode::code::Tracer;
use permacode::{CodeArena, Error, Link, Loader, Name, Permanent, Sites};
use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;

/// What a code object holds, of each kind something.
pub(crate) struct Code<'a> {
    number: u64,
    pub(crate) name: Name<'a>,
    /// Not interned; the same text as the name, or none.
    text: &'a str,
    bytes: &'a [u8],
    consts: &'a [Const<'a>],
    inner: &'a [&'a Code<'a>],
    link: Link<'a, Code<'a>>,
    sites: Sites,
}

enum Const<'a> {
    Nil,
    Word(u64),
    Text(&'a str),
    Code(&'a Code<'a>),
}

impl<'a> Code<'a> {
    pub(crate) fn nth(&self, index: usize) -> Option<&'a Code<'a>> {
        self.inner.get(index).copied()
    }
}

// SAFETY: numbers, shared references and a link, covariant but for the link, all of them traced. By hand, so that the model needs no
// derive.
unsafe impl Permanent for Code<'_> {
    type At<'x> = Code<'x>;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        self.name.trace(tracer);
        self.text.trace(tracer);
        self.bytes.trace(tracer);
        self.consts.trace(tracer);
        self.inner.trace(tracer);
        self.link.trace(tracer);
        self.sites.trace(tracer);
    }
}

// SAFETY: a number or a shared reference; both kinds of references are traced.
unsafe impl Permanent for Const<'_> {
    type At<'x> = Const<'x>;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        match self {
            Const::Nil | Const::Word(_) => {}
            Const::Text(text) => text.trace(tracer),
            Const::Code(code) => code.trace(tracer),
        }
    }
}

/// What is made: blobs of bytes, and nodes that refer to them and to each other. The last node is the root.
#[derive(Debug)]
pub(crate) struct Plan {
    blobs: Vec<Blob>,
    pub(crate) nodes: Vec<Node>,
    /// As many different ranges of sites.
    sites: Vec<usize>,
}

#[derive(Debug)]
struct Blob {
    len: usize,
    align: usize,
    zeros: usize,
    padded: bool,
}

#[derive(Debug)]
pub(crate) struct Node {
    name: u8,
    text: bool,
    bytes: Option<(usize, Range<usize>)>,
    consts: Vec<Planned>,
    pub(crate) inner: Vec<usize>,
    link: Option<usize>,
    sites: usize,
    abandons: bool,
}

#[derive(Debug)]
enum Planned {
    Nil,
    Word(u64),
    Text(u8),
    Code(usize),
}

/// Why a lowering function failed.
#[derive(Debug, PartialEq)]
pub(crate) enum Failure {
    Planned,
    Refused(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// The payload of a planned panic.
pub(crate) struct Blown;

/// Every fourth name is empty, some are long.
pub(crate) fn name_text(name: u8) -> String {
    match name % 4 {
        0 => String::new(),
        1 => format!("a name that is much longer than others {}", name % 32),
        _ => format!("n{}", name % 32),
    }
}

impl Plan {
    pub(crate) fn new(recipe: [u8; 10]) -> Self {
        let mut plan = Self { blobs: Vec::new(), nodes: Vec::new(), sites: Vec::new() };
        for byte in recipe {
            plan.step(byte % 8, usize::from(byte / 8));
        }
        if plan.nodes.is_empty() {
            plan.node(0);
        }
        // Links may lead forward.
        let count = plan.nodes.len();
        plan.nodes.iter_mut().for_each(|node| node.link = node.link.map(|to| to % count));
        plan
    }

    fn step(&mut self, kind: u8, argument: usize) {
        let blob = |len, align, zeros, padded| Blob { len, align, zeros, padded };
        match kind {
            0 => self.blobs.push(blob(argument * 5, 1, 0, false)),
            1 => self.blobs.push(blob(argument * 1500, 1, 0, false)),
            2 => self.blobs.push(blob(10, 1 << (argument % 14), argument, true)),
            3 => self.node(argument),
            4 => {
                self.node(argument);
                self.refer(argument % 4);
            }
            5 => {
                self.node(argument);
                self.refer(1);
                let last = self.nodes.len() - 1;
                self.nodes[last].link = Some(argument);
                // The same sites as those of the first one.
                self.nodes[last].sites = self.nodes[0].sites;
            }
            6 => {
                self.node(argument);
                let last = self.nodes.len() - 1;
                self.nodes[last].abandons = true;
            }
            _ => {
                self.node(argument);
                self.refer(2);
                let last = self.nodes.len() - 1;
                let code = last.checked_sub(1 + argument % 3).map_or(Planned::Nil, Planned::Code);
                let text = Planned::Text(argument as u8);
                self.nodes[last].consts = vec![Planned::Nil, Planned::Word(argument as u64), text, code];
            }
        }
    }

    /// Adds a node that refers to the latest blob, or to a part of it.
    fn node(&mut self, argument: usize) {
        let whole = |(index, blob): (usize, &Blob)| (index, 0..blob.len + blob.zeros);
        let bytes = self.blobs.iter().enumerate().next_back().map(whole).map(|(index, range)| match argument % 3 {
            0 => (index, range),
            1 => (index, range.end / 3..range.end / 2),
            _ => (index, range.start..range.end / 2),
        });
        self.sites.push(argument % 20);
        self.nodes.push(Node {
            name: argument as u8,
            text: argument % 2 == 1,
            bytes,
            consts: Vec::new(),
            inner: Vec::new(),
            link: None,
            sites: self.sites.len() - 1,
            abandons: false,
        });
    }

    /// Makes the latest node refer to as many before it.
    fn refer(&mut self, count: usize) {
        let last = self.nodes.len() - 1;
        self.nodes[last].inner = (last.saturating_sub(count)..last).collect();
    }

    /// The name of a node.
    pub(crate) fn name(&self, node: usize) -> u8 {
        self.nodes[node].name
    }

    // ── lowering ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// What an interpreter's lowering function does, with any loader.
    pub(crate) fn lower<'x>(&self, loader: &Loader<'x>, fuse: Fuse) -> Result<&'x Code<'x>, Failure> {
        let step = Cell::new(0u8);
        let burn = || match fuse {
            Fuse::Error(at) if at % 32 == step.replace(step.get() + 1) => Err(Failure::Planned),
            // Without the hook, which would print, and abort a fuzzer.
            Fuse::Panic(at) if at % 32 == step.replace(step.get() + 1) => std::panic::resume_unwind(Box::new(Blown)),
            _ => Ok(()),
        };
        let mut blobs: Vec<&'x [u8]> = Vec::new();
        for (index, blob) in self.blobs.iter().enumerate() {
            burn()?;
            let bytes = vec![fill(index); blob.len];
            blobs.push(match blob.padded {
                true => loader.alloc_padded(&bytes, blob.align, blob.zeros)?,
                false => loader.alloc_slice_copy(&bytes)?,
            });
        }
        let sites: Vec<Sites> = self.sites.iter().map(|&count| loader.sites(count)).collect::<Result<_, _>>()?;
        let mut made: Vec<&'x Code<'x>> = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            burn()?;
            if node.abandons {
                let abandoned = loader.alloc_slice_try_fill_with(9, |at| {
                    loader.alloc(at as u64)?;
                    if at == 7 { Err(Failure::Planned) } else { Ok(u64::MAX) }
                });
                match abandoned {
                    Err(Failure::Planned) => {}
                    other => return other.map(|_| unreachable!("it fails at the seventh")),
                }
            }
            let name = name_text(node.name);
            let consts = loader.alloc_slice_try_fill_with(node.consts.len(), |at| {
                burn()?;
                Ok::<_, Failure>(match node.consts[at] {
                    Planned::Nil => Const::Nil,
                    Planned::Word(word) => Const::Word(word),
                    Planned::Text(text) => Const::Text(loader.intern(&name_text(text))?),
                    Planned::Code(code) => Const::Code(made[code]),
                })
            })?;
            made.push(loader.alloc(Code {
                number: number as u64,
                name: loader.intern_name(&name)?,
                text: if node.text { loader.alloc_str(&name)? } else { "" },
                bytes: node.bytes.as_ref().map_or(&[], |(blob, range)| &blobs[*blob][range.clone()]),
                consts,
                inner: loader.alloc_slice_fill_iter(node.inner.iter().map(|&inner| made[inner]))?,
                link: Link::unset(),
                sites: sites[node.sites],
            })?);
        }
        for (from, node) in self.nodes.iter().enumerate() {
            if let Some(to) = node.link {
                burn()?;
                loader.link(&made[from].link, made[to])?;
            }
        }
        made.last().copied().ok_or(Failure::Planned)
    }

    // ── comparing ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Checks that code is as planned from a node on, and returns the ranges of sites in it. With an arena, all of it must lie there, and
    /// its names be the ones that `asker`, a loader of that arena, finds.
    pub(crate) fn compare<'s, 'p>(
        &'p self,
        root: usize,
        code: &'s Code<'s>,
        permanent: Option<(&'p CodeArena, &'p Loader<'_>)>,
    ) -> Vec<Range<usize>> {
        let mut seen = Seen {
            plan: self,
            permanent,
            nodes: vec![None; self.nodes.len()],
            blobs: vec![None; self.blobs.len()],
            sites: vec![None; self.sites.len()],
            different: HashSet::new(),
        };
        let mut todo = vec![(root, code)];
        while let Some((index, code)) = todo.pop() {
            seen.node(index, code, &mut todo);
        }
        seen.sites.into_iter().flatten().filter(|sites| !sites.is_empty()).map(|sites| sites.range()).collect()
    }
}

fn fill(blob: usize) -> u8 {
    blob as u8 + 1
}

/// What was found where, while code is compared.
struct Seen<'p, 'l> {
    plan: &'p Plan,
    permanent: Option<(&'p CodeArena, &'p Loader<'l>)>,
    nodes: Vec<Option<usize>>,
    blobs: Vec<Option<usize>>,
    sites: Vec<Option<Sites>>,
    /// Addresses of nodes.
    different: HashSet<usize>,
}

impl Seen<'_, '_> {
    fn node<'s>(&mut self, index: usize, code: &'s Code<'s>, todo: &mut Vec<(usize, &'s Code<'s>)>) {
        let (node, address) = (&self.plan.nodes[index], std::ptr::from_ref(code).addr());
        if let Some(before) = self.nodes[index].replace(address) {
            assert_eq!(before, address, "what was one code object is two");
            return;
        }
        assert!(self.different.insert(address), "what were two code objects are one");
        assert!(self.permanent.is_none_or(|(arena, _)| arena.contains(code)), "a copy lies outside of the arena");
        assert_eq!(code.number, index as u64);
        self.name(&code.name, node.name);
        assert_eq!(code.text, if node.text { name_text(node.name) } else { String::new() });
        self.lies_well(code.text.as_bytes());
        assert!(code.text.is_empty() || code.text.as_ptr() != code.name.as_ptr(), "text became a name");
        self.bytes(code.bytes, &node.bytes);
        let sites = *self.sites[node.sites].get_or_insert(code.sites);
        assert_eq!((code.sites, sites.len()), (sites, self.plan.sites[node.sites]));
        assert_eq!(code.consts.len(), node.consts.len());
        for (found, planned) in code.consts.iter().zip(&node.consts) {
            match (found, planned) {
                (Const::Nil, Planned::Nil) => {}
                (Const::Word(found), Planned::Word(planned)) => assert_eq!(found, planned),
                (Const::Text(found), &Planned::Text(planned)) => self.name(found, planned),
                (Const::Code(found), &Planned::Code(planned)) => todo.push((planned, found)),
                _ => panic!("a constant became another one"),
            }
        }
        assert_eq!(code.inner.len(), node.inner.len());
        todo.extend(node.inner.iter().copied().zip(code.inner.iter().copied()));
        match (node.link, code.link.get()) {
            (Some(planned), Some(found)) => todo.push((planned, found)),
            (planned, found) => assert!(planned.is_none() && found.is_none(), "a link was lost, or is new"),
        }
    }

    fn name(&self, found: &str, planned: u8) {
        assert_eq!(found, name_text(planned));
        self.lies_well(found.as_bytes());
        if let Some((_, asker)) = self.permanent.filter(|_| !found.is_empty()) {
            let name = asker.intern(found).expect("it is there");
            assert!(std::ptr::eq(name, found), "a name is not the arena's copy");
        }
    }

    fn bytes(&mut self, found: &[u8], planned: &Option<(usize, Range<usize>)>) {
        let Some((index, range)) = planned else { return assert!(found.is_empty(), "{found:?}") };
        let blob = &self.plan.blobs[*index];
        assert_eq!(found.len(), range.len());
        let filled = blob.len.clamp(range.start, range.end) - range.start;
        assert!(all(&found[..filled], fill(*index)), "bytes changed");
        assert!(all(&found[filled..], 0), "zeros changed");
        self.lies_well(found);
        if !found.is_empty() {
            let start = found.as_ptr().addr() - range.start;
            assert_eq!(*self.blobs[*index].get_or_insert(start), start, "parts of a slice came apart");
            assert_eq!(start % blob.align, 0, "an alignment was lost");
        }
    }

    fn lies_well(&self, bytes: &[u8]) {
        let inside = |(arena, _): (&CodeArena, _)| arena.contains(bytes.as_ptr());
        assert!(bytes.is_empty() || self.permanent.is_none_or(inside), "a copy refers to what is not permanent");
    }
}
