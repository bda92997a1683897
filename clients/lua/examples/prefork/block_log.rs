//! Lua's memory, with a log of the blocks that were made while somebody asked.

use core::cell::Cell;
use core::ffi::c_void;
use core::ops::Range;
use core::ptr;
use permacode_lua::{Allocator, Function, LuaError, Program, State};
use std::collections::BTreeMap;

/// Another allocator, and a log.
pub struct BlockLog<'h> {
    memory: Allocator<'h>,
    recording: Cell<bool>,
    events: Cell<Vec<Event>>,
    /// An event was not logged, for want of memory.
    incomplete: Cell<bool>,
}

/// One call of the allocator's; addresses, 0 for none.
struct Event {
    old: usize,
    new: usize,
    size: usize,
}

impl<'h> BlockLog<'h> {
    pub fn over(memory: Allocator<'h>) -> Self {
        Self { memory, recording: Cell::new(false), events: Cell::default(), incomplete: Cell::new(false) }
    }

    pub fn allocator(&self) -> Allocator<'_> {
        // SAFETY: `allocate` is the allocator below, does not unwind, and the log is borrowed for as long as the result lives.
        unsafe { Allocator::new(allocate, ptr::from_ref(self).cast_mut().cast()) }
    }

    /// Loads programs, and says which blocks that made that are still there after a collection: prototypes, constants and strings, and,
    /// where `load` copies them, instructions and line information.
    ///
    /// Everything is loaded and dropped once before, so that what grows as a state loads (its stack, its registry) has grown.
    pub fn load<'s, 'a>(
        &self,
        state: &'s State<'a>,
        programs: &[Program<'a>],
        load: impl Fn(&'s State<'a>, Program<'a>) -> Result<Function<'s, 'a>, LuaError>,
    ) -> Result<(Vec<Function<'s, 'a>>, Blocks), LuaError> {
        let all = || programs.iter().map(|program| load(state, *program)).collect::<Result<Vec<_>, _>>();
        drop(all()?);
        state.collect()?;
        self.recording.set(true);
        let loaded = all().and_then(|functions| state.collect().map(|()| functions));
        self.recording.set(false);
        Ok((loaded?, self.blocks()))
    }

    /// What was made in the recorded time and was not freed in it. A block that grew out of one from before is not new.
    fn blocks(&self) -> Blocks {
        let mut blocks = BTreeMap::new();
        for event in self.events.take() {
            let known = blocks.remove(&event.old).is_some();
            if event.new != 0 && (event.old == 0 || known) {
                blocks.insert(event.new, event.size);
            }
        }
        let ranges = blocks.into_iter().map(|(address, size)| address..address + size).collect();
        Blocks { ranges, complete: !self.incomplete.get() }
    }

    fn note(&self, event: Event) {
        let mut events = self.events.take();
        match events.try_reserve(1) {
            Ok(()) => events.push(event),
            Err(_) => self.incomplete.set(true),
        }
        self.events.set(events);
    }
}

/// Blocks of memory, in the order of their addresses.
pub struct Blocks {
    pub ranges: Vec<Range<usize>>,
    /// None is missing.
    pub complete: bool,
}

impl Blocks {
    pub fn bytes(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).sum()
    }
}

unsafe extern "C" fn allocate(log: *mut c_void, block: *mut c_void, old: usize, size: usize) -> *mut c_void {
    // SAFETY: `data` is the log, which lives as long as the state; blocks are null or from here, of that size, and not freed yet.
    let (log, new) = unsafe {
        let log = &*log.cast::<BlockLog<'_>>();
        (log, log.memory.call(block, old, size))
    };
    let refused = size != 0 && new.is_null();
    if log.recording.get() && !refused {
        log.note(Event { old: block.addr(), new: new.addr(), size });
    }
    new
}
