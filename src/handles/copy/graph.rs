//! All blocks that a block leads to. They are found without recursion, so that no chain is too deep.

use crate::base::hash::HashSet;
use crate::code::{Block, Found, Reference, Sites};
use crate::error::Error;
use crate::handles::region::{push, refusal};
use alloc::vec::Vec;
use core::ptr::NonNull;

/// The blocks that were followed, the first one's at the front, and every place in them that refers to something.
#[derive(Default)]
pub(in crate::handles) struct Graph {
    pub(in crate::handles) blocks: Vec<Block>,
    pub(in crate::handles) references: Vec<Reference>,
    pub(in crate::handles) sites: Vec<NonNull<Sites>>,
}

impl Graph {
    /// Finds everything that `root` leads to by the references that `follow` says yes to, each block once. A block is
    /// an address, a length and an alignment: a wrapper may be aligned better than the equally long value that it
    /// begins with.
    ///
    /// Two references to one place may have different types. One may be to a wrapper and the other to its only field,
    /// or to an array and to a slice of it. They count as one block, traced by the type that came first.
    ///
    /// That is right because both values are live and equally long. So one is the other, with no byte around it. Every
    /// reference of either lies in both, and both types trace all of theirs (the promise of
    /// [`Permanent`](crate::Permanent)). The type of a *reference* is not lost with that of the block: each place has a
    /// writer and a length of its own ([`Reference`]).
    ///
    /// # Safety
    ///
    /// `root` and what is followed is live.
    pub(in crate::handles) unsafe fn new(
        root: Block,
        follow: impl Fn(&Reference) -> Result<bool, Error>,
    ) -> Result<Self, Error> {
        let mut graph = Self::default();
        let mut seen = HashSet::default();
        let (mut next, mut failed) = (0, Ok(()));
        seen.try_reserve(1).map_err(refusal::<Block>)?;
        seen.insert((root.start, root.bytes, root.align));
        push(&mut graph.blocks, root)?;
        while let Some(&block) = graph.blocks.get(next) {
            next += 1;
            let mut show = |found| match found {
                Found::Sites(sites) => push(&mut graph.sites, sites),
                Found::Reference(reference) => {
                    push(&mut graph.references, reference)?;
                    let to = reference.block;
                    if to.bytes == 0 || !follow(&reference)? {
                        return Ok(());
                    }
                    seen.try_reserve(1).map_err(refusal::<Block>)?;
                    if seen.insert((to.start, to.bytes, to.align)) { push(&mut graph.blocks, to) } else { Ok(()) }
                }
            };
            // SAFETY: the caller's promise.
            unsafe { block.trace(&mut |found| failed = failed.and_then(|()| show(found))) };
            failed?;
        }
        Ok(graph)
    }
}
