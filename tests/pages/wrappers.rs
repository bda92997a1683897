//! A source that is put around another one hands every call on: a method that it forgets would answer for a system that is not there.

use permacode::error::{PageCall, PageError};
use permacode::pages::{NamedPages, PageSource, Step};
use permacode::testing::Pages;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::Arc;

/// A source whose answers are nobody else's, and that writes each call down.
#[derive(Clone, Copy)]
struct Told {
    protects: bool,
}

thread_local! {
    /// The calls of this thread.
    static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A reservation that is no memory: nothing here is read or written.
const BASE: usize = 0x7000_0000;
const PAGE: usize = 16 << 10;
const BYTES: usize = 4 * PAGE;
const WISH: usize = 0x5000_0000;

impl Told {
    fn note(call: String) {
        CALLS.with_borrow_mut(|calls| calls.push(call));
    }

    fn base() -> NonNull<u8> {
        NonNull::new(std::ptr::without_provenance_mut(BASE)).unwrap()
    }
}

// SAFETY: the tests below touch no memory that it says to be there.
unsafe impl PageSource for Told {
    fn page_size(&self) -> usize {
        PAGE
    }

    fn protects(&self) -> bool {
        self.protects
    }

    fn reservation_is_free(&self) -> bool {
        !self.protects // not what the trait takes for granted
    }

    fn room(&self) -> Option<usize> {
        Some(12_345)
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        Self::note(format!("reserve {bytes}"));
        Ok(Self::base())
    }

    fn reserve_near(&self, bytes: usize, wish: usize) -> Result<NonNull<u8>, PageError> {
        Self::note(format!("reserve {bytes} near {wish:x}"));
        Ok(Self::base())
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        Self::note(format!("{step:?} {:x} {bytes}", at.addr()));
        step.refuse(bytes)
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        Self::note(format!("resident {:x} {bytes}", at.addr()));
        Ok(bytes - 1)
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        Self::note(format!("release {:x} {bytes}", at.addr()));
        Err(PageError { call: PageCall::Release, bytes, code: 99 })
    }
}

/// Every step, with whatever it takes.
const STEPS: [Step; 13] = [
    Step::Commit,
    Step::Populate,
    Step::Seal,
    Step::SealExecutable,
    Step::Replace { executable: false },
    Step::Replace { executable: true },
    Step::MapFile { file: 77, offset: 4096 },
    Step::Fix,
    Step::Huge { sealed: false },
    Step::Huge { sealed: true },
    Step::Plain,
    Step::Decommit,
    Step::Discard,
];

/// Makes every call of a source, and compares each answer with that of the source below and with what that was told.
fn check(name: &str, told: Told, source: &dyn PageSource) {
    let heard = |call: &str| {
        assert_eq!(CALLS.take(), [call], "{name}");
    };
    assert_eq!(source.page_size(), PAGE, "{name}");
    assert_eq!(source.protects(), told.protects, "{name}");
    assert_eq!(source.reservation_is_free(), !told.protects, "{name}");
    assert_eq!(source.room(), Some(12_345), "{name}");
    assert_eq!(source.reserve(BYTES), Ok(Told::base()), "{name}");
    heard(&format!("reserve {BYTES}"));
    // SAFETY: a reservation of this source, where nothing is touched.
    let released = unsafe { source.release(Told::base(), BYTES) };
    assert_eq!(released, Err(PageError { call: PageCall::Release, bytes: BYTES, code: 99 }), "{name}");
    heard(&format!("release {BASE:x} {BYTES}"));
    assert_eq!(source.reserve_near(BYTES, WISH), Ok(Told::base()), "{name}");
    heard(&format!("reserve {BYTES} near {WISH:x}"));
    let second = Told::base().map_addr(|at| at.saturating_add(PAGE));
    for step in STEPS {
        // SAFETY: a page of a reservation of this source. It is not there, and the source below does nothing to it.
        assert_eq!(unsafe { source.apply(step, second, PAGE) }, step.refuse(PAGE), "{name}");
        heard(&format!("{step:?} {:x} {PAGE}", BASE + PAGE));
    }
    // SAFETY: the same.
    assert_eq!(unsafe { source.resident(second, PAGE) }, Ok(PAGE - 1), "{name}");
    heard(&format!("resident {:x} {PAGE}", BASE + PAGE));
    // SAFETY: the whole reservation.
    assert!(unsafe { source.release(Told::base(), BYTES) }.is_err(), "{name}");
    heard(&format!("release {BASE:x} {BYTES}"));
}

#[test]
fn each_wrapper_hands_on_every_call_and_every_answer() {
    for protects in [true, false] {
        let told = Told { protects };
        check("the source itself", told, &told);
        check("NamedPages", told, &NamedPages::new(Arc::new(told), c"mylang"));
        check("testing::Pages", told, &*Pages::watching(Box::new(told)));
        let twice = NamedPages::new(Arc::new(NamedPages::new(Arc::new(told), c"below")), c"above");
        check("NamedPages around NamedPages", told, &twice);
    }
}

#[test]
fn pages_that_are_not_protected_are_never_named() {
    for protects in [true, false] {
        let told = Told { protects };
        let pages = NamedPages::new(Arc::new(told), c"mylang");
        check("NamedPages", told, &pages);
        // Where nothing is mapped there is nothing to name: a kernel with names says so too.
        assert_eq!(pages.refused().is_some(), protects && cfg!(unix));
    }
}
