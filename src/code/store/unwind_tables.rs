//! Tables that tell the unwinder of the C runtime how to get through an arena's machine code.
//!
//! ```text
//!   newest ─▶ ┌ begin │ registered ┐ ─▶ ┌ begin │ registered ┐      records; pushed by compare-exchange, never removed
//!             └───┼────────────────┘    └───┼────────────────┘
//!                 ▼                         ▼
//!            `.eh_frame` bytes in sealed pages, read whenever anything of the process unwinds
//! ```
//!
//! * A table is registered after its pages are sealed, and taken back before they are released.
//! * **Forked children.** Another thread of the parent may have been registering a table. The child cannot know whether the unwinder has it. So
//!   the arena's memory stays mapped there.
//! * The unwinder takes a lock of its own in some versions. So the seal of a module with a table may wait, and the drop of its arena (invariant 5).
//!   In a child that was forked at a bad moment they wait for ever, as any unwinding does there. `set_unwind_table` says so.
//! * 32-bit ARM has unwind tables of another kind, and no such functions.

use super::record::{AtomicRecord, Record};
use core::ffi::c_void;
use core::iter::successors;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};

unsafe extern "C" {
    /// Takes a table of the form of `.eh_frame`, up to a length of 0. It is libgcc's; other unwinders take one entry of a table by this name.
    fn __register_frame(begin: *const c_void);
    /// Gives one back.
    fn __deregister_frame(begin: *const c_void);
}

/// The ledger's record of a table.
pub(in crate::code) struct UnwindTable {
    begin: AtomicPtr<u8>,
    is_registered: AtomicBool,
    older: AtomicRecord<Self>,
}

impl UnwindTable {
    /// # Safety
    ///
    /// The record goes to the ledger of the arena that the table lies in.
    pub(in crate::code) unsafe fn new(begin: NonNull<u8>) -> Self {
        // SAFETY: the caller's promise; the list is in the arena too.
        let older = unsafe { AtomicRecord::empty() };
        Self { begin: AtomicPtr::new(begin.as_ptr()), is_registered: AtomicBool::new(false), older }
    }

    fn begin(&self) -> *const c_void {
        self.begin.load(Relaxed).cast_const().cast()
    }
}

/// All that an arena has, the newest first.
pub(in crate::code) struct UnwindTables {
    newest: AtomicRecord<UnwindTable>,
}

impl UnwindTables {
    /// # Safety
    ///
    /// 1. The list becomes part of an arena.
    /// 2. The records that [`register`](Self::register) is given come from that arena's ledger.
    pub(in crate::code) const unsafe fn new() -> Self {
        // SAFETY: the caller's promise.
        Self { newest: unsafe { AtomicRecord::empty() } }
    }

    /// Tells the unwinder of a table, until [`end`](Self::end).
    ///
    /// # Safety
    ///
    /// 1. The table has the form of `.eh_frame`, and is true of the code that it describes.
    /// 2. It is sealed, and lies in memory that stays mapped unless [`end`](Self::end) returned `true`.
    /// 3. It was not registered before.
    pub(in crate::code) unsafe fn register(&self, table: Record<'_, UnwindTable>) {
        self.announce(table);
        // SAFETY: the caller's promise.
        unsafe { __register_frame(table.begin()) };
        table.is_registered.store(true, Release);
    }

    /// Says that a table is about to be registered.
    pub(in crate::code) fn announce(&self, table: Record<'_, UnwindTable>) {
        self.newest.push(table, |table| &table.older);
    }

    /// Takes all tables back. Returns `false` if the unwinder may still have one, so that the arena's memory must stay.
    pub(in crate::code) fn end(&mut self) -> bool {
        let mut all = true;
        for table in successors(self.newest.get(), |table| table.get().older.get()) {
            if table.is_registered.load(Acquire) {
                // SAFETY: registered once, and taken back once, since the list ends with its arena.
                unsafe { __deregister_frame(table.begin()) };
            } else {
                all = false;
            }
        }
        all
    }
}
