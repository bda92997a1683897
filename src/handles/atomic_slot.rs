//! A slot for functions that threads share: permanent code that can be replaced while they run it.
//!
//! Permanent code only. Were it counted, a thread could load the word, be held up, and count a code object that another thread had replaced
//! and freed meanwhile. Permanent code lives as long as its arena, so what was loaded stays good, whoever replaces it.

use crate::base::atomics::AtomicPtr;
use crate::code::Permanent;
use core::fmt;
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::Ordering::*;

/// A function's permanent code, to be replaced by another while any number of threads run it.
///
/// One word. Getting is one acquire load: no count, no lock, no store. `Send` and `Sync`, since permanent code is.
///
/// ```
/// use permacode::handles::AtomicCodeSlot;
///
/// static CODES: [u32; 2] = [1, 2];
/// let slot = AtomicCodeSlot::new(&CODES[0]);
/// std::thread::scope(|scope| {
///     scope.spawn(|| slot.replace(&CODES[1]));
///     scope.spawn(|| assert!([1, 2].contains(slot.get())));
/// });
/// assert_eq!(*slot.get(), 2);
/// ```
///
/// # Variance
///
/// Invariant in `'a` and in `T`: what is put in through one reference comes out through another.
pub struct AtomicCodeSlot<'a, T: Permanent> {
    code: AtomicPtr<T>,
    /// Invariant: what is put in through one reference comes out through another.
    invariant: PhantomData<fn(&'a T) -> &'a T>,
}

impl<'a, T: Permanent> AtomicCodeSlot<'a, T> {
    /// Makes a slot with this code. Costs nothing, and may be a `static`: no arena is asked.
    ///
    /// ```
    /// use permacode::handles::AtomicCodeSlot;
    ///
    /// static CODES: [u32; 2] = [1, 2];
    /// static MAIN: AtomicCodeSlot<'static, u32> = AtomicCodeSlot::new(&CODES[0]);
    /// MAIN.replace(&CODES[1]);
    /// assert_eq!(*MAIN.get(), 2);
    /// assert_eq!(size_of_val(&MAIN), size_of::<usize>());
    /// ```
    pub const fn new(code: &'a T) -> Self {
        Self { code: AtomicPtr::new(ptr::from_ref(code).cast_mut()), invariant: PhantomData }
    }

    /// Returns the code, good for as long as its arena, even if other code is put in meanwhile. Costs one acquire load.
    ///
    /// ```
    /// # use permacode::CodeArena;
    /// # use permacode::handles::AtomicCodeSlot;
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let slot = AtomicCodeSlot::new(loader.alloc(1u32)?);
    /// let frame = slot.get();
    /// slot.replace(loader.alloc(2u32)?);
    /// assert_eq!((*frame, *slot.get()), (1, 2)); // what runs goes on with the code that it began with
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn get(&self) -> &'a T {
        // SAFETY: what is in the slot was a `&'a T`. Acquire, paired with the release of whoever put it in: its bytes were written before.
        unsafe { &*self.code.load(Acquire) }
    }

    /// Puts other code in, and returns the code that was there. Costs one atomic exchange.
    ///
    /// ```
    /// # use permacode::handles::AtomicCodeSlot;
    /// static CODES: [u32; 3] = [0, 1, 2];
    /// let slot = AtomicCodeSlot::new(&CODES[0]);
    /// let replaced = std::thread::scope(|scope| {
    ///     let (one, two) = (scope.spawn(|| slot.replace(&CODES[1])), scope.spawn(|| slot.replace(&CODES[2])));
    ///     one.join().unwrap() + two.join().unwrap()
    /// });
    /// assert_eq!(replaced + slot.get(), 3); // each came out once, but for the one that is in
    /// ```
    pub fn replace(&self, code: &'a T) -> &'a T {
        // SAFETY: as in `get`.
        unsafe { &*self.code.swap(ptr::from_ref(code).cast_mut(), AcqRel) }
    }

    /// Puts other code in if the slot holds `current`, the very same, and returns the code that was there. Costs one
    /// atomic compare-exchange.
    ///
    /// # Errors
    ///
    /// The code that the slot holds, if it holds something else. The slot is as it was.
    ///
    /// ```
    /// # use permacode::handles::AtomicCodeSlot;
    /// static GENERAL: u32 = 1;
    /// static COMPILED: [u32; 2] = [7, 7];
    /// let slot = AtomicCodeSlot::new(&GENERAL);
    /// assert!(slot.compare_exchange(&GENERAL, &COMPILED[0]).is_ok());
    /// // Another thread compiled the same function, and comes too late.
    /// let there = slot.compare_exchange(&GENERAL, &COMPILED[1]).unwrap_err();
    /// assert!(std::ptr::eq(there, &COMPILED[0]));
    /// // Equal code is not the same code.
    /// assert!(slot.compare_exchange(&COMPILED[1], &GENERAL).is_err());
    /// ```
    pub fn compare_exchange(&self, current: &'a T, code: &'a T) -> Result<&'a T, &'a T> {
        let (current, code) = (ptr::from_ref(current).cast_mut(), ptr::from_ref(code).cast_mut());
        // SAFETY: as in `get`, also of what was found instead.
        let good = |code: *mut T| unsafe { &*code };
        // Release alone when it succeeds: what comes out is what the caller had already.
        self.code.compare_exchange(current, code, Release, Acquire).map(good).map_err(good)
    }
}

impl<T: Permanent> fmt::Debug for AtomicCodeSlot<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtomicCodeSlot(permanent)")
    }
}
