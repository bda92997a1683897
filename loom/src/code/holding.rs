//! Arenas are kept for an arena by several threads at once: each edge is there in the end, and what it keeps ends once, after the arena.
//!
//! Each model runs on the library's edges, and on copies that are weaker in one thing. There it must fail. The arenas and the shares in them are
//! the models' own, since the library's lie in mapped memory.

use crate::copies::copies;

std::thread_local! {
    /// Arenas that ended in a run of a model. All of loom's threads run on one of the system's.
    static ENDED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Edges, arenas that have some, and the models.
macro_rules! edges {
    ($of:literal, $copy:ident, $(#[$hidden:meta])?) => {
        mod edges {
            include!(concat!(env!("OUT_DIR"), "/", $of, "/", stringify!($copy), ".rs"));
        }

        mod arena {
            use super::edges::Edges;
            use crate::Watched;
            use crate::code::birth::Birth;
            use crate::code::holding::ENDED;
            use crate::error::Error;
            use core::alloc::Layout;
            use core::ptr::NonNull;

            pub(in crate::code) struct CodeArena {
                pub(super) edges: Edges,
                store: Store,
            }

            pub(in crate::code) struct Store {
                birth: Birth,
                code: &'static Watched,
            }

            impl CodeArena {
                pub(super) fn new() -> Self {
                    Self { edges: Edges::new(), store: Store { birth: Birth::now(), code: Watched::new() } }
                }

                /// Memory that is good as long as the arena is.
                pub(super) fn code(&self) -> &'static Watched {
                    self.store.code
                }

                pub(super) fn store(&self) -> &Store {
                    &self.store
                }

                pub(super) fn go_home(self) -> NonNull<Self> {
                    NonNull::from(Box::leak(Box::new(self)))
                }
            }

            impl Store {
                pub(super) fn birth(&self) -> Birth {
                    self.birth
                }

                /// In memory that outlives the model.
                pub(super) fn claim_record(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
                    // SAFETY: an edge has a size.
                    Ok(NonNull::new(unsafe { std::alloc::alloc(layout) }).unwrap())
                }
            }

            impl Drop for Store {
                fn drop(&mut self) {
                    self.code.write(1);
                    ENDED.set(ENDED.get() + 1);
                }
            }
        }

        mod share {
            use super::arena::CodeArena;
            use crate::Watched;
            use loom::sync::Arc;

            /// A share whose own bytes are watched: written by who makes it, read by who looks at it.
            pub(super) struct Share(Arc<CodeArena>, &'static Watched);

            impl Share {
                pub(super) fn new(arena: CodeArena) -> Self {
                    Self::of(Arc::new(arena))
                }

                fn of(arena: Arc<CodeArena>) -> Self {
                    let bytes = Watched::new();
                    bytes.write(1);
                    Self(arena, bytes)
                }

                fn look(&self) -> &Arc<CodeArena> {
                    assert_eq!(self.1.read(), 1);
                    &self.0
                }

                pub(super) fn arena(&self) -> Option<&CodeArena> {
                    Some(self.look())
                }

                pub(super) fn is_in(&self, arena: &CodeArena) -> bool {
                    core::ptr::eq(&**self.look(), arena)
                }

                pub(super) fn same(&self, other: &Self) -> bool {
                    Arc::ptr_eq(self.look(), other.look())
                }

                pub(super) fn into_last(self) -> Option<CodeArena> {
                    self.look();
                    Arc::try_unwrap(self.0).ok()
                }
            }

            impl Clone for Share {
                fn clone(&self) -> Self {
                    Self::of(self.look().clone())
                }
            }
        }

        mod models {
            use super::arena::CodeArena;
            use super::share::Share;
            use crate::code::holding::ENDED;
            use crate::copies::bounded;
            use loom::thread;

            /// Shares in so many arenas, the youngest last. That keeps one already, so its list was used before threads share it.
            fn arenas<const LEN: usize>() -> [Share; LEN] {
                ENDED.set(0);
                let kept = Share::new(CodeArena::new());
                let arenas = [(); LEN].map(|()| Share::new(CodeArena::new()));
                let youngest = arenas[LEN - 1].arena().unwrap();
                assert!(kept.arena().unwrap().keep_alive(&arenas[LEN - 1]).is_err(), "it is younger");
                youngest.keep_alive(&kept).unwrap();
                arenas
            }

            /// Refers to code of one arena from another one, and looks at it when only that one keeps it.
            fn refer(from: Share, to: Share) {
                let (keeper, code) = (from.arena().unwrap(), to.arena().unwrap().code());
                keeper.keep_alive(&to).unwrap();
                drop(to);
                assert_eq!(code.read(), 0);
                drop(from);
            }

            #[test]
            $(#[$hidden])?
            fn two_threads_keep_an_arena_each_while_a_third_lets_go_of_all() {
                bounded(|| {
                    let [one, two, youngest] = arenas();
                    let threads = [&one, &two].map(|older| {
                        let (from, to) = (youngest.clone(), older.clone());
                        thread::spawn(move || refer(from, to))
                    });
                    drop((one, two, youngest));
                    threads.into_iter().for_each(|thread| thread.join().unwrap());
                    assert_eq!(ENDED.get(), 4);
                });
            }

            #[test]
            $(#[$hidden])?
            fn two_threads_keep_one_arena() {
                bounded(|| {
                    let [older, youngest] = arenas();
                    let other = thread::spawn({
                        let (from, to) = (youngest.clone(), older.clone());
                        move || refer(from, to)
                    });
                    refer(youngest, older);
                    other.join().unwrap();
                    assert_eq!(ENDED.get(), 3);
                });
            }
        }
    };
}

copies! {
    "edges", edges,
    an_edge_is_pushed_relaxed
    an_edge_is_found_relaxed
    an_edge_takes_the_place_of_another
    an_edge_that_came_before_is_forgotten
}
