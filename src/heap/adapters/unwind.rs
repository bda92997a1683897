//! The end of unwinding: a global allocator must not (soundness S34).

use crate::base::end;

/// Runs what unwinds only by a mistake of this crate's, or of a page source. The process ends if it does.
#[inline(always)]
pub(in crate::heap) fn contained<R>(body: impl FnOnce() -> R) -> R {
    struct Abort;
    impl Drop for Abort {
        #[cold]
        #[inline(never)]
        fn drop(&mut self) {
            end::process()
        }
    }
    let abort = Abort;
    let done = body();
    core::mem::forget(abort);
    done
}
