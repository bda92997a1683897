//! An allocator around another one that remembers every block: what Lua thinks it has.

use core::cell::{Cell, RefCell};
use core::ffi::c_void;
use permacode_lua::Allocator;
use std::collections::BTreeMap;

/// Lua's blocks: where each lies, and the bytes that Lua asked for.
pub struct Counter<'h> {
    memory: Allocator<'h>,
    pub blocks: RefCell<BTreeMap<usize, usize>>,
    /// Requests for more memory that were refused.
    pub refused: Cell<usize>,
}

impl<'h> Counter<'h> {
    pub fn over(memory: Allocator<'h>) -> Self {
        Self { memory, blocks: RefCell::default(), refused: Cell::new(0) }
    }

    pub fn allocator(&self) -> Allocator<'_> {
        // SAFETY: `allocate` is the allocator below, and the counter is borrowed for as long as the result lives.
        unsafe { Allocator::new(allocate, core::ptr::from_ref(self).cast_mut().cast()) }
    }

    /// Bytes that Lua asked for and has.
    pub fn bytes(&self) -> usize {
        self.blocks.borrow().values().sum()
    }
}

unsafe extern "C" fn allocate(counter: *mut c_void, block: *mut c_void, old: usize, new: usize) -> *mut c_void {
    // SAFETY: `data` is the counter, and blocks are from here.
    let (counter, result) = unsafe {
        let counter = &*counter.cast::<Counter<'_>>();
        (counter, counter.memory.call(block, old, new))
    };
    if new != 0 && result.is_null() {
        counter.refused.set(counter.refused.get() + 1);
        return result;
    }
    let mut blocks = counter.blocks.borrow_mut();
    if !block.is_null() {
        // A panic here ends the process: it is at a C frame.
        assert_eq!(blocks.remove(&block.addr()), Some(old), "Lua's idea of a block is another");
    }
    if new != 0 {
        assert_eq!(blocks.insert(result.addr(), new), None, "an address that is in use was handed out");
    }
    result
}
