//! Programs that were recorded: what real interpreters asked of their allocators (`../traces`).

use crate::Outcome;
use crate::calls::Kind;
use crate::heap::Heap;
use crate::patterns::{Pattern, Start};
use crate::shapes::table;
use crate::trace::Trace;
use std::alloc::Layout;
use std::mem::ManuallyDrop;

/// Each recorded program.
pub(crate) fn all() -> Vec<Pattern> {
    vec![
        Pattern::recorded("recorded: records that drift up", |start| replay(start, "rhai127-drift-up")),
        Pattern::recorded("recorded: records that drift down", |start| replay(start, "rhai127-drift-down")),
        Pattern::recorded("recorded: sessions among requests", |start| replay(start, "rhai127-sessions")),
        Pattern::recorded("recorded: Lua, a large heap", |start| replay(start, "lua54-large")),
        Pattern::recorded("recorded: boa, a mixture", |start| replay(start, "boa021-mix")),
    ]
}

/// The calls of a trace. Every byte of an object is written.
fn replay(start: &Start, name: &str) -> Outcome<Heap> {
    // Its memory stays, so that it does not count as given back.
    let trace = ManuallyDrop::new(Trace::read(name)?);
    let objects = table(trace.slots);
    let mut heap = start.now()?;
    let layout = |size: u32| Layout::from_size_align(size as usize, 16);
    for (number, op) in trace.calls.ops().iter().enumerate() {
        let place = &mut objects[op.slot as usize];
        match op.kind {
            Kind::Alloc => *place = heap.written(layout(op.new)?)?,
            Kind::AllocZeroed => *place = heap.alloc_zeroed(layout(op.new)?)?,
            // SAFETY: the trace names a live object, with its size, and its new address from here on.
            Kind::Realloc => *place = unsafe { heap.resize(*place, layout(op.old)?, op.new as usize) }?,
            // SAFETY: the trace names a live object, with its size, and not again.
            Kind::Free => unsafe { heap.free(*place, layout(op.old)?) }?,
        }
        if number + 1 == trace.peak.0 {
            heap.moment("most live")?;
        }
    }
    heap.moment("all freed")?;
    Ok(heap)
}
