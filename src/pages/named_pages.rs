//! Pages whose mappings say whose they are.
//!
//! ```text
//!   7f12a0000000-7f12a0008000 r--p 00000000 00:00 0      [anon:mylang code]     sealed
//!   7f12a0008000-7f12a000c000 rw-p 00000000 00:00 0      [anon:mylang code]     open
//! ```
//!
//! The kernel merges neighbouring mappings only if they have the same name. So a whole reservation gets its name at once. What a step may map anew,
//! without a name, gets it again behind that step.

use super::{PageSource, Step};
use crate::error::{PageCall, PageError};
use alloc::borrow::Cow;
use alloc::sync::Arc;
use core::ffi::CStr;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};

/// Pages of another source, whose mappings have a name: `/proc/PID/maps` and `smaps` show `[anon:NAME]` beside each.
///
/// Give each arena of a process a name of its own, so that tools which look from outside tell code, objects and tables apart. Sealed memory files
/// have names anyway: `/memfd:permacode-code`, `permacode-native-code` and `permacode-image`.
///
/// Names need Linux 5.17, built with `CONFIG_ANON_VMA_NAME`; many kernels are not. A kernel that refuses changes nothing else, and
/// [`refused`](Self::refused) says why. A name has at most 79 bytes, all of them printable ASCII, and none of `` \ ` $ [ ] ``. The kernel
/// refuses others.
///
/// A reservation that goes back to a pool keeps its name for the next one. So let all arenas of such a pool name their pages.
///
/// Pages that nothing [protects](PageSource::protects) are not named: they are parts of mappings that the program has for other things too.
///
/// ```
/// use permacode::pages::{DefaultPages, NamedPages};
/// use permacode::{CodeArena, HeapArena};
/// use std::sync::Arc;
///
/// let named = |name| Arc::new(NamedPages::new(Arc::new(DefaultPages::default()), name));
/// let (code, objects) = (named(c"mylang code"), named(c"mylang objects"));
/// let arena = CodeArena::builder().pages(code.clone()).build()?;
/// let heap = HeapArena::builder().pages(objects).build()?;
/// match code.refused() {
///     None => println!("/proc/self/maps has [anon:mylang code]"),
///     Some(refused) => println!("{refused}"),
/// }
/// # drop((arena, heap));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Cost
///
/// What the other source costs, and a system call more for each reservation, and for each step that gives memory back. The arena's statistics do not count those.
/// A name is memory of the kernel's, once for each mapping.
pub struct NamedPages {
    pages: Arc<dyn PageSource>,
    name: Cow<'static, CStr>,
    /// The bytes for which a name was refused last; 0 if none was.
    refused: AtomicUsize,
    /// The error number of that refusal.
    code: AtomicI32,
}

impl NamedPages {
    /// Makes pages that take memory from `pages` and call it `name`.
    ///
    /// The name is a `&'static CStr` or a `CString`. Sources may share what lies below: a pool can serve arenas of different names.
    ///
    /// ```
    /// # #[cfg(all(unix, not(permacode_ordinary_pages)))]
    /// # fn main() -> Result<(), permacode::Error> {
    /// use permacode::HeapArena;
    /// use permacode::pages::{NamedPages, PooledPages};
    /// use std::ffi::CString;
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(PooledPages::new(2)?);
    /// for tenant in 0..2 {
    ///     let name = CString::new(format!("mylang objects, tenant {tenant}")).expect("there is no zero in it");
    ///     let pages = Arc::new(NamedPages::new(pool.clone(), name));
    ///     HeapArena::builder().reservation(1 << 20).pages(pages).build()?;
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(all(unix, not(permacode_ordinary_pages))))]
    /// # fn main() {}
    /// ```
    pub fn new(pages: Arc<dyn PageSource>, name: impl Into<Cow<'static, CStr>>) -> Self {
        Self { pages, name: name.into(), refused: AtomicUsize::new(0), code: AtomicI32::new(0) }
    }

    /// Returns the name.
    ///
    /// ```
    /// # use permacode::pages::{NamedPages, OrdinaryPages};
    /// let pages = NamedPages::new(std::sync::Arc::new(OrdinaryPages), c"mylang code");
    /// assert_eq!(pages.name(), c"mylang code");
    /// ```
    pub fn name(&self) -> &CStr {
        &self.name
    }

    /// Returns the last refusal of a name, or `None` if the kernel refused none so far.
    ///
    /// `EINVAL` is the answer of a kernel without names, and of any kernel to a name that it does not take. On systems other than Linux each
    /// name is refused, with the number 0.
    ///
    /// ```
    /// # use permacode::HeapArena;
    /// # use permacode::pages::{NamedPages, OrdinaryPages};
    /// # use std::sync::Arc;
    /// let pages = Arc::new(NamedPages::new(Arc::new(OrdinaryPages), c"mylang objects"));
    /// let heap = HeapArena::builder().reservation(1 << 20).pages(pages.clone()).build()?;
    /// assert_eq!(pages.refused(), None); // of ordinary memory nothing is named, so nothing is refused
    /// # drop(heap);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn refused(&self) -> Option<PageError> {
        let bytes = self.refused.load(Relaxed);
        (bytes != 0).then(|| PageError { call: PageCall::Name, bytes, code: self.code.load(Relaxed) })
    }

    /// Names a part of a reservation, or notes why not.
    fn give_name(&self, at: NonNull<u8>, bytes: usize) {
        if !self.pages.protects() {
            return;
        }
        if let Err(code) = name(at, bytes, &self.name) {
            self.code.store(code, Relaxed);
            self.refused.store(bytes, Relaxed);
        }
    }
}

// SAFETY: the other source keeps the contract, and each call is handed on as it is. A name changes neither contents nor access. Nothing here locks.
unsafe impl PageSource for NamedPages {
    fn page_size(&self) -> usize {
        self.pages.page_size()
    }

    fn protects(&self) -> bool {
        self.pages.protects()
    }

    fn reservation_is_free(&self) -> bool {
        self.pages.reservation_is_free()
    }

    fn room(&self) -> Option<usize> {
        self.pages.room()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        let base = self.pages.reserve(bytes)?;
        self.give_name(base, bytes);
        Ok(base)
    }

    fn reserve_near(&self, bytes: usize, wish: usize) -> Result<NonNull<u8>, PageError> {
        let base = self.pages.reserve_near(bytes, wish)?;
        self.give_name(base, bytes);
        Ok(base)
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        let result = unsafe { self.pages.apply(step, at, bytes) };
        // Where the kernel's advice does not serve, these map the range anew, and so may a file that could not be mapped.
        if matches!(step, Step::Decommit | Step::Discard) || (matches!(step, Step::MapFile { .. }) && result.is_err()) {
            self.give_name(at, bytes);
        }
        result
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: the caller's contract.
        unsafe { self.pages.resident(at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { self.pages.release(at, bytes) }
    }
}

impl fmt::Debug for NamedPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedPages").field("name", &self.name).field("refused", &self.refused()).finish_non_exhaustive()
    }
}

/// Names mappings of this process. The error is the system's number.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri), not(permacode_ordinary_pages)))]
use super::system::name;

/// There are no names.
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri), not(permacode_ordinary_pages))))]
fn name(_at: NonNull<u8>, _bytes: usize, _name: &CStr) -> Result<(), i32> {
    Err(0)
}
