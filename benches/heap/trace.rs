//! Recorded traces, decoded: `../traces/README.md` has the format.

use crate::calls::{Calls, Kind, Op};
use flate2::read::GzDecoder;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

pub(crate) const NAMES: [&str; 7] =
    ["lua54-mix", "lua54-large", "quickjs-ng-mix", "rustpython06-mix", "boa021-mix", "rhai127-mix", "wasmi11-modules"];

pub(crate) struct Trace {
    pub(crate) calls: Calls,
    /// Objects that are live at once at most.
    pub(crate) slots: usize,
    /// Calls up to the moment when the most bytes are live, and how many those are.
    pub(crate) peak: (usize, usize),
}

impl Trace {
    /// Reads a trace. What is live at its end is freed there, so that it can be replayed again.
    pub(crate) fn read(name: &str) -> Result<Self, Box<dyn Error>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../traces/{name}.dat.gz"));
        let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut bytes = Vec::new();
        GzDecoder::new(file).read_to_end(&mut bytes)?;
        let (header, rest) = bytes.split_at_checked(64).ok_or("a trace without a header")?;
        if !header.starts_with(b"DATRACE1") {
            return Err("not a trace".into());
        }
        let word = |index: usize| u64::from_le_bytes(std::array::from_fn(|byte| header[8 * index + byte])) as usize;
        let mut decoder = Decoder { rest, last: 0 };
        let mut trace = Self { calls: Calls::with_capacity(word(1) + word(5)), slots: 0, peak: (0, 0) };
        let mut slots = Slots::default();
        let (mut objects, mut bytes) = (Vec::with_capacity(word(2)), 0);
        for _ in 0..word(1) {
            let op = decoder.op(&mut objects, &mut slots)?;
            bytes = bytes + op.new as usize - op.old as usize;
            trace.calls.push(op)?;
            if bytes > trace.peak.1 {
                trace.peak = (trace.calls.len(), bytes);
            }
        }
        for (slot, old) in objects.into_iter().filter(|&(_, size)| size != 0) {
            trace.calls.push(free(slot, old))?;
        }
        trace.slots = slots.count as usize;
        if trace.slots != word(3) {
            return Err("a trace whose header says something else".into());
        }
        Ok(trace)
    }
}

fn free(slot: u32, old: u32) -> Op {
    Op { kind: Kind::Free, slot, old, new: 0 }
}

/// Slots that are used again, the last first: the replay's table then has an entry for each live object and not one for each there ever
/// was.
#[derive(Default)]
struct Slots {
    free: Vec<u32>,
    count: u32,
}

impl Slots {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }
}

struct Decoder<'a> {
    rest: &'a [u8],
    last: i64,
}

impl Decoder<'_> {
    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or("a trace that breaks off")?;
            self.rest = rest;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("a number without an end")
    }

    /// The next call. `objects` has the slot and the size of each object there ever was; 0: freed.
    fn op(&mut self, objects: &mut Vec<(u32, u32)>, slots: &mut Slots) -> Result<Op, Box<dyn Error>> {
        let head = self.varint()?;
        if let 0 | 3 = head & 3 {
            // An object without bytes could not be tagged; interpreters' callbacks give it one as well.
            let new = u32::try_from(head >> 2)?.max(1);
            let how = if head & 3 == 3 { self.varint()? } else { 0 };
            if how >> 1 > 4 {
                return Err("an alignment above 16".into());
            }
            let slot = slots.take();
            objects.push((slot, new));
            return Ok(Op { kind: if how & 1 == 1 { Kind::AllocZeroed } else { Kind::Alloc }, slot, old: 0, new });
        }
        let zigzag = head >> 2;
        self.last += (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        let object = usize::try_from(self.last).ok().and_then(|id| objects.get_mut(id));
        let object = object.filter(|object| object.1 != 0).ok_or("an object that is not live")?;
        let (slot, old) = *object;
        if head & 3 == 1 {
            object.1 = 0;
            slots.free.push(slot);
            return Ok(free(slot, old));
        }
        let new = u32::try_from(self.varint()?)?.max(1);
        object.1 = new;
        Ok(Op { kind: Kind::Realloc, slot, old, new })
    }
}
