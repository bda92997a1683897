//! Which blocks of Lua's heap hold bytes that a chunk holds too: what loading the ordinary way copied as it is.

use super::block_log::Blocks;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What a block and a place in a chunk are first compared by.
const KEY: usize = 8;

/// The blocks that occur in a chunk, byte for byte: instructions and line information. Constants and prototypes hold pointers, so they do
/// not; nor do long strings, which the ordinary way puts behind a header.
///
/// Of blocks below eight bytes there are no others: every other vector's elements are as long as a pointer.
pub fn verbatim<'c>(blocks: &Blocks, chunks: impl Iterator<Item = &'c [u8]>) -> io::Result<Blocks> {
    let mut places: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for chunk in chunks {
        for start in 0..chunk.len().saturating_sub(KEY - 1) {
            places.entry(&chunk[start..start + KEY]).or_default().push(&chunk[start..]);
        }
    }
    // Through the kernel: a block may have padding, which only a copy of the memory may look at.
    let memory = File::open("/proc/self/mem")?;
    let mut found = Vec::new();
    for range in &blocks.ranges {
        let mut bytes = vec![0; range.len()];
        memory.read_exact_at(&mut bytes, range.start as u64)?;
        let occurs = match bytes.get(..KEY) {
            Some(key) => places.get(key).is_some_and(|places| places.iter().any(|place| place.starts_with(&bytes))),
            None => true,
        };
        if occurs {
            found.push(range.clone());
        }
    }
    Ok(Blocks { ranges: found, complete: blocks.complete })
}
