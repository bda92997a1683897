//! The end of the process, where going on would be undefined.

/// Ends the process at once. Nothing unwinds.
#[cfg(feature = "std")]
#[cold]
pub(crate) fn process() -> ! {
    std::process::abort()
}

/// Ends the process by a panic that may not unwind: the program's panic handler has the last word.
#[cfg(not(feature = "std"))]
#[cold]
pub(crate) extern "C" fn process() -> ! {
    panic!("permacode: this must not go on")
}
