//! A page that a cell's processes share with the test: how far they came and what they saw.

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

/// How far the attacked process came.
pub(crate) const READY: i32 = 1;
pub(crate) const ATTACKED: i32 = 2;
pub(crate) const SEEN: i32 = 3;

/// Zero at first, as new pages are.
#[repr(C)]
pub(crate) struct Board {
    /// Where the code lies that is attacked.
    pub(crate) address: AtomicUsize,
    pub(crate) stage: AtomicI32,
    /// The system's error number, 0 for success.
    pub(crate) code: AtomicI32,
    /// Whether a byte was another one afterwards.
    pub(crate) changed: AtomicI32,
}

impl Board {
    /// A board for one cell. Never unmapped: there are a hundred.
    pub(crate) fn new() -> &'static Self {
        // SAFETY: a new page at no particular address, of zeros, which are valid atomics; it stays mapped.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
            let page = libc::mmap(ptr::null_mut(), size_of::<Self>(), access, flags, -1, 0);
            assert_ne!(page, libc::MAP_FAILED);
            &*page.cast::<Self>()
        }
    }

    /// Notes how an attack ended.
    pub(crate) fn attacked(&self, result: Result<(), i32>) {
        self.code.store(result.err().unwrap_or(0), SeqCst);
        self.stage.store(ATTACKED, SeqCst);
    }

    /// Waits until a stage is reached; a cell that never does is ended by the test.
    pub(crate) fn wait_for(&self, stage: i32) {
        while self.stage.load(SeqCst) < stage {
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
    }
}
