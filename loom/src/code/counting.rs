//! Shares in counted memory come and go on threads: the last one ends it, once, and after all that was done with it.
//!
//! Each model runs on the library's shares, and on copies that are weaker in one thing. There it must fail.

use crate::Watched;
use crate::copies::copies;

std::thread_local! {
    /// Memory that ended in a run of a model. All of loom's threads run on one of the system's.
    static ENDED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Shares, and the models.
macro_rules! shares {
    ($of:literal, $copy:ident, $(#[$hidden:meta])?) => {
        mod share {
            include!(concat!(env!("OUT_DIR"), "/", $of, "/", stringify!($copy), ".rs"));
        }

        /// What the models need no share in.
        mod arena {
            pub(crate) struct CodeArena(u64);
        }

        mod models {
            use super::share::{Counted, Share};
            use crate::Watched;
            use crate::code::counting::ENDED;
            use crate::copies::bounded;
            use core::ptr::NonNull;
            use loom::thread;

            #[repr(C)]
            struct Region {
                counted: Counted,
                memory: &'static Watched,
            }

            /// The first share in a region, and its memory. The count is used once before threads share it.
            fn region() -> (Share, &'static Watched) {
                ENDED.set(0);
                let memory = Watched::new();
                let region = Box::leak(Box::new(Region { counted: Counted::new(end), memory }));
                // SAFETY: it begins with its count, is `Sync`, and `end` frees it.
                let share = unsafe { Share::first(NonNull::from(region).cast()) };
                drop(share.clone());
                (share, memory)
            }

            unsafe fn end(region: NonNull<Counted>) {
                // SAFETY: boxed above, and ended once: loom would see another write.
                let region = unsafe { Box::from_raw(region.cast::<Region>().as_ptr()) };
                region.memory.write(1);
                ENDED.set(ENDED.get() + 1);
            }

            #[test]
            $(#[$hidden])?
            fn the_last_share_ends_it_after_what_others_did() {
                bounded(|| {
                    let (share, memory) = region();
                    let threads = [(); 2].map(|()| {
                        let share = share.clone();
                        thread::spawn(move || {
                            assert_eq!(memory.read(), 0);
                            drop(share);
                        })
                    });
                    assert_eq!(memory.read(), 0);
                    drop(share);
                    threads.into_iter().for_each(|thread| thread.join().unwrap());
                    assert_eq!((ENDED.get(), memory.read()), (1, 1));
                });
            }

            #[test]
            $(#[$hidden])?
            fn a_share_that_is_taken_of_another_counts() {
                loom::model(|| {
                    let (share, memory) = region();
                    let taker = thread::spawn({
                        let share = share.clone();
                        move || {
                            let taken = share.clone();
                            drop(share);
                            assert_eq!(memory.read(), 0);
                            drop(taken);
                        }
                    });
                    assert_eq!(memory.read(), 0);
                    // As a region does that kept it: it ends what it was the last in by itself.
                    if let Some(last) = share.into_last_counted() {
                        // SAFETY: it was the last share.
                        unsafe { end(last) };
                    }
                    taker.join().unwrap();
                    assert_eq!((ENDED.get(), memory.read()), (1, 1));
                });
            }
        }
    };
}

copies! {
    "share", shares,
    a_share_goes_relaxed
    the_last_share_does_not_look_back
    the_count_is_read_and_then_lowered
}
